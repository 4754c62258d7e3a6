package nethttp_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/lifecycle/nethttp"
)

// tracing is a collector that gives each request a span.
var tracing = lifecycle.CollectorFunc(func(e lifecycle.Event) {
	if started, ok := e.(*lifecycle.RequestStarted); ok {
		started.Trace = lifecycle.TraceContext{TraceID: [16]byte{0xab, 15: 1}, SpanID: [8]byte{7: 0xcd}, Flags: 3}
	}
})

const (
	spanOfAll = "00-ab000000000000000000000000000001-00000000000000cd-"
	anID      = `[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`
)

var (
	loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	timing   = regexp.MustCompile(`^head;dur=\d+\.\d, queue;dur=0\.0, handler;dur=\d+\.\d, traceparent;desc="` + spanOfAll + `01"$`)
)

// telling serves h with all the fields by which a response tells about its request.
func telling(t *testing.T, h http.HandlerFunc, trusted []netip.Prefix) *site {
	t.Helper()
	return startWith(t, &http.Server{Handler: h}, func(s *nethttp.Server, l net.Listener) error {
		s.ServerTiming, s.TraceResponse, s.RequestIDs, s.TrustedProxies = true, true, true, trusted
		return s.Serve(l)
	}, tracing)
}

// checkFields checks that a response tells all there is, once, and returns the id of the request.
func checkFields(t *testing.T, h http.Header) string {
	t.Helper()
	ids := h["X-Request-Id"]
	if len(ids) != 1 || !lifecycle.ValidRequestID(ids[0]) || !slices.Equal(h["Traceresponse"], []string{spanOfAll + "03"}) {
		t.Fatalf("the fields are %v", h)
	}
	if timings := h["Server-Timing"]; len(timings) == 0 || !timing.MatchString(timings[len(timings)-1]) {
		t.Errorf("Server-Timing is %q, want %s", timings, timing)
	}
	return ids[0]
}

func TestTraceFieldsOfAllResponses(t *testing.T) {
	for name, c := range map[string]struct {
		method  string
		handler http.HandlerFunc
		status  int
	}{
		"written":         {"GET", hello, 200},
		"HEAD":            {"HEAD", hello, 200},
		"nothing written": {"GET", func(http.ResponseWriter, *http.Request) {}, 200},
		"204":             {"GET", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204},
		"304":             {"GET", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, 304},
		"twice":           {"GET", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(202) }, 201},
		"copied":          {"GET", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, strings.NewReader("hello")) }, 200},
		"a status that is none": {"GET", func(w http.ResponseWriter, _ *http.Request) {
			func() {
				defer func() { _ = recover() }()
				w.WriteHeader(9999)
			}()
			w.WriteHeader(500)
		}, 500},
		"streamed": {"GET", func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				_, _ = io.WriteString(w, "part")
				w.(http.Flusher).Flush()
			}
		}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := telling(t, c.handler, nil)
			one := dial(t, s.addr)
			var ids []string
			for range 2 {
				r := one.send(c.method + " / HTTP/1.1\r\nHost: test\r\n\r\n").recv(c.method)
				if r.StatusCode != c.status || len(r.Header["Server-Timing"]) != 1 {
					t.Errorf("got %s %v", r.Status, r.Header)
				}
				ids = append(ids, checkFields(t, r.Header))
			}
			_ = one.Close()
			outcomes := lifecycletest.Of[*lifecycle.ResponseCompleted](waitClosed(t, s.rec))
			if len(outcomes) != 2 || outcomes[0].RequestID != ids[0] || outcomes[1].RequestID != ids[1] || ids[0] == ids[1] || outcomes[0].Status != c.status {
				t.Errorf("the client was told %q, the collectors %+v", ids, outcomes)
			}
		})
	}
}

// What a handler sets is kept where there may be several, and gives way where there may be one.
func TestTraceFieldsOfTheHandler(t *testing.T) {
	own := func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["x-request-ID"] = []string{"handler"}
		w.Header().Set("X-Request-ID", "handler")
		w.Header()["traceResponse"] = []string{"handler"}
		w.Header().Set("Server-Timing", "db;dur=53")
	}
	h := dial(t, telling(t, own, nil).addr).send(get("/")).recv("GET").Header
	checkFields(t, h)
	if timings := h["Server-Timing"]; len(timings) != 2 || timings[0] != "db;dur=53" {
		t.Errorf("Server-Timing is %q", timings)
	}
	h = dial(t, start(t, &http.Server{Handler: http.HandlerFunc(own)}, tracing).addr).send(get("/")).recv("GET").Header
	if len(h["X-Request-Id"]) != 2 || h.Get("Traceresponse") != "handler" || !slices.Equal(h["Server-Timing"], []string{"db;dur=53"}) {
		t.Errorf("unasked, the fields have become %v", h)
	}
}

