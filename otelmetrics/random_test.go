package otelmetrics_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/otelmetrics"
)

// balanced: where nothing is under way, the gauges say so.
func balanced(t testing.TB, c *otelmetrics.Collector) {
	t.Helper()
	all := collect(t, c)
	for _, name := range []string{"http.server.active_requests", "wirespan.connection.count"} {
		if all[name].Data == nil {
			continue
		}
		for _, p := range all[name].Data.(metricdata.Sum[int64]).DataPoints {
			if p.Value != 0 {
				t.Errorf("%s is %d for %s when nothing is under way", name, p.Value, attributes(p.Attributes))
			}
		}
	}
}

// count adds up a histogram, over all series.
func count(m metricdata.Metrics) (n uint64, sum float64) {
	if m.Data == nil {
		return 0, 0
	}
	for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
		n += p.Count
		sum += p.Sum
	}
	return n, sum
}

// TestRandomConnections: whatever becomes of requests and connections, side by side, in whatever order, the gauges return to
// zero, and the sums are those of the events.
func TestRandomConnections(t *testing.T) {
	for seed := range uint64(20) {
		c := otelmetrics.New(otelmetrics.Config{})
		var recorder lifecycletest.Recorder
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				r := rand.New(rand.NewPCG(seed, uint64(worker)))
				for range 20 {
					randomConnection(r, c, &recorder, worker)
				}
			})
		}
		all.Go(func() { // somebody who reads meanwhile
			for range 10 {
				if _, err := c.Produce(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
		all.Wait()
		balanced(t, c)
		agrees(t, c, recorder.Events())
	}
}

// agrees compares the sums with the events.
func agrees(t *testing.T, c *otelmetrics.Collector, events []lifecycle.Event) {
	t.Helper()
	var requests, answered, connections, rejected uint64
	var received, sent, lasted float64
	for _, e := range events {
		switch e := e.(type) {
		case *lifecycle.ConnectionCompleted:
			connections++
			lasted += e.Duration.Seconds()
		case *lifecycle.ConnectionRejected:
			rejected++
		}
		if o := lifecycle.OutcomeOf(e); o != nil {
			requests++
			received += float64(o.BytesReceived)
			if o.Status != 0 {
				answered++
				sent += float64(o.BytesSent)
			}
		}
	}
	all := collect(t, c)
	for _, name := range []string{"http.server.active_requests", "wirespan.connection.count"} { // which balanced has seen
		if all[name].Data == nil {
			t.Errorf("there is no %s", name)
		}
	}
	if n, _ := count(all["http.server.request.duration"]); n != requests {
		t.Errorf("%d requests, and there were %d", n, requests)
	}
	if _, sum := count(all["http.server.request.body.size"]); sum != received {
		t.Errorf("%v bytes were received, and there were %v", sum, received)
	}
	if n, sum := count(all["http.server.response.body.size"]); n != answered || sum != sent {
		t.Errorf("%d responses with %v bytes, and there were %d with %v", n, sum, answered, sent)
	}
	if n, sum := count(all["wirespan.connection.duration"]); n != connections || sum-lasted > 1e-6 || lasted-sum > 1e-6 {
		t.Errorf("%d connections of %v s, and there were %d of %v", n, sum, connections, lasted)
	}
	var refused uint64
	if d := all["wirespan.connection.rejected"].Data; d != nil {
		for _, p := range d.(metricdata.Sum[int64]).DataPoints {
			refused += uint64(p.Value)
		}
	}
	if refused != rejected {
		t.Errorf("%d connections were rejected, and there were %d", refused, rejected)
	}
}

// randomConnection keeps several requests under way, and has each of them end somehow.
func randomConnection(r *rand.Rand, c *otelmetrics.Collector, recorder lifecycle.Collector, worker int) {
	if r.IntN(8) == 0 {
		e := &lifecycle.ConnectionRejected{Stamp: lifecycle.Stamp{ConnectionID: lifecycle.NextConnectionID(), WorkerID: worker}, Code: "server_draining"}
		c.Record(e)
		recorder.Record(e)
		return
	}
	w := open(c, worker, func(e *lifecycle.ConnectionOpened) { e.Protocol = []string{"h1", "h2"}[r.IntN(2)] })
	w.to = lifecycle.Tee(w.to, recorder)
	methods := []string{"GET", "POST", "BREW", ""}
	var underWay []*lifecycle.Request
	for step := 0; step < 30 || len(underWay) > 0; step++ {
		if step < 30 && r.IntN(2) == 0 {
			underWay = append(underWay, w.start(methods[r.IntN(len(methods))], func(q *lifecycle.Request) { q.Scheme = []string{"", "http", "https"}[r.IntN(3)] }))
			continue
		}
		if len(underWay) == 0 {
			w.unparsed("invalid_request_line")
			continue
		}
		i := r.IntN(len(underWay))
		q := underWay[i]
		underWay = append(underWay[:i], underWay[i+1:]...)
		took := time.Duration(r.Int64N(int64(20 * time.Second)))
		if r.IntN(4) == 0 {
			w.to.Record(&lifecycle.StreamOpened{Stamp: w.stamp, Request: q, Upgraded: r.IntN(2) == 0})
			w.to.Record(&lifecycle.StreamClosed{Stamp: w.stamp, Request: q})
		}
		switch r.IntN(3) {
		case 0:
			w.respond(q, 200+r.IntN(400), took, func(o *lifecycle.Outcome) { o.BytesSent, o.BytesReceived = r.Int64N(1<<31), r.Int64N(1<<20) })
		case 1:
			w.fail(q, []int{0, 500}[r.IntN(2)], "handler_panic")
		case 2:
			w.leave(q)
		}
	}
	w.close(lifecycle.ReasonComplete, time.Duration(r.Int64N(int64(time.Hour))))
}
