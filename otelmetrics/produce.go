package otelmetrics

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/wirespan/wirespan/internal/conventions"
	"github.com/wirespan/wirespan/lifecycle"
)

// Produce implements [sdkmetric.Producer]. Each worker is held up for a moment at a time, while one series is read. It returns
// no error.
func (c *Collector) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	t := c.read()
	request, connection, handshake := t.series[requests], t.series[connections], t.series[handshakes]
	all := []metricdata.Metrics{
		t.histogram("http.server.request.duration", "s", "How long requests took.", requestScale, request, func(c *cell) *histogram { return &c.duration }),
		t.histogram("http.server.request.body.size", "By", "Bodies of requests, without framing.", sizeScale, request, func(c *cell) *histogram { return &c.requestBody }),
		t.histogram("http.server.response.body.size", "By", "Bodies of responses, without framing.", sizeScale, request, func(c *cell) *histogram { return &c.responseBody }),
		sum("http.server.active_requests", "{request}", "Requests that are under way.", false, t.activeRequests()),
		t.histogram("wirespan.connection.duration", "s", "How long connections lasted.", connectionScale, connection, func(c *cell) *histogram { return &c.duration }),
		sum("wirespan.connection.count", "{connection}", "Connections by what they are doing.", false, t.connectionCount()),
		sum("wirespan.connection.rejected", "{connection}", "Connections that were accepted only to be refused.", true, t.rejected()),
		t.histogram("wirespan.tls_handshake.duration", "s", "How long TLS handshakes took.", requestScale, handshake, func(c *cell) *histogram { return &c.duration }),
	}
	some := all[:0]
	for _, m := range all {
		if m.Data != nil {
			some = append(some, m)
		}
	}
	return []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: scopeName, SchemaURL: conventions.SchemaURL}, Metrics: some}}, nil
}

// totals are what all workers have counted.
type totals struct {
	collector   *Collector
	now         time.Time
	series      [kinds][]series
	underWay    []flow
	connections [states]int64
}

// series is what all workers have counted of one.
type series struct {
	attributes attribute.Set
	cell
}

func (c *Collector) read() *totals {
	t := &totals{collector: c, now: time.Now(), underWay: make([]flow, underWayIndex(uint16(len(c.methods)), 0))}
	for _, s := range c.shards.list() {
		if s != nil {
			s.addTo(t)
		}
	}
	return t
}

// addTo adds what a worker has counted.
func (s *shard) addTo(t *totals) {
	var lists [kinds][]numbered
	s.mu.Lock()
	for i := range s.tables {
		lists[i] = s.tables[i].list // only ever appended to
	}
	for i, f := range s.underWay {
		t.underWay[i].started += f.started
		t.underWay[i].ended += f.ended
	}
	for i, n := range s.connections {
		t.connections[i] += n
	}
	s.mu.Unlock()
	for i, list := range lists {
		t.grow(kind(i))
		for _, n := range list {
			s.mu.Lock()
			t.series[i][n.number].merge(n.cell)
			s.mu.Unlock()
		}
	}
}

// grow makes room for the series that there are by now.
func (t *totals) grow(of kind) {
	all := t.collector.families[of].members.Load().attributes
	for n := len(t.series[of]); n < len(all); n++ {
		t.series[of] = append(t.series[of], series{attributes: all[n]})
	}
}

// histogram returns a metric without Data when nothing was counted.
func (t *totals) histogram(name, unit, description string, by *scale, of []series, part func(*cell) *histogram) metricdata.Metrics {
	var points []metricdata.HistogramDataPoint[float64]
	for i := range of {
		h := part(&of[i].cell)
		n := h.count()
		if n == 0 {
			continue
		}
		p := metricdata.HistogramDataPoint[float64]{
			Attributes: of[i].attributes, StartTime: t.collector.began, Time: t.now,
			Count: n, Sum: by.tell(h.sum), Bounds: by.told, BucketCounts: append([]uint64(nil), h.counts[:len(by.bounds)+1]...),
		}
		if h == &of[i].duration && of[i].exemplars != nil {
			p.Exemplars = of[i].exemplars.tell(by)
		}
		points = append(points, p)
	}
	m := metricdata.Metrics{Name: name, Unit: unit, Description: description}
	if points != nil {
		m.Data = metricdata.Histogram[float64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality}
	}
	return m
}

func (x *exemplars) tell(by *scale) (list []metricdata.Exemplar[float64]) {
	for i := range x {
		if e := &x[i]; e.atNS != 0 {
			list = append(list, metricdata.Exemplar[float64]{
				Time: lifecycle.WallTime(e.atNS), Value: by.tell(e.value), TraceID: e.traceID[:], SpanID: e.spanID[:],
			})
		}
	}
	return list
}

// sum returns a metric without Data when there are no points.
func sum(name, unit, description string, monotonic bool, points []metricdata.DataPoint[int64]) metricdata.Metrics {
	m := metricdata.Metrics{Name: name, Unit: unit, Description: description}
	if points != nil {
		m.Data = metricdata.Sum[int64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality, IsMonotonic: monotonic}
	}
	return m
}

func (t *totals) point(n int64, attributes attribute.Set) metricdata.DataPoint[int64] {
	return metricdata.DataPoint[int64]{Attributes: attributes, StartTime: t.collector.began, Time: t.now, Value: n}
}

func (t *totals) activeRequests() (points []metricdata.DataPoint[int64]) {
	for m := range t.collector.methods {
		for s := range schemes {
			f := t.underWay[underWayIndex(uint16(m), scheme(s))]
			if f.started > 0 {
				points = append(points, t.point(int64(f.started-f.ended), t.collector.attributes(&key{method: uint16(m), scheme: scheme(s)})))
			}
		}
	}
	return points
}

func (t *totals) connectionCount() (points []metricdata.DataPoint[int64]) {
	for i, n := range t.connections {
		points = append(points, t.point(n, attribute.NewSet(keyState.String(stateNames[i]))))
	}
	if t.collector.backlog == nil {
		return points
	}
	if n := t.collector.backlog(); n >= 0 {
		points = append(points, t.point(int64(n), attribute.NewSet(keyState.String(stateQueued))))
	}
	return points
}

func (t *totals) rejected() (points []metricdata.DataPoint[int64]) {
	of := t.series[rejections]
	for i := range of {
		if n := of[i].duration.count(); n > 0 {
			points = append(points, t.point(int64(n), of[i].attributes))
		}
	}
	return points
}
