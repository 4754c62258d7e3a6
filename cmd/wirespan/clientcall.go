package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// clientCall is one call of a [tracedTransport], until its span has ended.
type clientCall struct {
	ctx   context.Context
	span  trace.Span
	start time.Time
	done  func() // called when the span has ended

	mu           sync.Mutex // the hooks run on goroutines of the transport, also after the call
	ended        bool
	connectStart time.Time
	connected    time.Time // TLS included
}

func newClientCall(ctx context.Context, span trace.Span, done func()) *clientCall {
	return &clientCall{ctx: ctx, span: span, start: time.Now(), done: done}
}

// hooks note when the call connects and when its response begins.
func (c *clientCall) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		ConnectStart: func(_, _ string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.connectStart.IsZero() { // the first of the addresses that are tried
				c.connectStart = time.Now()
			}
		},
		ConnectDone: func(_, _ string, err error) { c.connectedNow(err) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			c.connectedNow(err)
		},
		GotConn:              c.gotConn,
		GotFirstResponseByte: c.firstByte,
	}
}

func (c *clientCall) connectedNow(err error) {
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connected = time.Now()
}

func (c *clientCall) gotConn(info httptrace.GotConnInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	// A connection that was made for an earlier call cost this one nothing.
	if !info.Reused && !c.connectStart.IsZero() && !c.connected.IsZero() {
		c.span.SetAttributes(seconds("wirespan.client.connect.duration", c.connected.Sub(c.connectStart)))
	}
	if peer, ok := info.Conn.RemoteAddr().(*net.TCPAddr); ok {
		c.span.SetAttributes(
			attribute.String("network.peer.address", peer.IP.String()),
			attribute.Int("network.peer.port", peer.Port),
		)
	}
}

func (c *clientCall) firstByte() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.span.SetAttributes(seconds("wirespan.client.first_byte.duration", time.Since(c.start)))
	}
}

// response notes the head of the response.
func (c *clientCall) response(resp *http.Response) {
	c.span.SetAttributes(
		attribute.Int("http.response.status_code", resp.StatusCode),
		attribute.String("network.protocol.version", protocolVersion(resp)),
	)
	if resp.StatusCode >= 400 {
		setFailure(c.span, strconv.Itoa(resp.StatusCode), "")
	}
}

func protocolVersion(resp *http.Response) string {
	if resp.ProtoMajor >= 2 {
		return strconv.Itoa(resp.ProtoMajor)
	}
	return strconv.Itoa(resp.ProtoMajor) + "." + strconv.Itoa(resp.ProtoMinor)
}

// fail notes what kept the call, or the body of its response, from its end.
func (c *clientCall) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		setFailure(c.span, errorType(err), callError(err))
	}
}

// end ends the span; only the first call does.
func (c *clientCall) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended = true
		c.span.End()
		c.done()
	}
}

// body returns the response's body, which ends the span when it ends.
func (c *clientCall) body(resp *http.Response) io.ReadCloser {
	body := &tracedBody{ReadCloser: resp.Body, call: c}
	if w, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		return &tracedStream{tracedBody: body, w: w}
	}
	if resp.Body == http.NoBody {
		c.end()
	}
	return body
}

// tracedBody is the body of a response.
type tracedBody struct {
	io.ReadCloser
	call *clientCall
}

// Read implements [io.Reader].
func (b *tracedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.call.end()
	default:
		b.call.fail(err)
		b.call.end()
	}
	return n, err
}

// Close implements [io.Closer].
func (b *tracedBody) Close() error {
	if err := b.call.ctx.Err(); err != nil {
		b.call.fail(err) // the caller left before the body had come
	}
	err := b.ReadCloser.Close()
	b.call.end()
	return err
}

// tracedStream is a connection that has switched protocols: its span ends when it is closed.
type tracedStream struct {
	*tracedBody
	w io.ReadWriteCloser
}

// Read implements [io.Reader].
func (s *tracedStream) Read(p []byte) (int, error) { return s.w.Read(p) }

// Write implements [io.Writer].
func (s *tracedStream) Write(p []byte) (int, error) { return s.w.Write(p) }

// Close implements [io.Closer].
func (s *tracedStream) Close() error {
	err := s.w.Close()
	s.call.end()
	return err
}

// CloseWrite says that no more will be written, where the connection can.
func (s *tracedStream) CloseWrite() error {
	if c, ok := s.w.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func seconds(key string, d time.Duration) attribute.KeyValue {
	return attribute.Float64(key, d.Seconds())
}

// callError returns what went wrong without the URL of the call, which may hold secrets.
func callError(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}
