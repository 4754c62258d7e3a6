package reliability_test

import (
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/otelcollector"
)

// F37: the receiver takes its time. The uploads under way at once make up for it, and what fits in memory does not go to the disk.
func TestF37ReceiverIsSlow(t *testing.T) {
	r := begin(t)
	for _, c := range []struct {
		name    string
		delay   time.Duration
		batches int
	}{
		{"takes 50 ms", 50 * time.Millisecond, 100},
		{"takes 500 ms", 500 * time.Millisecond, 60},
	} {
		var busy gauge
		receiver := r.open(faults.Options{Script: func(*faults.Call) faults.Answer {
			busy.add(1)
			time.Sleep(c.delay)
			busy.add(-1)
			return faults.Answer{}
		}})
		run := r.start(to(c.name, receiver).with(otelcollector.SpoolOverflow))
		run.serveAll(c.batches, c.delay)
		run.figure("%d at once at most", busy.most())
		if busy.most() < otelcollector.Uploads || busy.most() > otelcollector.MaxUploads {
			run.errorf("%d uploads at once, want %d to %d", busy.most(), otelcollector.Uploads, otelcollector.MaxUploads)
		}
		run.finish(0, nil)
	}
}

// F37, when it is far away: then the windows of HTTP/2 and TCP have to grow first.
func TestF37ReceiverIsFarAway(t *testing.T) {
	r := begin(t)
	var cases []func()
	for _, http := range []bool{false, true} {
		for _, c := range []struct {
			name    string
			trip    time.Duration // there and back
			batches int
		}{
			{"50 ms away", 50 * time.Millisecond, 100},
			{"500 ms away", 500 * time.Millisecond, 40},
		} {
			receiver := r.open(faults.Options{HTTP: http})
			proxy := r.proxy(receiver.Addr())
			proxy.Requests().Delay(c.trip / 2)
			proxy.Responses().Delay(c.trip / 2)
			s := to(c.name, receiver).with(otelcollector.SpoolOverflow)
			s.addr = proxy.Addr()
			run := r.start(s)
			cases = append(cases, func() {
				run.serveAll(c.batches, c.trip)
				run.figure("%d at once in the end", run.Receiver().Limit)
				run.finish(0, nil)
			})
		}
	}
	together(cases...)
}

// serveAll makes spans, each in a batch of its own, and waits for them to be sent. In how much less time that is than it would
// take one after the other is a figure only: the machine may have other things to do.
func (r *run) serveAll(batches int, each time.Duration) {
	begin := time.Now()
	r.serveBatches(batches)
	r.until("all spans", func() bool {
		if n := r.Stats(); n.Spooled > 0 {
			r.errorf("%+v: it fits in memory", n)
			return true
		}
		return r.Stats().Exported == uint64(batches)
	})
	took, alone := time.Since(begin), time.Duration(batches)*each
	r.figure("%.1f MB/s, one after the other it would have taken %v instead of %v",
		float64(batches*batchBytes)/1e6/took.Seconds(), alone, took.Round(time.Millisecond))
}
