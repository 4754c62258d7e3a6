package traced_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/otelcollector"
)

// keep is a client that keeps the spans as a receiver would read them.
type keep struct {
	discard
	mu    sync.Mutex
	spans []*tracepb.Span
}

func (k *keep) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) error {
	b, err := proto.Marshal(&collectorpb.ExportTraceServiceRequest{ResourceSpans: spans})
	if err != nil {
		return err
	}
	var got collectorpb.ExportTraceServiceRequest
	if err := proto.Unmarshal(b, &got); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range got.ResourceSpans {
		for _, s := range r.ScopeSpans {
			k.spans = append(k.spans, s.Spans...)
		}
	}
	return nil
}

// dialogues are what clients send, a connection each. The server has answered when the connection ends.
var dialogues = []string{
	"GET /users/42?q=1 HTTP/1.1\r\nHost: shop.example:8443\r\nUser-Agent: test\r\n\r\n" +
		"GET /stream HTTP/1.1\r\nHost: shop.example\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n" +
		"POST /echo HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody",
	"GET /none HTTP/1.0\r\n\r\n",
	"GET /panic HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n",
	"GET /status HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n",
	"G\x00T nonsense\r\n\r\n",
	"GET /large HTTP/1.1\r\nHost: shop.example\r\nX-Large: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
}

func application() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		span := trace.SpanFromContext(r.Context())
		span.SetAttributes(attribute.String("user", r.PathValue("id")), attribute.String("server.address", "hidden"))
		span.AddEvent("found")
		defer span.End() // which is not the handler's to do
		_, child := span.TracerProvider().Tracer("shop").Start(r.Context(), "load user")
		child.End()
		fmt.Fprintln(w, "a user")
	})
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, _ *http.Request) {
		for range 2 {
			fmt.Fprintln(w, "a line")
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("oops") })
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		trace.SpanFromContext(r.Context()).SetStatus(codes.Ok, "")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	return mux
}

// TestBothOutletsTellTheSameOfAServer has a server serve the same to a Collector that encodes spans, and to one whose
// spans go through an SDK.
func TestBothOutletsTellTheSameOfAServer(t *testing.T) {
	for _, e := range []httpcore.Engine{httpcore.EngineGoroutine, httpcore.EngineAuto} {
		t.Run(e.String(), func(t *testing.T) {
			direct, through := &keep{}, &keep{}
			exporter, err := otlptrace.New(t.Context(), through)
			if err != nil {
				t.Fatal(err)
			}
			sdk := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
			defer sdk.Shutdown(context.Background())
			talk(t, e, otelcollector.Config{Client: direct, ServiceName: "test"})
			talk(t, e, otelcollector.Config{TracerProvider: sdk})
			want, got := shapes(direct.spans), shapes(through.spans)
			if len(want) != 15 { // 8 requests, a child, and the connections
				t.Errorf("%d spans, want 15", len(want))
			}
			for i := range max(len(want), len(got)) {
				if i >= len(want) || i >= len(got) || want[i] != got[i] {
					t.Fatalf("through an SDK\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		})
	}
}

// talk serves the dialogues, and returns when all spans have been exported.
func talk(t *testing.T, e httpcore.Engine, cfg otelcollector.Config) {
	t.Helper()
	collector, err := otelcollector.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := collector.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &httpcore.Server{Engine: e, Collector: collector, Handler: application(), ErrorLog: log.New(io.Discard, "", 0), MaxHeaderBytes: 8 << 10}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	defer func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
	}()
	for _, d := range dialogues {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(c, d) // it ends with c: the server may refuse the rest of it
		_, err = io.Copy(io.Discard, c)
		c.Close()
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Error(err)
		}
	}
}

// shapes puts into words what of the spans is the same each time, in an order that is so too.
func shapes(spans []*tracepb.Span) []string {
	names := map[string]string{}
	for _, s := range spans {
		names[string(s.SpanId)] = s.Name
	}
	texts := make([]string, 0, len(spans))
	for _, s := range spans {
		var b strings.Builder
		fmt.Fprintf(&b, "%s, %v, status %v %q\n", s.Name, s.Kind, s.Status.GetCode(), s.Status.GetMessage())
		if len(s.ParentSpanId) > 0 {
			fmt.Fprintf(&b, "  under %q, remote: %t\n", names[string(s.ParentSpanId)], s.Flags&0x200 != 0)
		}
		fmt.Fprintf(&b, "  %s\n", attributesOf(s.Attributes))
		for _, e := range s.Events {
			fmt.Fprintf(&b, "  event %s %s\n", e.Name, attributesOf(e.Attributes))
		}
		for _, l := range s.Links {
			fmt.Fprintf(&b, "  link to %q %s\n", names[string(l.SpanId)], attributesOf(l.Attributes))
		}
		texts = append(texts, b.String())
	}
	slices.Sort(texts)
	return texts
}

func attributesOf(kvs []*commonpb.KeyValue) string {
	all := map[string]string{}
	for _, kv := range kvs {
		all[kv.Key] = fmt.Sprintf("%T(%s%d%t)", kv.Value.Value, kv.Value.GetStringValue(), kv.Value.GetIntValue(), kv.Value.GetBoolValue())
		switch {
		case strings.HasSuffix(kv.Key, ".port") && kv.Key != "server.port", strings.HasSuffix(kv.Key, "_ns"), strings.HasSuffix(kv.Key, ".id"),
			kv.Key == "exception.stacktrace":
			all[kv.Key] = fmt.Sprintf("%T", kv.Value.Value) // another one each time
		}
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s=%s ", k, all[k])
	}
	return b.String()
}
