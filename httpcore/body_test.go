package httpcore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
)

const postChunked = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"

// posting makes a request with a body of a declared length, or a chunked one.
func posting(body string, chunked bool) string {
	if !chunked {
		return fmt.Sprintf("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	var b strings.Builder
	b.WriteString(postChunked)
	for len(body) > 0 {
		n := min(len(body), 5000)
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

func TestBodyLimit(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		errs := make(chan error, 1)
		s := start(t, &httpcore.Server{Engine: e, MaxBodyBytes: 10, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			errs <- err
			if err == nil || r.URL.Path == "/answers" {
				fmt.Fprintf(w, "%d bytes", len(b))
			}
		})})
		for _, chunked := range []bool{false, true} {
			if r := s.dial().send(posting("0123456789", chunked)).recv("POST"); r.body != "10 bytes" || r.Close {
				t.Errorf("at the limit, chunked %v: %s %q", chunked, r.Status, r.body)
			}
			if err := <-errs; err != nil {
				t.Error(err)
			}
			c := s.dial().send(posting("0123456789a", chunked))
			if r := c.recv("POST"); r.StatusCode != 413 || r.Header.Get("X-Wirespan-Error") != "max_request_body_size_exceeded" {
				t.Errorf("over the limit, chunked %v: %s %v", chunked, r.Status, r.Header)
			}
			c.eof()
		}
		var tooLarge *http.MaxBytesError
		if err := <-errs; !errors.As(err, &tooLarge) || tooLarge.Limit != 10 {
			t.Errorf("Read returned %v", err)
		}
		c := s.dial().send(strings.Replace(posting("0123456789a", true), "/", "/answers", 1))
		if r := c.recv("POST"); r.StatusCode != 200 || r.body != "10 bytes" || !r.Close {
			t.Errorf("the handler's own answer: %s %q, close %v", r.Status, r.body, r.Close)
		}
		c.eof()
	})
}

func TestNoBodyLimit(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, MaxBodyBytes: -1, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, err)
		})})
		body := strings.Repeat("x", 33<<20)
		for _, chunked := range []bool{false, true} {
			if r := s.dial().send(posting(body, chunked)).recv("POST"); r.body != fmt.Sprint(int64(len(body)), nil) {
				t.Errorf("chunked %v: %s", chunked, r.body)
			}
		}
	})
}

func TestMaxBytesReader(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10))
			var tooLarge *http.MaxBytesError
			if !errors.As(err, &tooLarge) {
				t.Errorf("got %v", err)
			}
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		})})
		c := s.dial()
		for range 2 {
			if r := c.send(posting("0123456789abcdef", true)).recv("POST"); r.StatusCode != 413 {
				t.Error(r.Status)
			}
		}
	})
}

// What the handler leaves is read and thrown away, up to 256 KiB; beyond that the connection ends, and the response is
// not lost in it.
func TestUnreadBody(t *testing.T) {
	readSome := func(n int64) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.CopyN(io.Discard, r.Body, n)
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
		}
	}
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, chunked := range []bool{false, true} {
			for _, tt := range []struct {
				size int
				read int64
				open bool
			}{
				{10, 0, true},
				{10, 5, true},
				{10, 10, true},
				{200_000, 0, true},
				{200_000, 100_000, true},
				{256 << 10, 0, true},
				{300_000, 0, false},
				{300_000, 100_000, true},
				{10_000_000, 0, false},
				{10_000_000, 5000, false},
			} {
				s := start(t, &httpcore.Server{Engine: e, Handler: withLast(readSome(tt.read))})
				said := converse(t, s.addr, posting(strings.Repeat("b", tt.size), chunked), "POST")
				if len(said.Answers) != 1 || len(said.Answers[0].Body) != 10_000 || said.Open != tt.open {
					t.Errorf("%d bytes, %d read, chunked %v: %d answers, open %v, broken %q", tt.size, tt.read, chunked, len(said.Answers), said.Open, said.Broken)
				}
			}
		}
	})
}

// A handler often stops where the content ends, without having asked for the end of the body.
func TestBodyReadToTheEndOfItsContent(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var v map[string]int
			if err := json.NewDecoder(r.Body).Decode(&v); err != nil || v["a"] != 1 {
				t.Errorf("got %v, %v", v, err)
			}
		})})
		for _, chunked := range []bool{false, true} {
			c := s.dial().send(strings.Repeat(posting(`{"a":1}`, chunked), 3))
			for range 3 {
				if r := c.recv("POST"); r.StatusCode != 200 || r.Close {
					t.Errorf("%s, close %v", r.Status, r.Close)
				}
			}
		}
	})
}

