package httpcore_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// only returns the one event of type T.
func only[T lifecycle.Event](t *testing.T, events []lifecycle.Event) T {
	t.Helper()
	of := lifecycletest.Of[T](events)
	if len(of) != 1 {
		t.Fatalf("want one %T in %s", *new(T), lifecycletest.Names(events))
	}
	return of[0]
}

// closed waits for the end of all connections and returns the events.
func (s *site) closed() []lifecycle.Event {
	s.t.Helper()
	waitClosed(s.t, s.rec)
	return s.rec.Events()
}

func TestFlushSendsWhatWasWritten(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		read := make(chan struct{})
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for _, part := range []string{"one ", "two ", "three"} {
				_, _ = io.WriteString(w, part)
				w.(http.Flusher).Flush()
				<-read
			}
		})})
		c := s.dial().send(get("/"))
		res, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"one ", "two ", "three"} {
			part := make([]byte, len(want))
			if _, err := io.ReadFull(res.Body, part); err != nil || string(part) != want {
				t.Fatalf("got %q, %v, want %q", part, err, want)
			}
			read <- struct{}{}
		}
		if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
			t.Errorf("then %q, %v", rest, err)
		}
		_ = c.Close()

		events := s.closed()
		if got := lifecycletest.Names(events); got != "ConnectionOpened RequestStarted StreamOpened StreamClosed ResponseCompleted ConnectionCompleted" {
			t.Error(got)
		}
		if r := only[*lifecycle.StreamClosed](t, events).Reason; r != lifecycle.ReasonComplete {
			t.Errorf("the stream ended for %q", r)
		}
		if done := only[*lifecycle.ResponseCompleted](t, events); !done.Streaming || done.BytesSent != 13 {
			t.Errorf("streaming %v, %d bytes", done.Streaming, done.BytesSent)
		}
	})
}

func TestFlushOfWhatIsCompleteIsNoStream(t *testing.T) {
	flush := func(w http.ResponseWriter) { w.(http.Flusher).Flush() }
	tests := map[string]struct {
		request string
		handler http.HandlerFunc
	}{
		"the whole Content-Length": {get("/"), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "12345")
			flush(w)
		}},
		"204":  {get("/"), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204); flush(w) }},
		"HEAD": {head, func(w http.ResponseWriter, _ *http.Request) { flush(w); _, _ = io.WriteString(w, "x"); flush(w) }},
	}
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for name, tt := range tests {
			s := start(t, &httpcore.Server{Engine: e, Handler: tt.handler})
			c := s.dial().send(tt.request)
			c.recv(tt.request[:strings.IndexByte(tt.request, ' ')])
			_ = c.Close()
			if done := only[*lifecycle.ResponseCompleted](t, s.closed()); done.Streaming {
				t.Errorf("%s: streaming", name)
			}
		}
	})
}

func TestStreamEnds(t *testing.T) {
	begin := func(w http.ResponseWriter) {
		_, _ = io.WriteString(w, "begun")
		w.(http.Flusher).Flush()
	}
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		t.Run("the client leaves", func(t *testing.T) {
			s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				begin(w)
				<-r.Context().Done()
				for err := error(nil); err == nil; { // until the kernel has heard of it too
					_, err = w.Write(make([]byte, 100_000))
				}
			})})
			c := s.dial().send(get("/"))
			if _, err := http.ReadResponse(c.r, nil); err != nil {
				t.Fatal(err)
			}
			c.reset()
			events := s.closed()
			if r := only[*lifecycle.StreamClosed](t, events).Reason; r != lifecycle.ReasonClientDisconnect {
				t.Errorf("the stream ended for %q", r)
			}
			if gone := only[*lifecycle.ClientDisconnected](t, events); !gone.Streaming || !gone.DuringStreaming || gone.Status != 200 {
				t.Errorf("got %+v", gone)
			}
		})
		t.Run("the handler panics", func(t *testing.T) {
			s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				begin(w)
				panic("no")
			})})
			c := s.dial().send(get("/"))
			res, err := http.ReadResponse(c.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(res.Body); string(b) != "begun" || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("the body is %q, %v", b, err)
			}
			events := s.closed()
			if r := only[*lifecycle.StreamClosed](t, events).Reason; r != lifecycle.ReasonError {
				t.Errorf("the stream ended for %q", r)
			}
			if f := only[*lifecycle.RequestFailed](t, events); f.Code != "handler_panic" || f.Status != 200 || !f.Streaming {
				t.Errorf("got %+v", f)
			}
		})
	})
}

