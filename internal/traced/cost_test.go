package traced_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector"
)

// BenchmarkRequest is what a request takes of the code of the server and a collector: the client is in memory, and the kernel is
// not asked for anything.
func BenchmarkRequest(b *testing.B) {
	handlers := []struct {
		name   string
		server func() *httpcore.Server
	}{
		{"http.Handler", func() *httpcore.Server { return &httpcore.Server{Handler: http.HandlerFunc(greet)} }},
		{"SyncHandler", func() *httpcore.Server { return &httpcore.Server{Sync: httpcore.SyncHandlerFunc(hello)} }},
	}
	collectors := []struct {
		name      string
		collector func(*testing.B) lifecycle.Collector
	}{
		{"no collector", func(*testing.B) lifecycle.Collector { return nil }},
		{"nothing sampled", sampled(sdktrace.NeverSample())},
		{"a tenth sampled", sampled(sdktrace.TraceIDRatioBased(.1))},
		{"all sampled", sampled(sdktrace.AlwaysSample())},
	}
	for _, h := range handlers {
		for _, c := range collectors {
			b.Run(h.name+"/"+c.name, func(b *testing.B) {
				s := h.server()
				s.Collector = c.collector(b)
				l := &listener{client: &client{requests: b.N}, closed: make(chan struct{})}
				l.client.gone = func() { go s.Shutdown(context.Background()) }
				b.ReportAllocs()
				if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
					b.Error(err)
				}
			})
		}
	}
}

func greet(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }

// sampled makes a collector of spans that go nowhere.
func sampled(by sdktrace.Sampler) func(*testing.B) lifecycle.Collector {
	return func(b *testing.B) lifecycle.Collector {
		c, err := otelcollector.New(b.Context(), otelcollector.Config{
			Client: discard{}, Settings: otelcollector.Settings{Sampler: by},
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Shutdown(context.Background()) })
		return c
	}
}

// listener has one client.
type listener struct {
	client *client
	once   sync.Once
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	if c := l.client; c != nil {
		l.client = nil
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *listener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// client is a connection whose client sends the next request as soon as the server reads it, and takes all responses.
type client struct {
	requests int // yet to be sent
	gone     func()
}

func (c *client) Read(b []byte) (int, error) {
	if c.requests--; c.requests < 0 {
		c.gone()
		return 0, io.EOF
	}
	return copy(b, plain), nil
}

const plain = "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"

func (*client) Write(b []byte) (int, error) { return len(b), nil }
func (*client) Close() error                { return nil }

func (*client) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
func (*client) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000} }

func (*client) SetDeadline(time.Time) error      { return nil }
func (*client) SetReadDeadline(time.Time) error  { return nil }
func (*client) SetWriteDeadline(time.Time) error { return nil }
