package main

import (
	"context"
	"net/http"
	"path/filepath"

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

// tracing is how spans are made. It is told the workspace's directory.
type tracing func(dir string) otelcollector.Config

func inMemory(string) otelcollector.Config { return otelcollector.Config{} }

func withSpool(dir string) otelcollector.Config {
	return otelcollector.Config{SpoolDir: filepath.Join(dir, "spool")}
}

// startWirespan starts it with collectors, in their order: what makes spans comes first, so that the others know the ids.
func startWirespan(set outlet, collectors ...collecting) func(context.Context, http.Handler, string) (*server, error) {
	return func(ctx context.Context, h http.Handler, dir string) (*server, error) {
		s := &httpcore.Server{Addr: loopback}
		set(s, h)
		all, err := startCollectors(ctx, dir, collectors)
		if err != nil {
			return nil, err
		}
		s.Collector = all.tee()
		l, err := s.Listen()
		if err != nil {
			return nil, err
		}
		go s.Serve(l) //nolint:errcheck // it serves until the process ends
		return &server{addr: l.Addr().String(), flush: all.flush, books: all.books()}, nil
	}
}
