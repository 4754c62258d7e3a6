package otelcollector_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wirespan/wirespan/otelcollector"
)

// point is a value of a metric by its attributes, those that identify a component left out.
type points map[string]int64

// collect returns the metrics of all scopes by name. A histogram has its count.
func collect(t *testing.T, r sdkmetric.Reader) map[string]points {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]points{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			p := points{}
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, v := range d.DataPoints {
					p[label(t, m.Name, v.Attributes)] = v.Value
				}
			case metricdata.Gauge[int64]:
				for _, v := range d.DataPoints {
					p[label(t, m.Name, v.Attributes)] = v.Value
				}
			case metricdata.Histogram[float64]:
				for _, v := range d.DataPoints {
					p[label(t, m.Name, v.Attributes)] = int64(v.Count)
					if first, last := v.Bounds[0], v.Bounds[len(v.Bounds)-1]; first > 0.001 || last < 10 {
						t.Errorf("%s has bounds from %v to %v, which tell nothing of uploads and writes in seconds", m.Name, first, last)
					}
				}
			}
			found[m.Name] = p
		}
	}
	return found
}

// label writes attributes down. What belongs to the SDK has to say which component it is about.
func label(t *testing.T, name string, set attribute.Set) string {
	t.Helper()
	var l []string
	for i := set.Iter(); i.Next(); {
		if kv := i.Attribute(); !strings.HasPrefix(string(kv.Key), "otel.component.") {
			l = append(l, string(kv.Key)+"="+kv.Value.String())
		}
	}
	kind, _ := set.Value("otel.component.type")
	id, _ := set.Value("otel.component.name")
	if strings.HasPrefix(name, "otel.sdk.") && (kind.AsString() == "" || !strings.HasPrefix(id.AsString(), kind.AsString()+"/")) {
		t.Errorf("%s is about the component %q of type %q", name, id.AsString(), kind.AsString())
	}
	return strings.Join(l, ",")
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempt atomic.Int32
		s := &sink{answer: func(context.Context, int) error {
			switch attempt.Add(1) {
			case 1:
				return status.Error(codes.InvalidArgument, "no")
			case 2:
				return nil
			}
			return unavailable
		}}
		reader := sdkmetric.NewManualReader()
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		cfg := spooling(t, s, spoolDir(t))
		cfg.MeterProvider = provider
		c, err := otelcollector.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			requests(t, c, 10)
			time.Sleep(10*time.Second + time.Millisecond) // beside the ticks
		}
		requests(t, c, 1)
		synctest.Wait()
		got := collect(t, reader)
		for name, want := range map[string]points{
			"otel.sdk.processor.span.processed":  {"": 10, "error.type=invalid": 10},
			"otel.sdk.processor.span.queue.size": {"": 1},
			"otel.sdk.exporter.span.inflight":    {"": 0},
			"otel.sdk.exporter.span.exported":    {"": 10, "error.type=rejected": 0, "error.type=invalid": 10},
			"wirespan.spans.ended":               {"": 31},
			"wirespan.spans.acked":               {"": 10},
			"wirespan.spans.recovered":           {"": 0},
			"wirespan.spans.dropped":             {"wirespan.drop.reason=invalid": 10, "wirespan.drop.reason=rejected": 0},
			"wirespan.spool.spans":               {"": 10},
			"wirespan.spool.frames":              {"": 1},
			"wirespan.spool.segments":            {"": 1},
			"wirespan.spool.state":               {"wirespan.spool.state=working": 1, "wirespan.spool.state=degraded": 0},
			"wirespan.spool.corrupt.spans":       {"": 0},
			"wirespan.spool.write.duration":      {"": 1},
			"wirespan.receiver.state":            {"wirespan.receiver.state=up": 0, "wirespan.receiver.state=down": 1, "wirespan.receiver.state=throttling": 0, "wirespan.receiver.state=refusing": 0},
		} {
			for l, n := range want {
				if g, ok := got[name][l]; !ok || g != n {
					t.Errorf("%s{%s} is %d (%t), want %d", name, l, g, ok, n)
				}
			}
			if len(got[name]) != len(want) {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
		if n := got["otel.sdk.processor.span.queue.capacity"][""]; n < 64<<20/2000 || n > 64<<20/100 {
			t.Errorf("%d spans fit into 64 MiB", n)
		}
		durations := got["otel.sdk.exporter.operation.duration"]
		if durations[""] != 1 || durations["error.type=INVALID_ARGUMENT,rpc.response.status_code=INVALID_ARGUMENT"] != 1 ||
			durations["error.type=UNAVAILABLE,rpc.response.status_code=UNAVAILABLE"] < 5 {
			t.Errorf("uploads: %v", durations)
		}
		for _, name := range []string{"wirespan.spool.bytes", "wirespan.spool.oldest_age", "wirespan.queue.bytes", "wirespan.spans.retried", "wirespan.receiver.upload.limit"} {
			if got[name][""] <= 0 {
				t.Errorf("%s is %v", name, got[name])
			}
		}
		if err := c.Shutdown(t.Context()); !errors.Is(err, otelcollector.ErrSpooled) {
			t.Errorf("shut down: %v", err)
		}
		requests(t, c, 2)
		got = collect(t, reader)
		if late := got["otel.sdk.processor.span.processed"]["error.type=already_shutdown"]; late != 2 {
			t.Errorf("%d spans came after the shutdown, want 2", late)
		}
		if made, spooled, queued := got["wirespan.spans.ended"][""], got["wirespan.spool.spans"][""], got["otel.sdk.processor.span.queue.size"][""]; made != 33 || spooled != 11 || queued != 0 {
			t.Errorf("in the end %d spans were made, %d are in the spool, and %d in memory", made, spooled, queued)
		}
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Each upload tells the receiver, its status, and why it failed. One of which a part was rejected has failed, too, as has one that
// was accepted with a warning.
func TestMetricsOfUploads(t *testing.T) {
	for _, c := range []struct {
		protocol int
		first    answer
		want     string
	}{
		{0, answer{}, "rpc.response.status_code=OK"},
		{0, answer{rejected: 1}, "error.type=rejected,rpc.response.status_code=OK"},
		{0, answer{message: "deprecated"}, "error.type=warning,rpc.response.status_code=OK"},
		{0, answer{grpc: status.New(codes.FailedPrecondition, "no")}, "error.type=FAILED_PRECONDITION,rpc.response.status_code=FAILED_PRECONDITION"},
		{1, answer{}, "http.response.status_code=200"},
		{1, answer{rejected: 1}, "error.type=rejected,http.response.status_code=200"},
		{1, answer{message: "deprecated"}, "error.type=warning,http.response.status_code=200"},
		{1, answer{http: 400}, "error.type=400,http.response.status_code=400"},
	} {
		p := protocols[c.protocol]
		t.Run(p.name+" "+c.want, func(t *testing.T) {
			endpoint := p.serve(t, &receiver{answer: func(int) answer { return c.first }})
			u, err := url.Parse(endpoint)
			if err != nil {
				t.Fatal(err)
			}
			place := "server.address=" + u.Hostname() + ",server.port=" + u.Port()
			got := uploaded(t, p.name, endpoint)
			if d := got["otel.sdk.exporter.operation.duration"]; d[c.want+","+place] != 1 || len(d) != 1 {
				t.Errorf("uploads are %v, want one at %q", d, place)
			}
			for _, name := range []string{"otel.sdk.exporter.span.inflight", "otel.sdk.exporter.span.exported"} {
				if _, ok := got[name][place]; !ok {
					t.Errorf("%s is %v, want one at %q", name, got[name], place)
				}
			}
		})
	}
}

// Spans that the receiver has found too large count as exported in vain, those that were never sent do not.
func TestMetricsOfSpansThatAreTooLarge(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	cfg := quiet(t, &sink{answer: func(context.Context, int) error { return status.Error(codes.ResourceExhausted, "too large") }})
	cfg.MeterProvider, cfg.ErrorHandler = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), func(error) {}
	c := newCollector(t, cfg)
	requests(t, c, 1, [2]string{"User-Agent", strings.Repeat("x", 4<<20)})
	requests(t, c, 2)
	if err := c.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := collect(t, reader)
	const tooLarge = "error.type=too_large"
	if all, sent := got["otel.sdk.processor.span.processed"][tooLarge], got["otel.sdk.exporter.span.exported"][tooLarge]; all != 3 || sent != 2 {
		t.Errorf("%d spans were too large, %d of them for the receiver; want 3 and 2", all, sent)
	}
}

// Of an upload that is not answered, error.type is what happened to the connection.
func TestMetricsOfUploadsInVain(t *testing.T) {
	const grpcFailed, httpFailed = "error.type=UNAVAILABLE,rpc.response.status_code=UNAVAILABLE,", "error.type=*net.OpError,"
	for _, c := range []struct{ protocol, endpoint, want string }{
		{"grpc", "http://127.0.0.1:1", grpcFailed + "server.address=127.0.0.1,server.port=1"},
		{"grpc", "unix:///nowhere.sock", grpcFailed + "server.address=/nowhere.sock"},
		{"http/protobuf", "http://127.0.0.1:1", httpFailed + "server.address=127.0.0.1,server.port=1"},
	} {
		d := uploaded(t, c.protocol, c.endpoint)["otel.sdk.exporter.operation.duration"]
		if d[c.want] == 0 || len(d) != 1 {
			t.Errorf("%s: uploads are %v, want some at %q", c.endpoint, d, c.want)
		}
	}
}

// Of one that is not answered in time it is that, with either protocol.
func TestMetricsOfUploadsThatTakeTooLong(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
	for kind, p := range map[string]int{"DEADLINE_EXCEEDED": 0, "timeout": 1} {
		hangs := make(chan struct{})
		endpoint := protocols[p].serve(t, &receiver{answer: func(int) answer { <-hangs; return answer{} }})
		d := uploaded(t, protocols[p].name, endpoint)["otel.sdk.exporter.operation.duration"]
		close(hangs)
		for l := range d {
			if !strings.HasPrefix(l, "error.type="+kind+",") {
				t.Errorf("%s: uploads are %v, want error.type %s", protocols[p].name, d, kind)
			}
		}
	}
}

// uploaded returns the metrics after an official client has uploaded two spans, or has failed to.
func uploaded(t *testing.T, protocol, endpoint string) map[string]points {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
	reader := sdkmetric.NewManualReader()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c, err := otelcollector.New(t.Context(), otelcollector.Config{
		MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), ErrorHandler: func(error) { cancel() },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Shutdown(t.Context()) }() // what was not sent is not the matter here
	requests(t, c, 2)
	_ = c.ForceFlush(ctx) // whichever comes first
	return collect(t, reader)
}

// Without a spool there is nothing to be told of it.
func TestMetricsWithoutASpool(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	cfg := quiet(t, &sink{})
	cfg.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	c := newCollector(t, cfg)
	requests(t, c, 1)
	if err := c.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := collect(t, reader)
	for name := range got {
		if strings.HasPrefix(name, "wirespan.spool.") && len(got[name]) > 0 {
			t.Errorf("%s is %v", name, got[name])
		}
	}
	if n := got["otel.sdk.exporter.span.exported"][""]; n != 1 {
		t.Errorf("%d spans were exported", n)
	}
}
