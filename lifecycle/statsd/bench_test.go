package statsd_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/statsd"
)

// BenchmarkRequest is what the three lines of a request cost the worker that served it, each goroutine being one. Nothing is
// really sent.
func BenchmarkRequest(b *testing.B) {
	for name, o := range map[string]statsd.Options{
		"all":     {Dial: dialSink, Tags: tags},
		"sampled": {Dial: dialSink, Tags: tags, Rate: 0.1},
	} {
		b.Run(name, func(b *testing.B) {
			client := newBenchmarked(b, o)
			collector := statsd.NewCollector(client)
			var workers atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				worker := lifecycle.Stamp{WorkerID: int(workers.Add(1) - 1)}
				c := lifecycle.Open(collector, &lifecycle.ConnectionOpened{Stamp: worker})
				response := &lifecycle.ResponseCompleted{Stamp: worker, Outcome: outcome(200)}
				for p.Next() {
					c.Record(response)
				}
			})
		})
	}
}

// BenchmarkIncrement is what an application's counter costs with a tag.
func BenchmarkIncrement(b *testing.B) {
	client := newBenchmarked(b, statsd.Options{Dial: dialSink, Tags: tags})
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			client.Increment("orders", 1, statsd.Tag{Key: "country", Value: "fr"})
		}
	})
}

// BenchmarkMilliseconds compares with the plain way to write a duration.
func BenchmarkMilliseconds(b *testing.B) {
	buf := make([]byte, 0, 64)
	d := 1234567 * time.Nanosecond
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			buf = statsd.AppendMilliseconds(buf[:0], d)
		}
	})
	b.Run("strconv", func(b *testing.B) {
		for b.Loop() {
			buf = strconv.AppendFloat(buf[:0], float64(d)/1e6, 'f', -1, 64)
		}
	})
}

func newBenchmarked(b *testing.B, o statsd.Options) *statsd.Client {
	b.Helper()
	c, err := statsd.New(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close(b.Context()) })
	return c
}
