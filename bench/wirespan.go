package main

import (
	"context"
	"net/http"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/otelcollector"
)

// outlet sets the kind of handler that answers.
type outlet func(*httpcore.Server, http.Handler)

func handlerOutlet(s *httpcore.Server, h http.Handler) { s.Handler = h }

func syncOutlet(s *httpcore.Server, _ http.Handler) {
	s.Sync = httpcore.SyncHandlerFunc(func(w *httpcore.SyncResponse, _ *httpcore.SyncRequest) bool {
		served.Add(1)
		w.SetHeader("Content-Type", plainText)
		w.SetBodyString(greeting)
		return true
	})
}

func startWirespan(set outlet, traced bool) func(context.Context, http.Handler) (*server, error) {
	return func(ctx context.Context, h http.Handler) (*server, error) {
		s := &httpcore.Server{Addr: loopback}
		set(s, h)
		running := new(server)
		if traced {
			collector, err := otelcollector.New(ctx, otelcollector.Config{})
			if err != nil {
				return nil, err
			}
			s.Collector = collector
			running.flush, running.books = collector.ForceFlush, collector.Stats
		}
		l, err := s.Listen()
		if err != nil {
			return nil, err
		}
		go s.Serve(l) //nolint:errcheck // it serves until the process ends
		running.addr = l.Addr().String()
		return running, nil
	}
}
