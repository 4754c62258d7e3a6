package traced_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/lifecycle/nethttp"
	"github.com/wirespan/wirespan/otelcollector"
	"github.com/wirespan/wirespan/otelmetrics"
)

// read returns what a reader of the SDK is given: gauges and histograms by the name and the attributes of each series.
func read(t *testing.T, m *otelmetrics.Collector) (gauges map[string]int64, histograms map[string]metricdata.HistogramDataPoint[float64]) {
	t.Helper()
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(m))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer provider.Shutdown(context.Background())
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	gauges, histograms = map[string]int64{}, map[string]metricdata.HistogramDataPoint[float64]{}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					gauges[m.Name+" "+wordsOf(p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					histograms[m.Name+" "+wordsOf(p.Attributes)] = p
				}
			}
		}
	}
	return gauges, histograms
}

func wordsOf(s attribute.Set) string {
	var list []string
	for _, kv := range s.ToSlice() {
		list = append(list, string(kv.Key)+"="+kv.Value.String())
	}
	return strings.Join(list, " ")
}

// serving serves s on a free port while use runs, and returns when every connection has ended.
func serving(t *testing.T, s *httpcore.Server, use func(addr string)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	use(l.Addr().String())
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	<-served
}

// say sends a text on a connection of its own, and reads until that ends.
func say(t *testing.T, addr, text string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	go io.WriteString(c, text) // it ends with c: the server may refuse the rest of it
	if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
}

func onBothEngines(t *testing.T, f func(t *testing.T, e httpcore.Engine)) {
	for _, e := range []httpcore.Engine{httpcore.EngineGoroutine, httpcore.EngineAuto} {
		t.Run(e.String(), func(t *testing.T) { f(t, e) })
	}
}

// TestMetricsAgreeWithSpans: for each series, the metrics have as many requests and connections, and as much time, as there are
// spans with its attributes; and each exemplar is one of these spans.
func TestMetricsAgreeWithSpans(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e httpcore.Engine) {
		received := &keep{}
		spans, err := otelcollector.New(t.Context(), otelcollector.Config{Client: received, Settings: otelcollector.Settings{Sampler: sdktrace.AlwaysSample()}})
		if err != nil {
			t.Fatal(err)
		}
		m := otelmetrics.New(otelmetrics.Config{})
		server := &httpcore.Server{
			Engine: e, Collector: lifecycle.Tee(spans, m), Handler: application(), ErrorLog: log.New(io.Discard, "", 0), MaxHeaderBytes: 8 << 10,
		}
		serving(t, server, func(addr string) {
			for _, d := range dialogues {
				say(t, addr, d)
			}
		})
		if err := spans.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		_, histograms := read(t, m)
		want := map[string][]*tracepb.Span{}
		for _, s := range received.spans {
			if name := seriesOf(s); name != "" {
				want[name] = append(want[name], s)
			}
		}
		for name, of := range want {
			got := histograms[name]
			var sum float64
			for _, s := range of {
				sum += time.Duration(s.EndTimeUnixNano - s.StartTimeUnixNano).Seconds()
			}
			if got.Count != uint64(len(of)) || max(got.Sum-sum, sum-got.Sum) > 1e-9 {
				t.Errorf("%s: %d, %v s; the spans are %d, %v s", name, got.Count, got.Sum, len(of), sum)
			}
			for _, x := range got.Exemplars {
				if !slices.ContainsFunc(of, func(s *tracepb.Span) bool {
					return bytes.Equal(s.TraceId, x.TraceID) && bytes.Equal(s.SpanId, x.SpanID)
				}) {
					t.Errorf("%s: the exemplar %x is none of its spans", name, x.TraceID)
				}
			}
			// The span of a head that could not be parsed is its collector's alone.
			isParsed := slices.ContainsFunc(of[0].Attributes, func(kv *commonpb.KeyValue) bool { return kv.Key == "wirespan.connection.request_index" })
			if isParsed && len(got.Exemplars) == 0 {
				t.Errorf("%s has no exemplar", name)
			}
		}
		for name, p := range histograms {
			if want[name] == nil && !strings.HasPrefix(name, "http.server.request.body.size") && !strings.HasPrefix(name, "http.server.response.body.size") {
				t.Errorf("%s: %d, but there is no span like that", name, p.Count)
			}
		}
		if len(want) < 9 {
			t.Errorf("there are %d series: %q", len(want), slices.Sorted(maps.Keys(want)))
		}
	})
}

