package e2e_test

import (
	"strconv"
	"testing"

	"github.com/wirespan/wirespan/e2e/internal/process"
	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// behindProxy starts a proxy in front of w.
func (w *wirespan) behindProxy(t *testing.T) *wirespan {
	t.Helper()
	return shared.get(t).start(t, "http/protobuf", w.service+" proxy", nil, "proxy", w.url)
}

// One trace goes from the proxy through its call to the application, and on into the application's own code.
func TestProxyAndApplicationShareATrace(t *testing.T) {
	t.Parallel()
	app := demo(t, "--trusted-proxies", "127.0.0.1")
	w := app.behindProxy(t)
	w.get(t, 200, "/users/7?q=1", "--header", "traceparent: 00-"+callersTrace+"-"+callersSpan+"-01")
	outer := w.request(t, "/users/7")
	if outer.TraceID() != callersTrace || outer.ParentID() != callersSpan || outer.Name != "GET" {
		t.Errorf("the proxy's span: %v", outer)
	}
	checkAttrs(t, outer, map[string]any{"http.route": absent{}, "http.response.status_code": int64(200)})

	call := w.child(t, outer, "GET")
	if !call.IsClient() {
		t.Errorf("kind of the call: %v", call)
	}
	host, port := app.address(t)
	portNumber, _ := strconv.ParseInt(port, 10, 64)
	checkUnset(t, call)
	checkAttrs(t, call, map[string]any{
		"http.request.method":       "GET",
		"http.response.status_code": int64(200),
		"server.address":            host,
		"server.port":               portNumber,
		"url.full":                  app.url + "/users/7?q=1",
		"network.peer.address":      host,
		"network.peer.port":         portNumber,
		"network.protocol.version":  "1.1",
	})
	for _, key := range []string{"wirespan.client.connect.duration", "wirespan.client.first_byte.duration"} {
		if d, ok := call.Attrs[key].(float64); !ok || d <= 0 {
			t.Errorf("%s = %v", key, call.Attrs[key])
		}
	}

	inner := app.child(t, call, "GET /users/{id}")
	// Which of them ends first is open: the proxy may have passed the answer on before the application looks at its clock.
	if !inner.IsServer() || inner.Start().Before(call.Start()) || call.Start().Before(outer.Start()) {
		t.Errorf("the application's span %v is called by %v of %v", inner, call, outer)
	}
	checkAttrs(t, inner, map[string]any{"client.address": "127.0.0.1", "url.query": "q=1"})
	app.child(t, inner, "load user")

	// Four spans of the trace and a connection for each server; the second connection is the proxy's own.
	w.connection(t, outer)
	if n := len(w.finish(t)); n != 3 {
		t.Errorf("the proxy has %d spans, want its request, the call, and a connection", n)
	}
	if n := len(app.finish(t)); n != 3 {
		t.Errorf("the application has %d spans, want its request, the child, and a connection", n)
	}
}

func TestApplicationThatIsDown(t *testing.T) {
	t.Parallel()
	port, err := process.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	w := shared.get(t).start(t, "grpc", t.Name(), nil, "proxy", localURL(port[0]))
	w.get(t, 502, "/users/7")
	s := w.request(t, "/users/7")
	checkFailed(t, s, "502")
	checkAttrs(t, s, map[string]any{"http.response.status_code": int64(502)})
	call := w.child(t, s, "GET")
	checkFailed(t, call, "connection_refused")
	checkAttrs(t, call, map[string]any{"http.response.status_code": absent{}})
}

// A response that comes piece by piece passes piece by piece, and an error of the application stays one.
func TestProxyPassesWhatTheApplicationDoes(t *testing.T) {
	t.Parallel()
	app := demo(t)
	w := app.behindProxy(t)
	w.get(t, 503, "/status/503")
	s := w.request(t, "/status/503")
	checkFailed(t, s, "503")
	checkFailed(t, w.child(t, s, "GET"), "503")

	file := writeFile(t, "upload", "0123456789")
	if body := w.get(t, 200, "/echo", "--request", "PUT", "--data-binary", "@"+file); body != "0123456789" {
		t.Errorf("echo %q", body)
	}
	w.get(t, 200, "/stream?n=3&ms=1")
	s = w.request(t, "/stream")
	checkUnset(t, s)
	inner := app.span(t, "the application's stream", func(i *sink.Span) bool {
		return i.IsServer() && i.TraceID() == s.TraceID()
	})
	checkAttrs(t, inner, map[string]any{"wirespan.request.streaming": true})
	checkAttrs(t, s, map[string]any{"http.response.body.size": inner.Attrs["http.response.body.size"]})
}
