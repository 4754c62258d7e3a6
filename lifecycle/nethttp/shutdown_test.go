package nethttp_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/lifecycle/nethttp"
)

// slowEnd is a connection whose goroutine notices its end only when it is let.
type slowEnd struct {
	net.Conn
	let <-chan struct{}
}

func (c slowEnd) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		<-c.let
	}
	return n, err
}

// Shutdown returns when the end of each connection has been reported, or with the error of its context.
func TestShutdownWaitsForTheReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		client, conn := net.Pipe()
		defer client.Close()
		l := oneConn(make(chan net.Conn, 1))
		l <- slowEnd{conn, let}
		rec := new(lifecycletest.Recorder)
		s := nethttp.Attach(&http.Server{Handler: http.HandlerFunc(hello), ErrorLog: discard}, rec)
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		newClient(t, client).send(get("/")).recv("GET")
		synctest.Wait() // the connection is idle

		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Shutdown(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown returned %v while a connection was still to be reported", err)
		}
		if n := len(lifecycletest.Of[*lifecycle.ConnectionCompleted](rec.Events())); n != 0 {
			t.Fatalf("%d connections are completed", n)
		}
		time.AfterFunc(time.Second, func() { close(let) })
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if e := only[*lifecycle.ConnectionCompleted](t, rec.Events()); e.Reason != lifecycle.ReasonDrain {
			t.Errorf("the reason is %s", e.Reason)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// A connection that a handler has taken over is not waited for, as in net/http.
func TestShutdownLeavesUpgradedConnectionsAlone(t *testing.T) {
	taken, end := make(chan struct{}), make(chan struct{})
	s := start(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		nc, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
		}
		close(taken)
		<-end
		_ = nc.Close()
	})})
	dial(t, s.addr).send(get("/"))
	<-taken
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(lifecycletest.Of[*lifecycle.ConnectionCompleted](s.rec.Events())); n != 0 {
		t.Errorf("%d connections are completed", n)
	}
	close(end)
	waitClosed(t, s.rec)
}