// A failed write ends the handler's context: a handler that looks only there stops.
func TestFailedWriteEndsTheContext(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		returned := make(chan error, 1)
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// The unread body keeps the server from watching the connection.
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 100_000))
			}
			_, err := w.Write([]byte("x"))
			returned <- err
		})})
		c := s.dial().send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n")
		if _, err := http.ReadResponse(c.r, nil); err != nil {
			t.Fatal(err)
		}
		c.reset()
		if err := <-returned; err == nil {
			t.Error("a Write after the failed one succeeded")
		}
		only[*lifecycle.ClientDisconnected](t, s.closed())
	})
}

func TestSetReadDeadline(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			if err := rc.SetReadDeadline(past); err != nil {
				t.Error(err)
			}
			if _, err := r.Body.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Read returned %v", err)
			}
			if r.Context().Err() != nil {
				t.Error("the context ended, but the client is there")
			}
			_, _ = io.WriteString(w, "too slow for me")
		})})
		c := s.dial().send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n")
		if r := c.recv("POST"); r.body != "too slow for me" || !r.Close {
			t.Errorf("got %q, close %v", r.body, r.Close)
		}
		c.eof()
	})
}

// What a handler sets holds for its request only.
func TestDeadlinesEndWithTheRequest(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		controllers := make(chan *http.ResponseController, 2)
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			if r.URL.Path == "/set" {
				_ = rc.SetReadDeadline(past)
				_ = rc.SetWriteDeadline(past)
			}
			controllers <- rc
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(b)
		})})
		c := s.dial()
		if r := c.send(get("/set")).recv("GET"); r.StatusCode != 200 {
			t.Fatal(r.Status)
		}
		rc := <-controllers
		if r := c.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n").send("hello").recv("POST"); r.body != "hello" {
			t.Errorf("got %q", r.body)
		}
		if rc.SetReadDeadline(past) == nil || rc.SetWriteDeadline(past) == nil || rc.Flush() == nil {
			t.Error("a ResponseController still works after its handler has returned")
		}
		if r := c.send(get("/")).recv("GET"); r.StatusCode != 200 {
			t.Error(r.Status)
		}
	})
}

// A deadline may be set to end a Write that is blocked.
func TestSetWriteDeadlineDuringWrite(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		failed := make(chan error, 1)
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			rc := http.NewResponseController(w)
			_, _ = io.WriteString(w, "begun")
			_ = rc.Flush()
			set := make(chan error, 1)
			go func() { set <- rc.SetWriteDeadline(past) }()
			var err error
			for err == nil {
				_, err = w.Write(make([]byte, 1<<20))
			}
			failed <- errors.Join(err, <-set)
		})})
		s.dial().send(get("/"))
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write returned %v", err)
		}
		if code := s.failure(); code != "response_timeout" {
			t.Errorf("RequestFailed.Code is %q", code)
		}
	})
}

func TestEnableFullDuplexKeepsTheConnection(t *testing.T) {
	body := strings.Repeat("x", 1<<20)
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: withLast(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				t.Error(err)
			}
			if _, err := io.Copy(w, r.Body); err != nil {
				t.Error(err)
			}
		}))})
		said := converse(t, s.addr, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1048576\r\n\r\n"+body, "POST")
		if len(said.Answers) != 1 || said.Answers[0].Body != body || !said.Open {
			t.Errorf("got %d answers, open %v", len(said.Answers), said.Open)
		}
	})
}
