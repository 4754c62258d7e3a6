package httpcore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

func TestHello(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Handler: http.HandlerFunc(hello), Engine: e})
		c := s.dial()
		for range 3 {
			r := c.send(get("/")).recv("GET")
			if r.StatusCode != 200 || r.body != "Hello, World!" || r.ContentLength != 13 {
				t.Fatalf("got %s %q", r.Status, r.body)
			}
			if r.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("Content-Type %q", r.Header.Get("Content-Type"))
			}
			if d, err := http.ParseTime(r.Header.Get("Date")); err != nil || time.Since(d).Abs() > 5*time.Second {
				t.Errorf("Date %q: %v", r.Header.Get("Date"), err)
			}
		}
		_ = c.Close()
		waitClosed(t, s.rec)
		want := "ConnectionOpened" + strings.Repeat(" RequestStarted ResponseCompleted", 3) + " ConnectionCompleted"
		if got := lifecycletest.Names(s.rec.Events()); got != want {
			t.Errorf("events\n%s, want\n%s", got, want)
		}
	})
}

// A connection lasts from its accept to its close.
func TestConnectionDuration(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Handler: http.HandlerFunc(hello), Engine: e})
		c := s.dial().send(get("/"))
		c.recv("GET")
		_ = c.Close()
		events := s.closed()
		opened, completed := only[*lifecycle.ConnectionOpened](t, events), only[*lifecycle.ConnectionCompleted](t, events)
		if opened.AcceptedNS == 0 || opened.AcceptedNS > opened.TimestampNS || int64(completed.Duration) != completed.TimestampNS-opened.AcceptedNS {
			t.Errorf("%v from %d to %d", completed.Duration, opened.AcceptedNS, completed.TimestampNS)
		}
	})
	inBubble(t, serveHello(), func(b bubble) {
		c := b.dial()
		time.Sleep(5 * time.Second)
		c.send(get("/")).recv("GET")
		time.Sleep(60 * time.Second)
		_ = c.Close()
		b.ended()
		if e := only[*lifecycle.ConnectionCompleted](t, b.rec.Events()); e.Duration != 65*time.Second {
			t.Errorf("a connection of 65 s is said to have lasted %v", e.Duration)
		}
	})
}

func TestPipelinedResponsesKeepTheirOrder(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.URL.Path)
		})})
		c := s.dial()
		var all strings.Builder
		for i := range 100 {
			all.WriteString(get("/" + strings.Repeat("x", i)))
		}
		c.send(all.String())
		for i := range 100 {
			if r := c.recv("GET"); r.body != "/"+strings.Repeat("x", i) {
				t.Fatalf("response %d is %q", i, r.body)
			}
		}
	})
}

func TestEchoBodies(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		_, _ = w.Write(b)
	})
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Handler: echo, Engine: e})
		for _, size := range []int{0, 1, 4095, 4096, 4097, 100_000, 3_000_000} {
			want := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			for _, chunked := range []bool{false, true} {
				var body io.Reader = bytes.NewReader(want)
				if chunked {
					body = io.MultiReader(body)
				}
				res, err := http.Post("http://"+s.addr+"/echo", "application/octet-stream", body)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("size %d chunked %v: %s, %d bytes (%.80q), %v", size, chunked, res.Status, len(got), got, err)
				}
			}
		}
		http.DefaultClient.CloseIdleConnections()
	})
}

func TestContextEndsWhenTheClientLeaves(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		entered, left := make(chan struct{}), make(chan error, 1)
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
			left <- r.Context().Err()
		})})
		c := s.dial().send(get("/"))
		<-entered
		_ = c.Close()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Fatalf("the context ended with %v", err)
		}
		waitClosed(t, s.rec)
		if got := lifecycletest.Names(s.rec.Events()); got != "ConnectionOpened RequestStarted ClientDisconnected ConnectionCompleted" {
			t.Error(got)
		}
	})
}

func TestPanicIsAnsweredWith500(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("no") })})
		c := s.dial().send(get("/"))
		if r := c.recv("GET"); r.StatusCode != 500 || r.Header.Get("X-Wirespan-Error") != "handler_panic" {
			t.Errorf("got %s %v", r.Status, r.Header)
		}
		c.eof()
		waitClosed(t, s.rec)
		for _, ev := range s.rec.Events() {
			if f, ok := ev.(*lifecycle.RequestFailed); ok {
				if p, ok := f.Err.(*lifecycle.PanicError); !ok || p.Value != "no" || f.Status != 500 || !f.Started {
					t.Errorf("RequestFailed %+v", f)
				}
			}
		}
	})
}

func TestShutdownLetsRequestsFinish(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		entered, release := make(chan struct{}), make(chan struct{})
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				close(entered)
				<-release
			}
			hello(w, r)
		})})
		idle := s.dial().send(get("/"))
		idle.recv("GET")
		busy := s.dial().send(get("/slow"))
		<-entered
		down := make(chan error, 1)
		go func() { down <- s.Shutdown(context.Background()) }()
		idle.eof()
		close(release)
		if r := busy.recv("GET"); r.StatusCode != 200 || !r.Close {
			t.Errorf("got %s, close %v", r.Status, r.Close)
		}
		busy.eof()
		if err := <-down; err != nil {
			t.Error(err)
		}
	})
}

func TestSyncHandler(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Sync: httpcore.SyncHandlerFunc(func(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
			w.SetHeader("Content-Type", "text/plain")
			w.SetBodyString("Hello, World!")
			return r.Path() == "/sync"
		})})
		if r := s.dial().send(get("/sync?a")).recv("GET"); r.body != "Hello, World!" || r.Header.Get("Content-Type") != "text/plain" {
			t.Fatalf("got %s %q", r.Status, r.body)
		}
		if r := s.dial().send(get("/else")).recv("GET"); r.StatusCode != 404 {
			t.Fatalf("got %s %q", r.Status, r.body)
		}
	})
}
