package statsd_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/lifecycle/statsd"
)

func TestContract(t *testing.T) {
	lifecycletest.TestCollector(t, func(t *testing.T) lifecycle.Collector {
		var n network
		return statsd.NewCollector(newClient(t, statsd.Options{Dial: n.dial, Prefix: "shop", Tags: statsd.ParseTags("a:b")}))
	})
}

// outcome is that of a request that took 12.5 ms.
func outcome(status int) lifecycle.Outcome {
	return lifecycle.Outcome{
		Request:  &lifecycle.Request{Index: 1, Method: "GET", Target: "/\n:1|c"},
		Status:   status,
		Duration: 12500 * time.Microsecond,
	}
}

// Row H70, and rows H50 to H54 as far as they say when a request is counted: once, however it ends.
func TestRequests(t *testing.T) {
	const (
		duration = "hypercorn.request.duration:12.5|ms"
		requests = "hypercorn.requests:1|c|@1.0"
	)
	upgraded := outcome(101)
	upgraded.Duration, upgraded.Streaming = time.Hour, true
	upgraded.Phases = lifecycle.Phases{FirstByte: 1e9, FirstResponseByte: 1e9 + 12.5e6}
	for _, c := range []struct {
		name string
		o    statsd.Options
		e    lifecycle.Event
		want []string
	}{
		{
			"H50 response",
			statsd.Options{},
			&lifecycle.ResponseCompleted{Outcome: outcome(200)},
			[]string{duration, requests, "hypercorn.request.status.200:1|c|@1.0"},
		},
		{
			"H51 an error of the server's",
			statsd.Options{},
			&lifecycle.RequestFailed{Outcome: outcome(500), Started: true, Code: "handler_panic"},
			[]string{duration, requests, "hypercorn.request.status.500:1|c|@1.0"},
		},
		{
			"H52 the client went",
			statsd.Options{},
			&lifecycle.ClientDisconnected{Outcome: outcome(0)},
			[]string{duration, requests},
		},
		{
			"H52 the client went in the middle of a response",
			statsd.Options{},
			&lifecycle.ClientDisconnected{Outcome: outcome(200), DuringStreaming: true},
			[]string{duration, requests},
		},
		{
			"H53 an upgrade takes until it is accepted",
			statsd.Options{},
			&lifecycle.ResponseCompleted{Outcome: upgraded},
			[]string{duration, requests, "hypercorn.request.status.101:1|c|@1.0"},
		},
		{
			"H54 a head that cannot be parsed",
			statsd.Options{},
			&lifecycle.RequestFailed{Outcome: outcome(400), Code: "invalid_request_line"},
			[]string{duration, requests, "hypercorn.request.status.400:1|c|@1.0"},
		},
		{
			"H70 no response",
			statsd.Options{},
			&lifecycle.RequestFailed{Outcome: outcome(0), Started: true},
			[]string{duration, requests},
		},
		{
			"H70 Gunicorn",
			statsd.Options{Dialect: statsd.Gunicorn, Prefix: "shop"},
			&lifecycle.ResponseCompleted{Outcome: outcome(204)},
			[]string{"shop.gunicorn.request.duration:12.5|ms", "shop.gunicorn.requests:1|c|@1.0", "shop.gunicorn.request.status.204:1|c|@1.0"},
		},
		{
			"H70 Plain",
			statsd.Options{Dialect: statsd.Plain, Namespace: "web", Tags: statsd.ParseTags("a:b")},
			&lifecycle.ResponseCompleted{Outcome: outcome(204)},
			[]string{"web.request.duration:12.5|ms", "web.requests:1|c", "web.request.status.204:1|c"},
		},
		{
			"H70 DogStatsD with tags",
			statsd.Options{Dialect: statsd.DogStatsD, Tags: statsd.ParseTags("a:b,c")},
			&lifecycle.ResponseCompleted{Outcome: outcome(204)},
			[]string{"hypercorn.request.duration:12.5|ms|#a:b,c", "hypercorn.requests:1|c|#a:b,c", "hypercorn.request.status.204:1|c|#a:b,c"},
		},
		{
			"H67 with tags",
			statsd.Options{Tags: statsd.ParseTags("a:b,c")},
			&lifecycle.ResponseCompleted{Outcome: outcome(204)},
			[]string{duration + "|#a:b,c", requests + "|#a:b,c", "hypercorn.request.status.204:1|c|@1.0|#a:b,c"},
		},
		{"the start of a request is none", statsd.Options{}, &lifecycle.RequestStarted{Request: &lifecycle.Request{Index: 1}}, nil},
		{"a connection is none", statsd.Options{}, &lifecycle.ConnectionCompleted{RequestsServed: 1}, nil},
		{"a rejected connection is none", statsd.Options{}, &lifecycle.ConnectionRejected{Status: 503}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := listenUDP(t)
			c.o.Addr, c.o.FlushEvery = s.addr, lateFlush
			client := newClient(t, c.o)
			collector := statsd.NewCollector(client)
			for _, to := range []lifecycle.Collector{collector, lifecycle.Open(collector, &lifecycle.ConnectionOpened{})} {
				to.Record(c.e)
				flush(t, client)
				if len(c.want) == 0 {
					if got := client.Stats(); got.Lines > 0 {
						t.Errorf("%+v, want nothing", got)
					}
					continue
				}
				if got, want := s.packet(t), strings.Join(c.want, "\n"); got != want {
					t.Errorf("received %q, want %q", got, want)
				}
			}
		})
	}
}

