package otelmetrics_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelmetrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collect has a reader of the SDK collect.
func collect(t testing.TB, producers ...sdkmetric.Producer) map[string]metricdata.Metrics {
	t.Helper()
	var options []sdkmetric.ManualReaderOption
	for _, p := range producers {
		options = append(options, sdkmetric.WithProducer(p))
	}
	reader := sdkmetric.NewManualReader(options...)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer provider.Shutdown(context.Background())
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]metricdata.Metrics{}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			found[m.Name] = m
		}
	}
	return found
}

// told puts the points of a metric into words, a line each: its attributes, and its value, or the count and the sum.
func told(m metricdata.Metrics) string {
	var lines []string
	switch d := m.Data.(type) {
	case metricdata.Histogram[float64]:
		for _, p := range d.DataPoints {
			lines = append(lines, fmt.Sprintf("%s: %d, %g", attributes(p.Attributes), p.Count, p.Sum))
		}
	case metricdata.Sum[int64]:
		for _, p := range d.DataPoints {
			lines = append(lines, fmt.Sprintf("%s: %d", attributes(p.Attributes), p.Value))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func attributes(s attribute.Set) string {
	var list []string
	for _, kv := range s.ToSlice() {
		list = append(list, string(kv.Key)+"="+kv.Value.String())
	}
	return cmp.Or(strings.Join(list, " "), "none")
}

// expect compares a metric with the lines that told makes of it.
func expect(t *testing.T, all map[string]metricdata.Metrics, name string, lines ...string) {
	t.Helper()
	slices.Sort(lines)
	if got, want := told(all[name]), strings.Join(lines, "\n"); got != want {
		t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
	}
}

// wire emits the events of one connection, as a server does.
type wire struct {
	to       lifecycle.Collector
	stamp    lifecycle.Stamp
	requests int
	sent     int64
}

var peers = lifecycle.Peers{ClientAddr: "203.0.113.5", ClientPort: 50123, ServerAddr: "192.0.2.1", ServerPort: 8080, Network: "tcp"}

func open(c *otelmetrics.Collector, worker int, change ...func(*lifecycle.ConnectionOpened)) *wire {
	w := &wire{stamp: lifecycle.Stamp{ConnectionID: lifecycle.NextConnectionID(), WorkerID: worker, TimestampNS: lifecycle.MonotonicNS()}}
	e := &lifecycle.ConnectionOpened{Stamp: w.stamp, Peers: peers, Protocol: "h1", AcceptedNS: w.stamp.TimestampNS}
	for _, f := range change {
		f(e)
	}
	w.to = c.OpenConnection(e)
	return w
}

// start begins a request.
func (w *wire) start(method string, change ...func(*lifecycle.Request)) *lifecycle.Request {
	w.requests++
	r := &lifecycle.Request{Index: w.requests, Method: method, Target: "/", HTTPVersion: "1.1", Host: "shop.example", Scheme: "http"}
	for _, f := range change {
		f(r)
	}
	w.to.Record(&lifecycle.RequestStarted{Stamp: w.stamp, Request: r})
	return r
}

// outcome is that of a request that took so long.
func (w *wire) outcome(r *lifecycle.Request, status int, took time.Duration) lifecycle.Outcome {
	end := w.stamp.TimestampNS
	return lifecycle.Outcome{
		Request: r, Status: status, Duration: took,
		Phases: lifecycle.Phases{FirstByte: end - int64(took), HandlerEnd: end, LastByte: end},
	}
}

func (w *wire) respond(r *lifecycle.Request, status int, took time.Duration, change ...func(*lifecycle.Outcome)) {
	o := w.outcome(r, status, took)
	for _, f := range change {
		f(&o)
	}
	w.sent += o.BytesSent
	w.to.Record(&lifecycle.ResponseCompleted{Stamp: w.stamp, Outcome: o})
}

func (w *wire) fail(r *lifecycle.Request, status int, code string) {
	w.to.Record(&lifecycle.RequestFailed{Stamp: w.stamp, Outcome: w.outcome(r, status, time.Millisecond), Code: code, Started: true})
}

func (w *wire) unparsed(code string) {
	o := w.outcome(&lifecycle.Request{Method: "G?T", HTTPVersion: "9.9"}, 400, time.Millisecond)
	w.to.Record(&lifecycle.RequestFailed{Stamp: w.stamp, Outcome: o, Code: code})
}

func (w *wire) leave(r *lifecycle.Request) {
	w.to.Record(&lifecycle.ClientDisconnected{Stamp: w.stamp, Outcome: w.outcome(r, 0, time.Millisecond)})
}

func (w *wire) close(why lifecycle.Reason, after time.Duration) {
	w.to.Record(&lifecycle.ConnectionCompleted{Stamp: w.stamp, RequestsServed: w.requests, TotalBytesSent: w.sent, Duration: after, Reason: why})
}
