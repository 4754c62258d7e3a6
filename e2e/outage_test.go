package e2e_test

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/process"
	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// blackHole takes connections, reads what comes, and never answers: the worst that a Collector can do.
type blackHole struct {
	listener net.Listener
	fed      chan struct{} // closed when the first byte has come
	running  sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func openBlackHole(t *testing.T) *blackHole {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &blackHole{listener: l, fed: make(chan struct{})}
	var once sync.Once
	b.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.conns = append(b.conns, conn)
			b.mu.Unlock()
			b.running.Go(func() {
				buf := make([]byte, 4096)
				for {
					if n, err := conn.Read(buf); err != nil {
						return
					} else if n > 0 {
						once.Do(func() { close(b.fed) })
					}
				}
			})
		}
	})
	t.Cleanup(b.close)
	return b
}

func (b *blackHole) close() {
	b.listener.Close()
	b.mu.Lock()
	for _, c := range b.conns {
		c.Close()
	}
	b.mu.Unlock()
	b.running.Wait()
}

// Requests are answered while an upload hangs, and when the server ends without having got rid of its spans, it says
// how many: none is lost in silence.
func TestCollectorThatHangs(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			hole := openBlackHole(t)
			w := startWirespan(t, []string{
				"OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol,
				"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + hole.listener.Addr().String(),
			}, "demo")
			w.get(t, 200, "/sync")
			select {
			case <-hole.fed: // now an upload hangs
			case <-time.After(patience):
				t.Fatal("nothing was uploaded")
			}
			const connections, each = 8, 250
			w.load(t, connections, each, "/sync")()
			n := w.stop(t)
			if n.Exported != 0 || n.Rejected != 0 || n.Dropped < connections*each+1 {
				t.Errorf("%+v, want all spans of %d requests dropped", n, connections*each+1)
			}
		})
	}
}

// The same with a Collector that is not there, which is also what a wrong endpoint is.
func TestCollectorThatIsDown(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			port, err := process.FreePorts(1)
			if err != nil {
				t.Fatal(err)
			}
			w := startWirespan(t, []string{
				"OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol,
				"OTEL_EXPORTER_OTLP_ENDPOINT=" + localURL(port[0]),
			}, "demo")
			const connections, each = 8, 250
			w.load(t, connections, each, "/sync")()
			n := w.stop(t)
			if n.Exported != 0 || n.Rejected != 0 || n.Dropped < connections*each {
				t.Errorf("%+v, want all spans of %d requests dropped", n, connections*each)
			}
		})
	}
}

// Spans that were made before the Collector came up are sent when it has.
func TestCollectorThatComesLater(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			to, err := sink.Open()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := to.Close(); err != nil {
					t.Error(err)
				}
				for _, p := range to.Problems() {
					t.Error(p)
				}
			})
			ports, err := process.FreePorts(2)
			if err != nil {
				t.Fatal(err)
			}
			early := &collector{grpc: localURL(ports[0]), http: localURL(ports[1])}
			p := &pipeline{collector: early, sink: to}
			w := p.start(t, protocol, t.Name(), nil, "demo")
			w.get(t, 200, "/users/early")
			// It takes that port and no other: the server knows it already.
			c, err := startCollector(collectorProgram.path(t), to.Addr(), ports...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := c.Stop(); err != nil {
					t.Error(err)
				}
			})
			s := w.request(t, "/users/early")
			w.child(t, s, "load user")
			w.get(t, 200, "/users/late")
			w.request(t, "/users/late")
			if n := count(w.finish(t), (*sink.Span).IsServer); n != 2 {
				t.Errorf("%d requests arrived, want 2", n)
			}
		})
	}
}
