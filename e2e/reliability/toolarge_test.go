package reliability_test

import (
	"context"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/tap"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/otelcollector"
)

// F39: requests that the receiver finds too large, and those that are. Each is dropped alone, and is not sent again.
func TestF39TooLarge(t *testing.T) {
	r := begin(t)
	var calls atomic.Int64
	count := grpc.InTapHandle(func(ctx context.Context, _ *tap.Info) (context.Context, error) { calls.Add(1); return ctx, nil })
	small := r.open(faults.Options{Server: []grpc.ServerOption{grpc.MaxRecvMsgSize(256 << 10), count}})
	usual := r.open(faults.Options{})
	says := r.open(faults.Options{Script: func(c *faults.Call) faults.Answer {
		if c.First()%2 == 1 {
			return faults.Refuse(codes.ResourceExhausted)
		}
		return faults.Answer{}
	}})
	web := r.open(faults.Options{HTTP: true, Script: func(c *faults.Call) faults.Answer {
		if c.Bytes > 256<<10 {
			return faults.Answer{HTTP: 413}
		}
		return faults.Answer{}
	}})

	const times = 5
	var cases []func()
	for _, c := range []struct {
		setup
		small, large int // bytes of a span
	}{
		{to("receiver takes 256 KiB", small), 0, batchBytes},
		{to("receiver takes 4 MiB", usual), 2900 << 10, 3 << 20},
		{to("receiver says so", says), 0, 0},
		{to("413", web), 0, batchBytes},
	} {
		run := r.start(c.setup)
		cases = append(cases, func() {
			for range times {
				run.serveSized(1, c.small)
				run.flush()
				run.serveSized(1, c.large)
				run.flush()
			}
			run.finish(0, map[otelcollector.DropReason]uint64{otelcollector.DroppedTooLarge: times})
		})
	}
	together(cases...)
	if n := calls.Load(); n != 2*times+1 {
		t.Errorf("%d calls, want %d: what was too large was sent again", n, 2*times+1)
	}
	for _, f := range says.Fates() {
		if f.Attempts != 1 {
			t.Errorf("%+v: what was too large was sent again", f)
		}
	}
}