// Row H63: with a rate, all lines of a request are sent or none, and each says the rate.
func TestRequestsAreSampledAsAWhole(t *testing.T) {
	const n = 10_000
	var net network
	c := newClient(t, statsd.Options{Dial: net.dial, Rate: 0.5, FlushEvery: lateFlush, MaxWaiting: 2 * n})
	collector := statsd.NewCollector(c)
	for range n {
		collector.Record(&lifecycle.ResponseCompleted{Outcome: outcome(200)})
	}
	flush(t, c)
	lines := strings.Split(all(net.take()), "\n")
	if got := len(lines) / 3; got < n/2-350 || got > n/2+350 { // seven deviations
		t.Errorf("%d of %d requests were sent", got, n)
	}
	for request := range slices.Chunk(lines, 3) {
		want := []string{"hypercorn.request.duration:12.5|ms|@0.5", "hypercorn.requests:1|c|@0.5", "hypercorn.request.status.200:1|c|@0.5"}
		if !slices.Equal(request, want) {
			t.Fatalf("received %q, want %q", request, want)
		}
	}
}

// Workers fill packets of their own, because they share no lock.
func TestWorkersShareNothing(t *testing.T) {
	var n network
	c := newClient(t, statsd.Options{Dial: n.dial, FlushEvery: lateFlush})
	collector := statsd.NewCollector(c)
	for worker := range 3 {
		lifecycle.Open(collector, &lifecycle.ConnectionOpened{Stamp: lifecycle.Stamp{WorkerID: worker}}).
			Record(&lifecycle.ResponseCompleted{Outcome: outcome(200)})
	}
	flush(t, c)
	if got := n.take(); len(got) != 3 {
		t.Errorf("%d packets from 3 workers: %q", len(got), got)
	}
}

// Row H70 from a socket to a socket: what a real server's requests come to.
func TestServer(t *testing.T) {
	s := listenUDP(t)
	client := newClient(t, statsd.Options{Addr: s.addr, FlushEvery: lateFlush})
	var recorder lifecycletest.Recorder
	server := &httpcore.Server{
		Collector: lifecycle.Tee(statsd.NewCollector(client), &recorder),
		ErrorLog:  log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/panic" {
				panic("oops")
			}
			w.WriteHeader(http.StatusTeapot)
		}),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { server.Serve(listener); close(ended) }()
	t.Cleanup(func() { server.Close(); <-ended })

	for _, request := range []string{"GET / HTTP/1.1", "GET /panic HTTP/1.1", "GET /\x01:1|c HTTP/1.1"} {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, request+"\r\nHost: a\r\nConnection: close\r\n\r\n")
		io.Copy(io.Discard, conn)
		conn.Close()
	}
	if _, err := recorder.WaitFor(t.Context(), lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](3)); err != nil {
		t.Fatal(err)
	}
	flush(t, client)
	got := s.lines(t, 9)
	for i, line := range got {
		if name, _, ok := strings.Cut(line, ":"); ok && name == "hypercorn.request.duration" {
			got[i] = name
		}
	}
	slices.Sort(got)
	wantLines(t, got,
		"hypercorn.request.duration", "hypercorn.request.duration", "hypercorn.request.duration",
		"hypercorn.requests:1|c|@1.0", "hypercorn.requests:1|c|@1.0", "hypercorn.requests:1|c|@1.0",
		"hypercorn.request.status.400:1|c|@1.0", "hypercorn.request.status.418:1|c|@1.0", "hypercorn.request.status.500:1|c|@1.0")
}

// Row H73: the gauge of the workers, at once and at the interval; the histogram of the backlog only when asked for.
func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		var workers atomic.Int64
		workers.Store(4)
		c := newClient(t, statsd.Options{Dial: n.dial, Dialect: statsd.Gunicorn, Workers: func() int { return int(workers.Load()) }})
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := all(n.take()), "gunicorn.workers:4|g"; got != want {
			t.Errorf("at once %q, want %q", got, want)
		}
		workers.Store(3)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got, want := all(n.take()), "gunicorn.workers:3|g"; got != want {
			t.Errorf("at the interval %q, want %q", got, want)
		}
		workers.Store(2)
		c.Report()
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := all(n.take()), "gunicorn.workers:2|g"; got != want {
			t.Errorf("after a change %q, want %q", got, want)
		}
	})
}

// Row H73: a backlog of 0 is sent, and one that is not known is not.
func TestBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		var backlog atomic.Int64
		newClient(t, statsd.Options{Dial: n.dial, Dialect: statsd.Gunicorn, Backlog: func() int { return int(backlog.Load()) }, ReportEvery: time.Minute})
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := all(n.take()), "gunicorn.backlog:0|h"; got != want {
			t.Errorf("received %q, want %q", got, want)
		}
		backlog.Store(-1)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := n.take(); len(got) > 0 {
			t.Errorf("received %q", got)
		}
	})
}
