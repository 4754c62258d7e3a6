package nethttp_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/nethttp"
)

// silent is a collector that provides contexts, and does nothing else.
type silent struct{}

func (silent) Record(lifecycle.Event) {}

func (silent) Context(parent context.Context, _ *lifecycle.RequestStarted) context.Context {
	return parent
}

// servers are the servers to compare: a plain one, and one that is attached.
var servers = []struct {
	name  string
	serve func(*http.Server, net.Listener) error
}{
	{"plain", (*http.Server).Serve},
	{"attached", func(s *http.Server, l net.Listener) error { return nethttp.Attach(s, silent{}).Serve(l) }},
}

// roundTrips calls use with a function that sends a request and reads its answer, without an allocation, on a connection
// between client and server.
func roundTrips(t testing.TB, client, server net.Conn, serve func(*http.Server, net.Listener) error, use func(roundTrip func())) {
	t.Helper()
	defer client.Close()
	served := make(chan error, 1)
	go func() { served <- serveOne(serve, server) }()
	request := []byte("GET /hello?a=b HTTP/1.1\r\nHost: test\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n")
	answer := make([]byte, 4<<10)
	use(func() {
		if _, err := client.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Read(answer); err != nil { // it comes in one write
			t.Fatal(err)
		}
	})
	_ = client.Close()
	if err := <-served; err != http.ErrServerClosed {
		t.Error(err)
	}
}

// serveOne serves one connection to its end.
func serveOne(serve func(*http.Server, net.Listener) error, nc net.Conn) error {
	ended := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(hello), ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(ended)
		}
	}}
	l := oneConn(make(chan net.Conn, 1))
	l <- nc
	served := make(chan error, 1)
	go func() { served <- serve(server, l) }()
	<-ended
	_ = server.Close()
	return <-served
}

// oneConn is a listener of connections that are made otherwise.
type oneConn chan net.Conn

func (l oneConn) Accept() (net.Conn, error) {
	nc, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return nc, nil
}

func (l oneConn) Close() error { close(l); return nil }

func (l oneConn) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// A request costs one allocation more than without a collector.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool throws away part of what it is given")
	}
	var allocations [2]float64
	for i, s := range servers {
		client, server := net.Pipe()
		roundTrips(t, client, server, s.serve, func(roundTrip func()) { allocations[i] = testing.AllocsPerRun(5000, roundTrip) })
	}
	if more := allocations[1] - allocations[0]; more > 1 {
		t.Errorf("an attached server makes %g allocations more than the %g of a plain one", more, allocations[0])
	}
}

// BenchmarkPipe leaves out the kernel, BenchmarkTCP does not.
func BenchmarkPipe(b *testing.B) {
	benchmark(b, func() (client, server net.Conn) { return net.Pipe() })
}

func BenchmarkTCP(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	benchmark(b, func() (client, server net.Conn) {
		client = dial(b, l.Addr().String()).Conn
		if server, err = l.Accept(); err != nil {
			b.Fatal(err)
		}
		return client, server
	})
}

func benchmark(b *testing.B, connect func() (client, server net.Conn)) {
	for _, s := range servers {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			client, server := connect()
			roundTrips(b, client, server, s.serve, func(roundTrip func()) {
				for b.Loop() {
					roundTrip()
				}
			})
		})
	}
}
