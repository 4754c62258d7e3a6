package nethttp_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/lifecycle/nethttp"
)

func itoa(n int) string { return strconv.Itoa(n) }

// overFiles accepts connections that note when a file is sent by way of the kernel.
type overFiles struct {
	net.Listener
	files chan string
}

func (l overFiles) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return overFile{nc.(*net.TCPConn), l.files}, nil
}

type overFile struct {
	*net.TCPConn
	files chan string
}

func (c overFile) ReadFrom(r io.Reader) (int64, error) {
	if l, ok := r.(*io.LimitedReader); ok {
		c.files <- fmt.Sprintf("%T", l.R)
	}
	return c.TCPConn.ReadFrom(r)
}

func TestFilesGoByWayOfTheKernel(t *testing.T) {
	const size = 1 << 20
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	files := make(chan string, 8)
	copies := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/served" {
			http.ServeFile(w, r, path)
			return
		}
		f, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if r.URL.Path == "/declared" {
			w.Header().Set("Content-Length", itoa(size))
		}
		_, _ = io.Copy(w, io.LimitReader(f, size))
	})
	s := startWith(t, &http.Server{Handler: copies}, func(s *nethttp.Server, l net.Listener) error {
		return s.Serve(overFiles{l, files})
	})
	c := dial(t, s.addr)
	for _, path := range []string{"/served", "/declared", "/chunked"} {
		if r := c.send(get(path)).recv("GET"); len(r.body) != size {
			t.Errorf("%s: %d bytes", path, len(r.body))
		}
	}
	_ = c.Close()
	for _, o := range lifecycletest.Of[*lifecycle.ResponseCompleted](s.wait(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))) {
		if o.BytesSent != size || o.HeadBytes == 0 || o.Status != 200 {
			t.Errorf("%s: the outcome is %+v", o.Target, o)
		}
	}
	close(files)
	var got []string
	for f := range files {
		got = append(got, f)
	}
	if len(got) < 2 || strings.Join(got, " ") != strings.TrimSpace(strings.Repeat("*os.File ", len(got))) {
		t.Errorf("by way of the kernel went %v", got)
	}
}

// toldReads is a listener whose connections tell of each read before it begins, when the one before it has been noted.
type toldReads struct {
	net.Listener
	reads chan struct{}
}

func (l toldReads) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return toldRead{nc, l.reads}, err
}

type toldRead struct {
	net.Conn
	reads chan struct{}
}

func (c toldRead) Read(p []byte) (int, error) {
	c.reads <- struct{}{}
	return c.Conn.Read(p)
}

// A head that comes in parts has begun with the first of them, also when it is not the first one of its connection.
func TestFirstByteIsThatOfTheHead(t *testing.T) {
	reads := make(chan struct{}, 100)
	s := startWith(t, &http.Server{Handler: http.HandlerFunc(hello)}, func(s *nethttp.Server, l net.Listener) error {
		return s.Serve(toldReads{l, reads})
	})
	c := dial(t, s.addr)
	between := make([]int64, 2)
	for i := range between {
		<-reads
		c.send("GET / HTTP/1.1\r\n")
		<-reads
		between[i] = lifecycle.MonotonicNS()
		c.send("Host: test\r\n")
		<-reads
		c.send("\r\n")
		<-reads // in the background, while the handler runs
		c.recv("GET")
		s.wait(lifecycletest.AtLeast[*lifecycle.ResponseCompleted](i + 1))
	}
	for i, e := range lifecycletest.Of[*lifecycle.RequestStarted](s.rec.Events()) {
		if p := e.Phases; p.FirstByte > between[i] || p.HeadParsed < between[i] || i > 0 && p.FirstByte < p.IdleSince {
			t.Errorf("request %d: idle since %d, first byte %d, parsed %d; in between it was %d", i, p.IdleSince, p.FirstByte, p.HeadParsed, between[i])
		}
	}
}