// seriesOf is the series that counts a span; "" when none does.
func seriesOf(s *tracepb.Span) string {
	name, keys := "wirespan.connection.duration", []string{
		"error.type", "network.protocol.version", "network.transport", "network.type", "tls.protocol.version",
	}
	switch {
	case s.Kind == tracepb.Span_SPAN_KIND_SERVER:
		name, keys = "http.server.request.duration", []string{
			"error.type", "http.request.method", "http.response.status_code", "http.route", "network.protocol.version", "url.scheme", "wirespan.request.streaming",
		}
	case s.Name != "HTTP connection":
		return ""
	}
	var list []string
	for _, kv := range s.Attributes {
		if slices.Contains(keys, kv.Key) {
			text := kv.Value.GetStringValue()
			switch kv.Value.Value.(type) {
			case *commonpb.AnyValue_IntValue:
				text = fmt.Sprint(kv.Value.GetIntValue())
			case *commonpb.AnyValue_BoolValue:
				text = fmt.Sprint(kv.Value.GetBoolValue())
			}
			list = append(list, kv.Key+"="+text)
		}
	}
	if slices.Contains(list, "http.route=/status") { // whose handler declares its span a success, which metrics cannot know
		list = append(list, "error.type=503")
	}
	slices.Sort(list)
	return name + " " + strings.Join(list, " ")
}

// TestMetricsOfUpgrades: an upgraded connection is one while it lasts, and its request took no longer than the switch.
func TestMetricsOfUpgrades(t *testing.T) {
	switching := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		io.Copy(c, rw)
	})
	check := func(t *testing.T, m *otelmetrics.Collector, addr string) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello")
		r := bufio.NewReader(c)
		if _, err := http.ReadResponse(r, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Peek(len("hello")); err != nil {
			t.Fatal(err)
		}
		gauges, _ := read(t, m)
		if n := gauges["wirespan.connection.count wirespan.connection.state=upgraded"]; n != 1 {
			t.Errorf("%d upgraded connections: %v", n, gauges)
		}
		if n := gauges["http.server.active_requests http.request.method=GET url.scheme=http"]; n != 1 {
			t.Errorf("%d active requests: %v", n, gauges)
		}
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, r)
	}
	onBothEngines(t, func(t *testing.T, e httpcore.Engine) {
		m := otelmetrics.New(otelmetrics.Config{})
		var recorder lifecycletest.Recorder
		serving(t, &httpcore.Server{Engine: e, Collector: lifecycle.Tee(m, &recorder), Handler: switching}, func(addr string) {
			check(t, m, addr)
			ended(t, &recorder, 1)
		})
		atRest(t, m)
	})
	t.Run("net/http", func(t *testing.T) {
		m := otelmetrics.New(otelmetrics.Config{})
		var recorder lifecycletest.Recorder
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := nethttp.Attach(&http.Server{Handler: switching}, lifecycle.Tee(m, &recorder))
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		check(t, m, l.Addr().String())
		ended(t, &recorder, 1)
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
		atRest(t, m)
	})
}

// ended waits for the end of so many connections.
func ended(t *testing.T, r *lifecycletest.Recorder, connections int) []lifecycle.Event {
	t.Helper()
	events, err := r.WaitFor(t.Context(), lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](connections))
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// atRest: when there is no connection any more, no gauge has anything left.
func atRest(t *testing.T, m *otelmetrics.Collector) {
	t.Helper()
	gauges, _ := read(t, m)
	for name, n := range gauges {
		if n != 0 {
			t.Errorf("%s is %d when nothing is under way", name, n)
		}
	}
}

// TestNoGaugeLeaks: clients that come to a random end, in the middle of whatever they do, leave nothing behind, and the sums are
// those of the events.
func TestNoGaugeLeaks(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e httpcore.Engine) {
		const clients, connections = 8, 15
		m := otelmetrics.New(otelmetrics.Config{})
		var recorder lifecycletest.Recorder
		server := &httpcore.Server{
			Engine: e, Collector: lifecycle.Tee(m, &recorder), Handler: application(), ErrorLog: log.New(io.Discard, "", 0), MaxHeaderBytes: 8 << 10,
		}
		serving(t, server, func(addr string) {
			var all sync.WaitGroup
			for seed := range uint64(clients) {
				all.Go(func() {
					r := rand.New(rand.NewPCG(seed, 7))
					for range connections {
						breakOff(t, r, addr)
					}
				})
			}
			all.Wait()
		})
		events := ended(t, &recorder, clients*connections)
		atRest(t, m)
		var want, got uint64
		var sent, lasted float64
		for _, e := range events {
			if o := lifecycle.OutcomeOf(e); o != nil {
				want++
				if o.Status != 0 {
					sent += float64(o.BytesSent)
				}
			}
			if c, ok := e.(*lifecycle.ConnectionCompleted); ok {
				lasted += c.Duration.Seconds()
			}
		}
		_, histograms := read(t, m)
		var gotSent, gotLasted float64
		for name, p := range histograms {
			switch {
			case strings.HasPrefix(name, "http.server.request.duration "):
				got += p.Count
			case strings.HasPrefix(name, "http.server.response.body.size "):
				gotSent += p.Sum
			case strings.HasPrefix(name, "wirespan.connection.duration "):
				gotLasted += p.Sum
			}
		}
		if got != want || gotSent != sent || max(gotLasted-lasted, lasted-gotLasted) > 1e-6 {
			t.Errorf("%d requests, %v bytes, %v s; the events have %d, %v, %v", got, gotSent, gotLasted, want, sent, lasted)
		}
	})
}

