// Package traced_test measures what no package can measure by itself: a server together with the collector that makes
// spans of what it does.
package traced_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/otelcollector"
)

// discard is a client that takes every batch.
type discard struct{}

func (discard) Start(context.Context) error                                  { return nil }
func (discard) Stop(context.Context) error                                   { return nil }
func (discard) UploadTraces(context.Context, []*tracepb.ResourceSpans) error { return nil }

const (
	request = "GET /hello?a=b HTTP/1.1\r\nHost: test\r\nUser-Agent: test\r\n" +
		"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"
	body = "Hello, World!"
)

func hello(w *httpcore.SyncResponse, _ *httpcore.SyncRequest) bool {
	w.SetBodyString(body)
	return true
}

// TestTracedSyncHandlerAllocatesNothing: neither the server nor the collector allocates for a request, from the read of its
// head to its span in the batch. What a batch takes, and the server's tick, is shared by thousands of requests.
func TestTracedSyncHandlerAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool throws away part of what it is given")
	}
	for _, e := range []httpcore.Engine{httpcore.EngineGoroutine, httpcore.EngineAuto} {
		t.Run(e.String(), func(t *testing.T) {
			collector, err := otelcollector.New(t.Context(), otelcollector.Config{
				Client: discard{}, Settings: otelcollector.Settings{
					Sampler:               sdktrace.AlwaysSample(),
					CaptureRequestHeaders: []string{"User-Agent", "X-None"}, CaptureResponseHeaders: []string{"Content-Type"},
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer collector.Shutdown(context.Background())
			allocatesNothing(t, &httpcore.Server{Engine: e, Collector: collector, Sync: httpcore.SyncHandlerFunc(hello)})
			if s := collector.Stats(); s.TotalDropped() > 0 || s.Made == 0 {
				t.Errorf("the spans: %+v", s)
			}
		})
	}
}

// allocatesNothing reports a server whose requests allocate something.
func allocatesNothing(t *testing.T, s *httpcore.Server) {
	t.Helper()
	if n := allocations(t, s); n > requests/20 {
		t.Errorf("%d requests took %d allocations", requests, n)
	}
}

// What allocations are counted for is requests, after so many others.
const (
	requests = 5000
	warmUp   = 1000
)

// allocations returns how many the requests take once a server is warm.
func allocations(t *testing.T, s *httpcore.Server) int {
	t.Helper()
	var before, after runtime.MemStats
	serve(t, s, func(roundTrip func()) {
		for range warmUp {
			roundTrip()
		}
		runtime.ReadMemStats(&before)
		for range requests {
			roundTrip()
		}
		runtime.ReadMemStats(&after)
	})
	return int(after.Mallocs - before.Mallocs)
}

// serve calls use with a function that sends the request once, and reads its answer, without an allocation. It returns when the
// connection has ended.
func serve(t *testing.T, s *httpcore.Server, use func(roundTrip func())) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	defer func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, answer := []byte(request), make([]byte, 4<<10)
	if _, err := c.Write(raw); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(answer)
	if err != nil || n < len(body) || string(answer[n-len(body):n]) != body {
		t.Fatalf("the answer is %q, %v", answer[:n], err)
	}
	use(func() {
		if _, err := c.Write(raw); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, answer[:n]); err != nil {
			t.Fatal(err)
		}
	})
}
