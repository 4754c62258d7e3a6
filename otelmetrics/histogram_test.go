package otelmetrics_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelmetrics"
)

// TestHistogramsAreThoseOfTheSDK compares every histogram with one of the SDK that has the same bounds, and was given the
// same values: each bound, one less, one more, and random ones.
func TestHistogramsAreThoseOfTheSDK(t *testing.T) {
	values := []int64{0, 1, 1 << 40}
	for _, b := range []int64{1, 5, 10, 20, 25, 50, 75, 100, 200, 250, 500, 750, 1000, 2000, 2500, 5000, 7500, 10_000, 30_000, 60_000, 120_000, 300_000} {
		b *= int64(time.Millisecond)
		values = append(values, b-1, b, b+1)
	}
	for b := int64(64); b <= 1<<30; b *= 4 {
		values = append(values, b-1, b, b+1)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		values = append(values, r.Int64N(1<<r.IntN(40)))
	}

	c := otelmetrics.New(otelmetrics.Config{})
	for _, v := range values {
		w := open(c, r.IntN(4))
		w.respond(w.start("GET"), 200, time.Duration(v), func(o *lifecycle.Outcome) { o.BytesSent, o.BytesReceived = v, v })
		w.close(lifecycle.ReasonComplete, time.Duration(v))
	}
	ours := collect(t, c)
	for _, name := range []string{
		"http.server.request.duration", "http.server.request.body.size", "http.server.response.body.size", "wirespan.connection.duration",
	} {
		points := ours[name].Data.(metricdata.Histogram[float64]).DataPoints
		if len(points) != 1 {
			t.Fatalf("%s has %d points", name, len(points))
		}
		got := points[0]
		reader := sdkmetric.NewManualReader()
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		h, err := provider.Meter("twin").Float64Histogram(name, metric.WithExplicitBucketBoundaries(got.Bounds...))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if ours[name].Unit == "s" {
				h.Record(t.Context(), time.Duration(v).Seconds())
			} else {
				h.Record(t.Context(), float64(v))
			}
		}
		var all metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &all); err != nil {
			t.Fatal(err)
		}
		want := all.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64]).DataPoints[0]
		if got.Count != want.Count || !slices.Equal(got.BucketCounts, want.BucketCounts) || got.Sum/want.Sum < 0.999999 || got.Sum/want.Sum > 1.000001 {
			t.Errorf("%s:\n%d, %v, %v\nwant\n%d, %v, %v", name, got.Count, got.Sum, got.BucketCounts, want.Count, want.Sum, want.BucketCounts)
		}
	}
}
