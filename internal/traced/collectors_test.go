package traced_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/accesslog"
	"github.com/wirespan/wirespan/lifecycle/statistics"
	"github.com/wirespan/wirespan/lifecycle/statsd"
	"github.com/wirespan/wirespan/otelcollector"
	"github.com/wirespan/wirespan/otelmetrics"
)

// socket is one that takes every datagram.
type socket struct{ net.Conn }

func (socket) Write(b []byte) (int, error)      { return len(b), nil }
func (socket) SetWriteDeadline(time.Time) error { return nil }
func (socket) Close() error                     { return nil }

// everything is all collectors in the order in which the command has them, with room for all that the test has them tell.
// check reports those that do not have so many requests, of one connection.
func everything(t *testing.T) (all lifecycle.Collector, check func(requests int)) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	spans, err := otelcollector.New(t.Context(), otelcollector.Config{Client: discard{}, Settings: otelcollector.Settings{Sampler: sdktrace.AlwaysSample()}})
	if err != nil {
		t.Fatal(err)
	}
	metrics := otelmetrics.New(otelmetrics.Config{})
	access := accesslog.New(accesslog.Options{Output: accesslog.Writer(io.Discard), BufferBytes: 1 << 20, ErrorLog: quiet})
	counts := statistics.New(statistics.Options{Logger: quiet})
	if err := counts.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	client, err := statsd.New(statsd.Options{
		MaxWaiting: 1000, Dial: func(context.Context, string, string) (net.Conn, error) { return socket{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, end := range []func(context.Context) error{spans.Shutdown, access.Close, counts.Stop, client.Close} {
			if err := end(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	check = func(requests int) {
		t.Helper()
		for _, flush := range []func(context.Context) error{access.Flush, client.Flush} {
			if err := flush(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if s := spans.Stats(); s.Made != uint64(requests)+1 || s.TotalDropped() > 0 { // and that of the connection
			t.Errorf("the spans of %d requests: %+v", requests, s)
		}
		_, histograms := read(t, metrics)
		var counted uint64
		for name, p := range histograms {
			if strings.HasPrefix(name, "http.server.request.duration ") {
				counted += p.Count
			}
		}
		if counted != uint64(requests) {
			t.Errorf("the metrics count %d of %d requests", counted, requests)
		}
		if s := access.Stats(); s.Written != uint64(requests) || s.Dropped() > 0 {
			t.Errorf("the access log of %d requests: %+v", requests, s)
		}
		if n := counts.Calculate().RequestsTotal; n != int64(requests) {
			t.Errorf("the statistics count %d of %d requests", n, requests)
		}
		if s := client.Stats(); s.Sent != 3*uint64(requests) || s.Dropped() > 0 {
			t.Errorf("StatsD's lines of %d requests: %+v", requests, s)
		}
	}
	return lifecycle.Tee(spans, metrics, access, counts.Collector(), statsd.NewCollector(client)), check
}

// TestAllCollectorsAllocateNothing: with all collectors at once, a request takes as many allocations as with none, whatever kind of
// handler answers it.
func TestAllCollectorsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool throws away part of what it is given")
	}
	greet := []byte(body)
	for name, set := range map[string]func(*httpcore.Server){
		"sync": func(s *httpcore.Server) { s.Sync = httpcore.SyncHandlerFunc(hello) },
		"handler": func(s *httpcore.Server) {
			s.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(greet) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBothEngines(t, func(t *testing.T, e httpcore.Engine) {
				bare := &httpcore.Server{Engine: e}
				set(bare)
				all, check := everything(t)
				told := &httpcore.Server{Engine: e, Collector: all}
				set(told)
				if n := allocations(t, told) - allocations(t, bare); n > requests/20 {
					t.Errorf("%d requests took %d allocations more", requests, n)
				}
				check(1 + warmUp + requests)
			})
		})
	}
}