// Without a span there are times and ids.
func TestTraceFieldsWithoutASpan(t *testing.T) {
	s := startWith(t, &http.Server{Handler: http.HandlerFunc(hello)}, func(s *nethttp.Server, l net.Listener) error {
		s.ServerTiming, s.TraceResponse, s.RequestIDs = true, true, true
		return s.Serve(l)
	})
	h := dial(t, s.addr).send(get("/")).recv("GET").Header
	if h["Traceresponse"] != nil || strings.Contains(h.Get("Server-Timing"), "traceparent") || len(h["Server-Timing"]) != 1 || h.Get("X-Request-ID") == "" {
		t.Errorf("the fields are %v", h)
	}
}

func TestRequestIDsOfClients(t *testing.T) {
	show := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Join(r.Header["X-Request-Id"], ","))
	}
	for _, c := range []struct {
		name    string
		trusted []netip.Prefix
		fields  string
		want    string
	}{
		{"a stranger's", nil, "X-Request-ID: theirs\r\n", anID},
		{"that of a proxy elsewhere", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "X-Request-ID: theirs\r\n", anID},
		{"a trusted proxy's", loopback, "x-request-id: theirs\r\n", "theirs"},
		{"two", loopback, "X-Request-ID: theirs\r\nX-Request-ID: theirs\r\n", anID},
		{"one too long", loopback, "X-Request-ID: " + strings.Repeat("x", 129) + "\r\n", anID},
		{"with an escaped end of line", loopback, "X-Request-ID: a%0d%0aX-Evil:%20b\r\n", anID},
		{"none", loopback, "", anID},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := telling(t, show, c.trusted)
			one := dial(t, s.addr)
			r := one.send("GET / HTTP/1.1\r\nHost: test\r\n" + c.fields + "\r\n").recv("GET")
			id := checkFields(t, r.Header)
			if r.body != id || !regexp.MustCompile(`^`+c.want+`$`).MatchString(id) {
				t.Errorf("the client is told %q, and the handler %q, want %s", id, r.body, c.want)
			}
			_ = one.Close()
			if o := only[*lifecycle.ResponseCompleted](t, waitClosed(t, s.rec)); o.RequestID != id {
				t.Errorf("the client is told %q, and the collectors %q", id, o.RequestID)
			}
		})
	}
}

// Informational responses, 101 among them, are sent as the handler has made them, and so is what it writes to a connection that
// it has taken over.
func TestTraceFieldsAreNotInformational(t *testing.T) {
	const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
	s := telling(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hints":
			w.WriteHeader(103)
		case "/switch":
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "echo")
			w.WriteHeader(101)
		case "/hijack":
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, switching)
		}
	}, nil)
	c := dial(t, s.addr).send(get("/hints"))
	if r := c.recv("GET"); r.StatusCode != 103 || len(r.Header) != 0 {
		t.Errorf("got %s %v", r.Status, r.Header)
	}
	checkFields(t, c.recv("GET").Header)
	for _, path := range []string{"/switch", "/hijack"} {
		r, err := http.ReadResponse(dial(t, s.addr).send(get(path)).r, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Del("Date")
		if len(r.Header) != 2 || r.StatusCode != 101 {
			t.Errorf("%s: got %s %v", path, r.Status, r.Header)
		}
	}
}

func TestTraceFieldsOverHTTP2(t *testing.T) {
	certificate, pool := certificate()
	server := &http.Server{Handler: http.HandlerFunc(hello), TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	s := startWith(t, server, func(s *nethttp.Server, l net.Listener) error {
		s.ServerTiming, s.TraceResponse, s.RequestIDs = true, true, true
		return s.ServeTLS(l, "", "")
	}, tracing)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com"}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+s.addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	id := checkFields(t, res.Header)
	events := s.wait(lifecycletest.AtLeast[*lifecycle.ResponseCompleted](1))
	if o := only[*lifecycle.ResponseCompleted](t, events); res.ProtoMajor != 2 || o.RequestID != id || o.ResponseFields.Get("x-request-id") != id {
		t.Errorf("%s: the client is told %q, the collectors %q", res.Proto, id, o.RequestID)
	}
}
