package httpcore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
)

// chain is a reverse proxy on this server, in front of a backend on this server, and a client.
type chain struct {
	proxy, backend *site
	client         *http.Client
}

func newChain(t *testing.T, e httpcore.Engine, backend http.HandlerFunc) *chain {
	t.Helper()
	b := start(t, &httpcore.Server{Engine: e, Handler: backend})
	upstream := &http.Transport{}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: b.addr})
	proxy.Transport, proxy.ErrorLog = upstream, discard
	p := start(t, &httpcore.Server{Engine: e, Handler: proxy})
	downstream := &http.Transport{}
	t.Cleanup(func() { // before the servers end
		downstream.CloseIdleConnections()
		upstream.CloseIdleConnections()
	})
	return &chain{proxy: p, backend: b, client: &http.Client{Transport: downstream}}
}

func (c *chain) url() string { return "http://" + c.proxy.addr + "/" }

// wantNext reads what was flushed.
func wantNext(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

func TestReverseProxyStreams(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		next := make(chan struct{})
		c := newChain(t, e, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Trailer", "X-Count")
			for i := range 3 {
				_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
				w.(http.Flusher).Flush()
				<-next
			}
			w.Header().Set("X-Count", "3")
		})
		res, err := c.client.Get(c.url())
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		for i := range 3 {
			wantNext(t, res.Body, fmt.Sprintf("data: %d\n\n", i))
			next <- struct{}{}
		}
		if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil || res.Trailer.Get("X-Count") != "3" {
			t.Errorf("then %q, %v, trailer %v", rest, err, res.Trailer)
		}
	})
}

func TestReverseProxyPassesInformationalResponses(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		c := newChain(t, e, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</a>")
			w.WriteHeader(103)
			w.WriteHeader(204)
		})
		var links []string
		trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			links = append(links, fmt.Sprint(code, h["Link"]))
			return nil
		}}
		req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", c.url(), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 204 || len(links) != 1 || links[0] != "103 [</a>]" {
			t.Errorf("got %s after %q", res.Status, links)
		}
	})
}

// A backend may answer while the client still sends; the proxy must not wait for the rest of a body that nobody wants.
func TestReverseProxyEarlyResponse(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		c := newChain(t, e, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
		for range 20 {
			body, more := io.Pipe()
			go func() { _, _ = more.Write([]byte("a beginning")) }()
			res, err := c.client.Post(c.url(), "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(res.Body); res.StatusCode != 403 || string(b) != "no\n" || err != nil {
				t.Errorf("got %s %q, %v", res.Status, b, err)
			}
			_, _ = more.Close(), res.Body.Close()
		}
	})
}

// Request and response may go on at the same time, through both servers.
func TestReverseProxyFullDuplex(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		c := newChain(t, e, func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			buf := make([]byte, 100)
			for {
				n, err := r.Body.Read(buf)
				_, _ = w.Write(buf[:n])
				w.(http.Flusher).Flush()
				if err != nil {
					return
				}
			}
		})
		body, more := io.Pipe()
		res, err := c.client.Post(c.url(), "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		for i := range 20 {
			part := fmt.Sprintf("part %d ", i)
			_, _ = io.WriteString(more, part)
			wantNext(t, res.Body, part)
		}
		_ = more.Close()
		if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil {
			t.Errorf("then %q, %v", rest, err)
		}
	})
}

// A client may send its whole body before it reads anything, and the response may be as large: the body is read while the
// response is stuck.
func TestBodyIsReadWhileAWriteIsBlocked(t *testing.T) {
	const size = 20 << 20
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			read := make(chan error, 1)
			go func() {
				n, err := io.Copy(io.Discard, r.Body)
				if n != size {
					err = errors.Join(err, fmt.Errorf("%d bytes", n))
				}
				read <- err
			}()
			if _, err := w.Write(bytes.Repeat([]byte("x"), size)); err != nil {
				t.Error(err)
			}
			if err := <-read; err != nil {
				t.Error(err)
			}
		})})
		for _, chunked := range []bool{false, true} {
			c := s.dial().send(posting(strings.Repeat("b", size), chunked)) // returns when all was taken
			if r := c.recv("POST"); len(r.body) != size {
				t.Errorf("got %d bytes", len(r.body))
			}
		}
	})
}

func TestReverseProxyClientLeaves(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		entered, ended := make(chan struct{}), make(chan struct{})
		c := newChain(t, e, func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
			close(ended)
		})
		conn := c.proxy.dial().send(get("/"))
		<-entered
		_ = conn.Close()
		<-ended
		only[*lifecycle.ClientDisconnected](t, c.backend.closed())
		only[*lifecycle.ClientDisconnected](t, c.proxy.closed())
	})
}

// A proxy gives up with http.ErrAbortHandler then, and it is the client's doing all the same.
func TestReverseProxyClientLeavesInTheStream(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		c := newChain(t, e, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "begun")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})
		ctx, leave := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url(), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		wantNext(t, res.Body, "begun")
		leave()
		_ = res.Body.Close()
		for _, s := range []*site{c.backend, c.proxy} {
			if d := only[*lifecycle.ClientDisconnected](t, s.closed()); !d.DuringStreaming || d.Status != 200 || d.Err == nil {
				t.Errorf("got %+v", d)
			}
		}
	})
}

// A response that breaks off must not look complete behind the proxy.
func TestReverseProxyBackendFails(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		c := newChain(t, e, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "begun")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})
		res, err := c.client.Get(c.url())
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if b, err := io.ReadAll(res.Body); string(b) != "begun" || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %q, %v", b, err)
		}
		if f := only[*lifecycle.RequestFailed](t, c.proxy.closed()); f.Code != "aborted_by_app" {
			t.Errorf("RequestFailed.Code is %q", f.Code)
		}
	})
}

func TestReverseProxyUpgrade(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		c := newChain(t, e, echoMessages(t))
		exchangeMessages(t, "ws://"+c.proxy.addr)
		for _, s := range []*site{c.proxy, c.backend} {
			if o := only[*lifecycle.ResponseCompleted](t, s.closed()); o.Status != 101 || !o.Streaming || o.BytesSent == 0 || o.BytesReceived == 0 {
				t.Errorf("got %+v", o)
			}
		}
	})
}
