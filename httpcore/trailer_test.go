package httpcore_test

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
)

func TestResponseTrailers(t *testing.T) {
	announced := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum, x-more")
		w.Header().Add("Trailer", "X-Unset")
		w.Header().Set("X-Sum", "not yet")
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-Sum", "4")
		w.Header().Add("X-More", "a")
		w.Header().Add("X-More", "b")
		w.Header().Set("X-Late", "never sent")
	}
	prefixed := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(http.TrailerPrefix+"X-Early", "1")
		_, _ = io.WriteString(w, "body")
		w.(http.Flusher).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Late", "2")
	}
	canonical := func(c *conversation) { c.Answers[0].Header["Trailer"] = []string{"X-Sum, X-More, X-Unset"} }
	const whyCanonical = "what may come late is announced once, in canonical form"
	const whyLater = "what is set while the head is not sent is not too late"
	compare(t, []exchangeCase{
		{name: "announced", handler: announced},
		{name: "announced, long", handler: func(w http.ResponseWriter, r *http.Request) {
			announced(w, r)
			_, _ = w.Write(make([]byte, 10_000))
		}},
		{name: "announced, no body", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			w.WriteHeader(200)
			w.Header().Set("X-Sum", "0")
		}},
		{name: "announced twice", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum, X-Sum")
			_, _ = io.WriteString(w, "body")
			w.Header().Set("X-Sum", "4")
		}, differs: func(c *conversation) { c.Answers[0].Trailer = http.Header{"X-Sum": {"4"}} }, why: "once is enough"},
		{name: "with a prefix", handler: prefixed},
		{name: "with a prefix, not flushed", handler: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "body")
			w.Header().Set(http.TrailerPrefix+"X-Late", "2")
		}, differs: func(c *conversation) {
			a := &c.Answers[0]
			delete(a.Header, "Content-Length")
			a.ContentLength, a.TransferEncoding, a.Trailer = -1, []string{"chunked"}, http.Header{"X-Late": {"2"}}
		}, why: whyLater},
		{name: "with a Content-Length", handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "4")
			announced(w, r)
		}, differs: canonical, why: whyCanonical},
		{name: "HEAD", handler: announced, request: head, method: "HEAD", differs: canonical, why: whyCanonical},
		{name: "HTTP/1.0", handler: announced, request: getHTTP10, differs: func(c *conversation) {
			ownVersion(c)
			canonical(c)
			a := &c.Answers[0]
			a.Header["Content-Length"], a.ContentLength = []string{"4"}, 4
		}, why: whyOwnVersion + "; " + whyCanonical + "; and without trailers the length is known"},
		{name: "fields that must not come late", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Content-Type, Transfer-Encoding, Trailer")
			w.Header().Set("Content-Type", "text/early")
			_, _ = io.WriteString(w, "body")
			w.Header().Set("Content-Type", "text/late")
			w.Header().Set("Transfer-Encoding", "chunked")
		}, differs: func(c *conversation) {
			// net/http announces them, which its own client refuses to read.
			*c = conversation{Open: true, Answers: []answer{{
				Status: 200, Proto: "HTTP/1.1", ContentLength: 4, Body: "body",
				Header: http.Header{"Date": {"some time"}, "Content-Type": {"text/early"}, "Content-Length": {"4"}},
			}}}
		}, why: "what frames a message is not a trailer (RFC 9110, 6.5.1), and is not announced as one"},
	})
}

func TestTrailersCannotSplitTheResponse(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: withLast(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "body")
			h := w.Header()
			h[http.TrailerPrefix+"X"] = []string{"a\r\n\r\nHTTP/1.1 200 OK\r\n"}
			h[http.TrailerPrefix+"Y\r\n\r\nHTTP/1.1 200 OK"] = []string{"b"}
			h[http.TrailerPrefix+"content-length"] = []string{"9"}
		}))})
		said := converse(t, s.addr, get("/"), "GET")
		if len(said.Answers) != 1 || !said.Open {
			t.Fatalf("got %+v", said)
		}
		if got := said.Answers[0].Trailer; !reflect.DeepEqual(got, http.Header{"X": {"a    HTTP/1.1 200 OK"}}) {
			t.Errorf("the trailer is %q", got)
		}
	})
}

// The trailer is there when the body has been read to its end, not before, and only what may come late.
func TestRequestTrailers(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		before, after := make(chan http.Header, 1), make(chan http.Header, 1)
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			before <- r.Trailer.Clone()
			if b, err := io.ReadAll(r.Body); string(b) != "hello" || err != nil {
				t.Errorf("the body is %q, %v", b, err)
			}
			after <- r.Trailer
		})})
		c := s.dial().send(head)
		if got := <-before; !reflect.DeepEqual(got, http.Header{"X-Sum": nil}) {
			t.Errorf("before: %q", got)
		}
		for _, part := range strings.SplitAfter("5\r\nhello\r\n0\r\nx-sum: 5\r\nContent-Length: 3\r\nHost: other\r\nY: 1\r\n\r\n", "\n") {
			c.send(part)
		}
		if got := <-after; !reflect.DeepEqual(got, http.Header{"X-Sum": {"5"}, "Y": {"1"}}) {
			t.Errorf("after: %q", got)
		}
		c.recv("POST")
	})
}

func TestBadRequestTrailers(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, bad := range []string{"X : 1\r\n", " X: 1\r\n", "X: 1\n", "X\r\n", ": 1\r\n", "X: \x00\r\n"} {
			s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err == nil {
					t.Errorf("the trailer %q was accepted", bad)
				}
			})})
			c := s.dial().send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + bad + "\r\n")
			if r := c.recv("POST"); r.StatusCode != 400 {
				t.Errorf("%q: %s", bad, r.Status)
			}
			c.eof()
		}
	})
}
