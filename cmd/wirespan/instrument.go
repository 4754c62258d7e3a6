package main

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// The values of --instrument.
const (
	instrumentPrint = "print"
	instrumentLog   = "log"
)

// startHooks has the server tell what goes on below its requests, where that is asked for. Payloads stay out of it.
func (t *telemetry) startHooks(outlet string, stdout io.Writer, log *slog.Logger) {
	switch outlet {
	case instrumentPrint:
		t.printed = newLines(stdout, "lines of --instrument")
		t.hooks = instrument.Print(t.printed, instrument.PrintOptions{})
	case instrumentLog:
		t.hooks = instrument.Log(log, instrument.PrintOptions{})
	}
}

// withHandshake has the hooks of the call's context told of the TLS handshake that it may come to.
func withHandshake(r *http.Request) *http.Request {
	if r.URL.Scheme != "https" {
		return r
	}
	h := instrument.FromContext(r.Context())
	if h == nil || h.TLSHandshakeStart == nil && h.TLSHandshakeComplete == nil {
		return r
	}
	s := &serverHandshake{hooks: h}
	return r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		ConnectDone: s.connected, TLSHandshakeStart: s.begin, TLSHandshakeDone: s.end,
	}))
}

// serverHandshake is the TLS handshake of a call that makes a connection.
type serverHandshake struct {
	hooks *instrument.Hooks

	mu    sync.Mutex // a transport may connect on goroutines of its own
	conn  instrument.Conn
	start time.Time
}

func (s *serverHandshake) connected(_, address string, err error) {
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.conn = instrument.Conn{Remote: address}
	}
}

func (s *serverHandshake) begin() {
	s.mu.Lock()
	s.start = time.Now()
	i := instrument.IOStart{Conn: s.conn, Start: s.start}
	s.mu.Unlock()
	if s.hooks.TLSHandshakeStart != nil {
		s.hooks.TLSHandshakeStart(i)
	}
}

func (s *serverHandshake) end(state tls.ConnectionState, err error) {
	if s.hooks.TLSHandshakeComplete == nil {
		return
	}
	s.mu.Lock()
	i := instrument.TLSHandshake{Conn: s.conn, Start: s.start, Elapsed: time.Since(s.start), Client: true, Err: err}
	s.mu.Unlock()
	if err == nil {
		i.Version, i.CipherSuite, i.Protocol = state.Version, state.CipherSuite, state.NegotiatedProtocol
		i.ServerName, i.Resumed = state.ServerName, state.DidResume
	}
	s.hooks.TLSHandshakeComplete(i)
}
