package otelcollector_test

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector"
)

// protocols are the two ways to a receiver.
var protocols = []struct {
	name  string
	serve func(*testing.T, *receiver) string
}{
	{"grpc", serveGRPC},
	{"http/protobuf", serveHTTP},
}

// fromEnv makes a collector that is configured by the environment only.
func fromEnv(t *testing.T, protocol, endpoint string, r *reports) *otelcollector.Collector {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
	return newCollector(t, otelcollector.Config{ErrorHandler: r.handle})
}

func TestRealReceivers(t *testing.T) {
	for _, p := range protocols {
		for _, compression := range []string{"none", "gzip"} {
			t.Run(p.name+" "+compression, func(t *testing.T) {
				t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
				t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=blue")
				var r receiver
				var rep reports
				c := fromEnv(t, p.name, p.serve(t, &r), &rep)
				w := dial(t, c, secured)
				for range 2000 {
					w.start("GET", "/a\xff?sig=1").complete(200, route("/a"))
				}
				w.close(lifecycle.ReasonComplete)
				if err := c.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
				requests, spans := r.received()
				if len(spans) != 2002 || requests < 2 {
					t.Errorf("%d spans in %d requests, want 2002 in a few", len(spans), requests)
				}
				named(t, spans, "TLS server handshake")
				if r.header.Get("X-Tenant") != "blue" && len(r.metadata.Get("x-tenant")) == 0 {
					t.Error("OTEL_EXPORTER_OTLP_HEADERS were not sent")
				}
				if st := c.Stats(); st.Exported != 2002 {
					t.Errorf("accounts: %+v", st)
				}
				if all := rep.seen(); len(all) > 0 {
					t.Errorf("reports: %q", all)
				}
			})
		}
	}
}

// A redirect is followed when the spans are sent on. A page that stands in the way accepts nothing.
func TestRedirects(t *testing.T) {
	for code, followed := range map[int]bool{301: false, 302: false, 303: false, 307: true, 308: true} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			var r receiver
			behind := serveHTTP(t, &r)
			before := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				switch {
				case req.Method != http.MethodPost: // the page of a login
				case followed:
					http.Redirect(w, req, behind+req.URL.Path, code)
				default:
					http.Redirect(w, req, "/login", code)
				}
			}))
			t.Cleanup(before.Close)
			var rep reports
			c := fromEnv(t, "http/protobuf", before.URL, &rep)
			requests(t, c, 1)
			if err := c.ForceFlush(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, spans := r.received()
			st := c.Stats()
			if want := map[bool]uint64{true: 1}[followed]; uint64(len(spans)) != want || st.Exported != want || st.Dropped[otelcollector.DroppedConfig] != 1-want {
				t.Errorf("%d arrived: %+v", len(spans), st)
			}
			if all := rep.seen(); followed != (len(all) == 0) {
				t.Errorf("reports: %q", all)
			}
		})
	}
}

func TestAnswersOfRealReceivers(t *testing.T) {
	grpcStatus := func(code codes.Code) answer { return answer{grpc: status.New(code, "not now")} }
	throttle, err := status.New(codes.ResourceExhausted, "not now").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		protocol int
		first    answer
		exported uint64 // of 2
		rejected uint64
		requests int
		report   string
	}{
		{"accepted", 0, answer{}, 2, 0, 1, ""},
		{"accepted", 1, answer{}, 2, 0, 1, ""},
		{"one rejected", 0, answer{rejected: 1, message: "bad id"}, 1, 1, 1, "bad id"},
		{"one rejected", 1, answer{rejected: 1, message: "bad id"}, 1, 1, 1, "bad id"},
		{"a warning", 0, answer{message: "deprecated"}, 2, 0, 1, "deprecated"},
		{"a warning", 1, answer{message: "deprecated"}, 2, 0, 1, "deprecated"},
		{"unavailable", 0, grpcStatus(codes.Unavailable), 2, 0, 2, "not now"},
		{"throttled", 0, answer{grpc: throttle}, 2, 0, 2, "not now"},
		{"too large", 0, grpcStatus(codes.ResourceExhausted), 0, 0, 1, "not now"},
		{"internal", 0, grpcStatus(codes.Internal), 0, 0, 1, "not now"},
		{"503", 1, answer{http: 503, retryAfter: "0"}, 2, 0, 2, "not now"},
		{"429 with a date", 1, answer{http: 429, retryAfter: "Mon, 02 Jan 2006 15:04:05 GMT"}, 2, 0, 2, "not now"},
		{"502", 1, answer{http: 502}, 2, 0, 2, "not now"},
		{"400", 1, answer{http: 400}, 0, 0, 1, "400"},
		{"500", 1, answer{http: 500}, 0, 0, 1, "500"},
		{"404", 1, answer{http: 404}, 0, 0, 1, "404"},
	} {
		p := protocols[c.protocol]
		t.Run(p.name+" "+c.name, func(t *testing.T) {
			r := receiver{answer: func(n int) answer {
				if n == 1 {
					return c.first
				}
				return answer{}
			}}
			var rep reports
			col := fromEnv(t, p.name, p.serve(t, &r), &rep)
			requests(t, col, 2)
			if err := col.ForceFlush(t.Context()); err != nil {
				t.Fatal(err)
			}
			st := col.Stats()
			if st.Exported != c.exported || st.Rejected != c.rejected || st.Exported+st.Rejected+st.TotalDropped() != 2 {
				t.Errorf("accounts: %+v, want %d exported and %d rejected", st, c.exported, c.rejected)
			}
			if n, _ := r.received(); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
			all := rep.seen()
			if (c.report == "") != (len(all) == 0) || c.report != "" && !strings.Contains(all[0], c.report) {
				t.Errorf("reports: %q, want %q", all, c.report)
			}
		})
	}
}

func TestReceiverOnAUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "otlp.sock")
	var r receiver
	listenGRPC(t, &r, "unix", socket)
	var rep reports
	c := fromEnv(t, "grpc", "unix://"+socket, &rep)
	requests(t, c, 1)
	if err := c.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, spans := r.received(); len(spans) != 1 {
		t.Errorf("%d spans arrived: %q", len(spans), rep.seen())
	}
}

// A receiver that is not there costs spans in the end, but no request waits for it.
func TestNobodyListens(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			endpoint := "http://" + l.Addr().String()
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			var rep reports
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", p.name)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
			c, err := otelcollector.New(t.Context(), otelcollector.Config{ErrorHandler: rep.handle})
			if err != nil {
				t.Fatal(err)
			}
			requests(t, c, 100)
			if err := c.Shutdown(t.Context()); err == nil || !strings.Contains(err.Error(), "100 spans") {
				t.Errorf("shut down: %v", err)
			}
			checkBalance(t, c.Stats())
			if all := rep.seen(); len(all) != 1 || !strings.Contains(all[0], "refused") {
				t.Errorf("reports: %q, want one", all)
			}
		})
	}
}

func TestCertificateOfTheReceiver(t *testing.T) {
	var r receiver
	s := httptest.NewTLSServer(&r)
	defer s.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", file)
	var rep reports
	c := fromEnv(t, "http/protobuf", s.URL, &rep)
	requests(t, c, 1)
	if err := c.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, spans := r.received(); len(spans) != 1 {
		t.Errorf("%d spans arrived: %q", len(spans), rep.seen())
	}
}

func TestCertificateFileWithoutCertificate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", file)
	if _, err := otelcollector.New(t.Context(), otelcollector.Config{}); err == nil || !strings.Contains(err.Error(), "PEM") {
		t.Errorf("New returned %v", err)
	}
}