func TestSourceThatGivesNothing(t *testing.T) {
	s := start(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("")); n != 0 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		w.WriteHeader(418)
		if n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("pot")); n != 3 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	})})
	if r := dial(t, s.addr).send(get("/")).recv("GET"); r.StatusCode != 418 || r.body != "pot" {
		t.Errorf("got %s %q", r.Status, r.body)
	}
	o := only[*lifecycle.ResponseCompleted](t, s.wait(lifecycletest.AtLeast[*lifecycle.ResponseCompleted](1)))
	if o.Status != 418 || o.BytesSent != 3 {
		t.Errorf("the outcome is %+v", o)
	}
}

func TestResponseController(t *testing.T) {
	s := start(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if err := errors.Join(c.EnableFullDuplex(), c.SetReadDeadline(time.Now().Add(patience)), c.SetWriteDeadline(time.Now().Add(patience)), c.Flush()); err != nil {
			t.Error(err)
		}
		if _, ok := w.(http.Pusher); ok {
			t.Error("HTTP/1 has no push")
		}
		_, _ = io.Copy(w, r.Body)
		_, _ = w.(io.StringWriter).WriteString("end")
		if _, err := w.Write(nil); err != nil {
			t.Error(err)
		}
		w.WriteHeader(500) // is superfluous
	})})
	c := dial(t, s.addr).send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n")
	res, err := http.ReadResponse(c.r, nil) // before the body is sent
	if err != nil {
		t.Fatal(err)
	}
	c.send("12345")
	if b, err := io.ReadAll(res.Body); string(b) != "12345end" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	o := only[*lifecycle.ResponseCompleted](t, s.wait(lifecycletest.AtLeast[*lifecycle.ResponseCompleted](1)))
	if o.Status != 200 || o.BytesSent != 8 || o.BytesReceived != 5 || !o.Streaming {
		t.Errorf("the outcome is %+v", o)
	}
}

// A write that takes too long is the server's end of a request, not the client's.
func TestWriteDeadline(t *testing.T) {
	s := start(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now())
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})})
	dial(t, s.addr).send(get("/"))
	events := s.wait(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))
	e := only[*lifecycle.RequestFailed](t, events)
	if e.Code != "response_timeout" || !errors.Is(e.Err, os.ErrDeadlineExceeded) || e.Status != 0 || e.BytesSent != 0 {
		t.Errorf("got %+v", e)
	}
	if e := only[*lifecycle.ConnectionCompleted](t, events); e.Reason != lifecycle.ReasonTimeout {
		t.Errorf("the reason is %s", e.Reason)
	}
}

func TestIdleTimeout(t *testing.T) {
	s := start(t, &http.Server{Handler: http.HandlerFunc(hello), IdleTimeout: time.Millisecond})
	dial(t, s.addr).send(get("/")).recv("GET")
	if e := only[*lifecycle.ConnectionCompleted](t, s.wait(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))); e.Reason != lifecycle.ReasonTimeout {
		t.Errorf("the reason is %s", e.Reason)
	}
}

// The server's Close cuts a stream off.
func TestCloseInTheMiddle(t *testing.T) {
	s := start(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hello(w, r)
		w.(http.Flusher).Flush()
		<-w.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // frameworks still use it
	})})
	c := dial(t, s.addr).send(get("/"))
	if _, err := c.r.Peek(1); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	events := s.wait(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))
	if e := only[*lifecycle.RequestFailed](t, events); e.Code != "write_canceled" || e.Status != 200 || e.BytesSent != 5 {
		t.Errorf("got %+v", e)
	}
	if e := only[*lifecycle.StreamClosed](t, events); e.Reason != lifecycle.ReasonDrain {
		t.Errorf("the reason of the stream is %s", e.Reason)
	}
}

// An application that ends the context of its server has not lost its clients.
func TestContextOfTheApplication(t *testing.T) {
	s := start(t, &http.Server{
		ConnContext: func(ctx contextOf, _ net.Conn) contextOf { return ended(ctx) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Context().Err() == nil {
				t.Error("the context has not ended")
			}
			w.WriteHeader(503)
		}),
	})
	dial(t, s.addr).send(get("/")).recv("GET")
	if o := only[*lifecycle.ResponseCompleted](t, s.wait(lifecycletest.AtLeast[*lifecycle.ResponseCompleted](1))); o.Status != 503 {
		t.Errorf("the outcome is %+v", o)
	}
}
