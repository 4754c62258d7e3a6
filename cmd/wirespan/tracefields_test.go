package main

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The response says which span of the backend it belongs to, and under which id the application and the span know the request.
func TestResponsesTellOfTheirTrace(t *testing.T) {
	b := newBackend(t)
	got := make(chan http.Header, 1)
	app := application(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		w.Header().Set("Server-Timing", "db;dur=53")
		w.Header().Set("X-Request-Id", "the application's")
		io.WriteString(w, greeting)
	})
	env := map[string]string{"WIRESPAN_TRACERESPONSE": "true"}
	s := start(t, env, "proxy", app.URL, "--server-timing", "--request-id")
	r := request(t, http.MethodGet, s.url, nil)
	r.Header.Set("X-Request-ID", "a-stranger's")
	resp, _ := s.do(r)
	s.stop()

	span := b.one(t, "GET", serverKind, nil)
	if want := "00-" + span.trace() + "-" + span.id() + "-03"; resp.Header.Get("traceresponse") != want {
		t.Errorf("traceresponse is %q, want %q", resp.Header.Get("traceresponse"), want)
	}
	timings := resp.Header["Server-Timing"]
	ours := `^head;dur=\d+\.\d, queue;dur=\d+\.\d, handler;dur=\d+\.\d, traceparent;desc="00-` + span.trace() + "-" + span.id() + `-01"$`
	if len(timings) != 2 || timings[0] != "db;dur=53" || !regexp.MustCompile(ours).MatchString(timings[1]) {
		t.Errorf("Server-Timing is %q, want the application's and %s", timings, ours)
	}
	ids := resp.Header["X-Request-Id"]
	if len(ids) != 1 || len(ids[0]) != 36 || span.attributes["wirespan.request.id"] != ids[0] || !slices.Equal((<-got)["X-Request-Id"], ids) {
		t.Errorf("the client is told the id %q, and the span %q", ids, span.attributes["wirespan.request.id"])
	}
}

func TestRequestIDOfATrustedProxy(t *testing.T) {
	for trusted, kept := range map[string]bool{"": false, "10.0.0.0/8": false, "127.0.0.0/8": true} {
		env := map[string]string{"WIRESPAN_REQUEST_ID": "true", "WIRESPAN_TRUSTED_PROXIES": trusted}
		s := start(t, env, "demo", "--log-level", "debug")
		r := request(t, http.MethodGet, s.url, nil)
		r.Header.Set("X-Request-ID", "theirs")
		resp, _ := s.do(r)
		id := resp.Header.Get("X-Request-ID")
		if (id == "theirs") != kept || id == "" {
			t.Errorf("--trusted-proxies %q: the client is told the id %q", trusted, id)
		}
		s.stop()
		expect(t, "the log", s.stderr.String(), `msg="response completed".* request_id=`+regexp.QuoteMeta(id)+` `)
	}
}

func TestResponsesTellNothingUnasked(t *testing.T) {
	newBackend(t)
	s := start(t, nil, "demo")
	resp, _ := s.get("/")
	for name := range resp.Header {
		if strings.EqualFold(name, "X-Request-ID") || strings.EqualFold(name, "traceresponse") || strings.EqualFold(name, "Server-Timing") {
			t.Errorf("the response has %s", name)
		}
	}
}
