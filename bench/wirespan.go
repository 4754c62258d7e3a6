package main

import (
	"context"
	"net/http"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/otelcollector"
)

// outlet sets the kind of handler that answers.
type outlet func(*httpcore.Server)

func handlerOutlet(s *httpcore.Server) { s.Handler = http.HandlerFunc(hello) }

func syncOutlet(s *httpcore.Server) {
	s.Sync = httpcore.SyncHandlerFunc(func(w *httpcore.SyncResponse, _ *httpcore.SyncRequest) bool {
		served.Add(1)
		w.SetHeader("Content-Type", plainText)
		w.SetBodyString(greeting)
		return true
	})
}

func startWirespan(set outlet, traced bool) func(context.Context) (*server, error) {
	return func(ctx context.Context) (*server, error) {
		s := &httpcore.Server{Addr: loopback}
		set(s)
		running := new(server)
		if traced {
			collector, err := otelcollector.New(ctx, otelcollector.Config{})
			if err != nil {
				return nil, err
			}
			s.Collector = collector
			running.flush = collector.ForceFlush
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
