package statsd_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/statsd"
)

// sink is a server that costs nothing.
type sink struct{ net.Conn }

func (sink) Write(b []byte) (int, error)      { return len(b), nil }
func (sink) SetWriteDeadline(time.Time) error { return nil }
func (sink) Close() error                     { return nil }

func dialSink(context.Context, string, string) (net.Conn, error) { return sink{}, nil }

var tags = statsd.ParseTags("service:shop,env:prod")

func TestNothingIsAllocated(t *testing.T) {
	for name, o := range map[string]statsd.Options{
		"all sent": {Dial: dialSink, Prefix: "shop", Tags: tags},
		"sampled":  {Dial: dialSink, Prefix: "shop", Tags: tags, Rate: 0.5},
	} {
		client := newClient(t, o)
		c := lifecycle.Open(statsd.NewCollector(client), &lifecycle.ConnectionOpened{})
		response := &lifecycle.ResponseCompleted{Outcome: outcome(200)}
		status := "2xx"
		for call, f := range map[string]func(){
			"Record":     func() { c.Record(response) },
			"Increment":  func() { client.Increment("a", 1, statsd.Tag{Key: "status", Value: status}) },
			"Gauge":      func() { client.Gauge("a", -1.5, statsd.Tag{Key: "status", Value: status}) },
			"GaugeDelta": func() { client.GaugeDelta("a", -1.5) },
			"Histogram":  func() { client.Histogram("a", 1.5) },
			"Timing":     func() { client.Sampled(0.9).Timing("a", time.Second) },
		} {
			for range 10_000 { // until there are packets enough
				f()
			}
			if n := testing.AllocsPerRun(10_000, f); n > 0 {
				t.Errorf("%s, %s: %v allocations", name, call, n)
			}
		}
	}
}