// breakOff sends some of the dialogues up to a random byte, reads a random part of the answer, and goes.
func breakOff(t *testing.T, r *rand.Rand, addr string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	if r.IntN(2) == 0 {
		c.(*net.TCPConn).SetLinger(0) // it ends with a reset
	}
	text := dialogues[r.IntN(4)] + dialogues[r.IntN(len(dialogues))]
	io.WriteString(c, text[:r.IntN(len(text)+1)])
	if r.IntN(2) == 0 {
		c.(*net.TCPConn).CloseWrite()
		io.CopyN(io.Discard, c, r.Int64N(2000))
	}
}

// TestTracedAndCountedRequestAllocatesNothing is TestTracedSyncHandlerAllocatesNothing with metrics.
func TestTracedAndCountedRequestAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool throws away part of what it is given")
	}
	onBothEngines(t, func(t *testing.T, e httpcore.Engine) {
		spans, err := otelcollector.New(t.Context(), otelcollector.Config{Client: discard{}, Settings: otelcollector.Settings{Sampler: sdktrace.AlwaysSample()}})
		if err != nil {
			t.Fatal(err)
		}
		defer spans.Shutdown(context.Background())
		m := otelmetrics.New(otelmetrics.Config{})
		allocatesNothing(t, &httpcore.Server{Engine: e, Collector: lifecycle.Tee(spans, m), Sync: httpcore.SyncHandlerFunc(hello)})
	})
}

// TestLogsOfHandlers: what a handler logs, in its own span and in one below, has the ids under which the spans are exported.
func TestLogsOfHandlers(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e httpcore.Engine) {
		received := &keep{}
		spans, err := otelcollector.New(t.Context(), otelcollector.Config{Client: received})
		if err != nil {
			t.Fatal(err)
		}
		sdk := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans.SpanProcessor()))
		var text bytes.Buffer
		logger := slog.New(otelcollector.NewLogHandler(slog.NewJSONHandler(&text, nil)))
		handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			logger.InfoContext(r.Context(), "request")
			ctx, child := sdk.Tracer("shop").Start(r.Context(), "child")
			defer child.End()
			logger.InfoContext(ctx, "child")
		})
		serving(t, &httpcore.Server{Engine: e, Collector: spans, Handler: handler}, func(addr string) {
			say(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		})
		if err := spans.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		byID := map[string]*tracepb.Span{}
		for _, s := range received.spans {
			byID[hex.EncodeToString(s.SpanId)] = s
		}
		for line := range strings.Lines(text.String()) {
			var record struct {
				Msg          string `json:"msg"`
				TraceID      string `json:"trace_id"`
				SpanID       string `json:"span_id"`
				ConnectionID int64  `json:"connection_id"`
				WorkerID     *int64 `json:"worker_id"`
			}
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				t.Fatal(err)
			}
			s := byID[record.SpanID]
			if s == nil || hex.EncodeToString(s.TraceId) != record.TraceID || record.WorkerID == nil {
				t.Fatalf("%s leads to the span %v", line, s)
			}
			if wantName := map[string]string{"request": "GET", "child": "child"}[record.Msg]; s.Name != wantName {
				t.Errorf("%s leads to the span %q", line, s.Name)
			}
			for _, kv := range s.Attributes {
				if kv.Key == "wirespan.connection.id" && kv.Value.GetIntValue() != record.ConnectionID ||
					kv.Key == "wirespan.worker.id" && kv.Value.GetIntValue() != *record.WorkerID {
					t.Errorf("%s, but the span has %v", line, kv)
				}
			}
		}
		if n := strings.Count(text.String(), "\n"); n != 2 {
			t.Errorf("%d lines:\n%s", n, &text)
		}
	})
}