func TestBodyAfterTheHandler(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		bodies := make(chan io.ReadCloser, 1)
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { bodies <- r.Body })})
		c := s.dial()
		for _, chunked := range []bool{false, true} {
			c.send(posting("hello", chunked)).recv("POST")
			body := <-bodies
			if n, err := body.Read(make([]byte, 10)); n != 0 || !errors.Is(err, http.ErrBodyReadAfterClose) {
				t.Errorf("Read returned %d, %v", n, err)
			}
			if err := body.Close(); err != nil {
				t.Error(err)
			}
		}
		c.send(get("/")).recv("GET")
	})
}

// readInBackground reads the body in another goroutine until it fails, and tells when it has read the first byte.
func readInBackground(r *http.Request) (begun <-chan struct{}, failed <-chan error) {
	first, last := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := io.ReadFull(r.Body, make([]byte, 1))
		close(first)
		if err == nil {
			_, err = io.Copy(io.Discard, r.Body)
		}
		last <- err
	}()
	return first, last
}

// A goroutine that still reads when the handler returns does not hold the response up.
func TestHandlerReturnsWhileItsBodyIsRead(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		var failed <-chan error
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begun, f := readInBackground(r)
			failed = f
			<-begun
			_, _ = io.WriteString(w, "done")
		})})
		for range 50 {
			c := s.dial().send(posting("hello", false)[:len(posting("hello", false))-4])
			if r := c.recv("POST"); r.body != "done" {
				t.Errorf("got %s %q", r.Status, r.body)
			}
			if err := <-failed; !errors.Is(err, http.ErrBodyReadAfterClose) {
				t.Errorf("Read returned %v", err)
			}
			c.eof()
		}
	})
}

func TestCloseEndsARead(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begun, failed := readInBackground(r)
			<-begun
			_ = r.Body.Close()
			if err := <-failed; !errors.Is(err, http.ErrBodyReadAfterClose) {
				t.Errorf("Read returned %v", err)
			}
			_, _ = io.WriteString(w, "done")
		})})
		for range 50 {
			c := s.dial().send(postChunked + "5\r\nhello\r\n")
			if r := c.recv("POST"); r.body != "done" {
				t.Errorf("got %s %q", r.Status, r.body)
			}
			c.eof()
		}
	})
}

func TestBodyCutShort(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, raw := range []string{
			"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhel", postChunked + "5\r\nhel", postChunked + "5\r\nhello\r\n", postChunked + "5",
		} {
			s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%q: Read returned %v", raw, err)
				}
				<-r.Context().Done()
			})})
			c := s.dial().send(raw)
			c.closeWrite()
			if r := c.recv("POST"); r.StatusCode != 400 || r.Header.Get("X-Wirespan-Error") != "unexpected_end_of_request_content" {
				t.Errorf("%q: %s %v", raw, r.Status, r.Header)
			}
			c.eof()
			_ = c.Close()
			if f := only[*lifecycle.RequestFailed](t, s.closed()); f.Code != "unexpected_end_of_request_content" || !errors.Is(f.Err, io.ErrUnexpectedEOF) {
				t.Errorf("%q: %q, %v", raw, f.Code, f.Err)
			}
		}
	})
}

func TestBodyThatCannotBeDecoded(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, bad := range []string{"g\r\n", "5\nhello", "5\r\nhelloX", "-1\r\n", "\r\n", "11111111111111111\r\n", "5;\x00\r\n"} {
			s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				for range 2 {
					if _, err := io.ReadAll(r.Body); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
						t.Errorf("%q: Read returned %v", bad, err)
					}
				}
			})})
			c := s.dial().send(postChunked + bad)
			if r := c.recv("POST"); r.StatusCode != 400 || r.Header.Get("X-Wirespan-Error") != "invalid_chunked_body" {
				t.Errorf("%q: %s %v", bad, r.Status, r.Header)
			}
			c.eof()
			_ = c.Close()
			if code := s.failure(); code != "invalid_chunked_body" {
				t.Errorf("%q: %q", bad, code)
			}
		}
	})
}

// Waiting for the client to leave never takes a byte of a body, whatever became of the request before.
func TestContextDoesNotReadTheBody(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			done := r.Context().Done()
			if r.ContentLength > 5 {
				return // leaves its body to be drained
			}
			echo(w, r)
			select {
			case <-done:
				t.Error("the context ended, but the client is there")
			default:
			}
		})})
		c := s.dial()
		for range 3 {
			c.send(posting("drained", false)).recv("POST")
			c.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n")
			if r := c.send("hello").recv("POST"); r.body != "hello" {
				t.Errorf("got %q", r.body)
			}
		}
	})
}

func TestBytesReceived(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, chunked := range []bool{false, true} {
			s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(echo)})
			c := s.dial().send(posting(strings.Repeat("x", 12_345), chunked))
			c.recv("POST")
			_ = c.Close()
			if o := only[*lifecycle.ResponseCompleted](t, s.closed()); o.BytesReceived != 12_345 || o.BytesSent != 12_345 {
				t.Errorf("chunked %v: received %d, sent %d", chunked, o.BytesReceived, o.BytesSent)
			}
		}
	})
}
