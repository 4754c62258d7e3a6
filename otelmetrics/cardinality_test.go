package otelmetrics_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelmetrics"
)

// seriesOf counts the points of all metrics.
func seriesOf(all map[string]metricdata.Metrics) (n int) {
	for _, m := range all {
		switch d := m.Data.(type) {
		case metricdata.Histogram[float64]:
			n += len(d.DataPoints)
		case metricdata.Sum[int64]:
			n += len(d.DataPoints)
		}
	}
	return n
}

// TestNothingThatAClientChoosesMakesASeries: each request and connection differs in all that a client can choose.
func TestNothingThatAClientChoosesMakesASeries(t *testing.T) {
	c := otelmetrics.New(otelmetrics.Config{})
	serve := func(i int) {
		w := open(c, i, func(e *lifecycle.ConnectionOpened) { e.ClientAddr, e.ClientPort = fmt.Sprintf("2001:db8::%x", i), i })
		r := w.start(fmt.Sprint("M", i), func(r *lifecycle.Request) { r.Target, r.Host = fmt.Sprint("/", i), fmt.Sprint(i, ".example") })
		w.respond(r, 404, time.Millisecond)
		o := w.outcome(&lifecycle.Request{Method: fmt.Sprint(i), HTTPVersion: fmt.Sprint("v", i), Host: fmt.Sprint(i)}, 400, 0)
		w.to.Record(&lifecycle.RequestFailed{Stamp: w.stamp, Outcome: o, Code: "invalid_request_line"})
		w.close(lifecycle.ReasonError, time.Second)
	}
	serve(20_000)
	before := seriesOf(collect(t, c))
	for i := range 10_000 {
		serve(i)
	}
	if after := seriesOf(collect(t, c)); after != before {
		t.Errorf("there are %d series after one request, and %d after 10,000", before, after)
	}
}

// TestOverflow: an application with a route for each of its users loses no request.
func TestOverflow(t *testing.T) {
	const limit, workers, routes = 10, 4, 500
	c := otelmetrics.New(otelmetrics.Config{MaxSeries: limit})
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			w := open(c, worker)
			for i := range routes {
				w.respond(w.start("GET"), 200, time.Millisecond, func(o *lifecycle.Outcome) { o.Route = fmt.Sprint("/", i) })
			}
			w.close(lifecycle.ReasonComplete, time.Second)
		})
	}
	all.Wait()
	found := collect(t, c)
	points := found["http.server.request.duration"].Data.(metricdata.Histogram[float64]).DataPoints
	var n, beyond uint64
	for _, p := range points {
		n += p.Count
		if attributes(p.Attributes) == "otel.metric.overflow=true" {
			beyond += p.Count
		}
	}
	if len(points) != limit+1 || n != workers*routes || beyond != workers*(routes-limit) {
		t.Errorf("%d series with %d requests, %d of them beyond the limit", len(points), n, beyond)
	}
	// The connections have series of their own.
	expect(t, found, "wirespan.connection.duration", "network.protocol.version=1.1 network.transport=tcp network.type=ipv4: 4, 4")
}
