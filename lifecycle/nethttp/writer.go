package nethttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// writer is the http.ResponseWriter of a request, with what HTTP/1 and HTTP/2 have in common. What it does not do itself,
// such as deadlines, [http.ResponseController] finds in net/http's own by Unwrap.
type writer struct{ x *exchange }

// http1Writer is the http.ResponseWriter of a request by HTTP/1.
type http1Writer struct{ writer }

// http2Writer is the http.ResponseWriter of a request by HTTP/2.
type http2Writer struct{ writer }

var (
	_ http.Flusher       = writer{}
	_ http.CloseNotifier = writer{} //nolint:staticcheck // frameworks still assert it
	_ io.StringWriter    = writer{}
	_ http.Hijacker      = http1Writer{}
	_ io.ReaderFrom      = http1Writer{}
	_ http.Pusher        = http2Writer{}
)

func (x *exchange) writer() http.ResponseWriter {
	if x.sideBySide {
		return http2Writer{writer{x}}
	}
	return http1Writer{writer{x}}
}

// Unwrap returns net/http's own, for [http.ResponseController]. What is written to that is not counted.
func (w writer) Unwrap() http.ResponseWriter { return w.x.inner }

// Header implements [http.ResponseWriter].
func (w writer) Header() http.Header {
	w.x.header = w.x.inner.Header()
	return w.x.header
}

// WriteHeader implements [http.ResponseWriter].
func (w writer) WriteHeader(status int) {
	if status >= 200 && status <= 999 || status == http.StatusSwitchingProtocols {
		w.x.decided(status)
	}
	w.x.inner.WriteHeader(status) // which panics when there is no such status
}

// decided takes the status of the final response, unless there is one.
func (x *exchange) decided(status int) {
	if x.status == 0 && x.tunnel == nil {
		x.decide(status)
	}
}

// Write implements [io.Writer].
func (w writer) Write(p []byte) (int, error) {
	w.x.decided(http.StatusOK)
	n, err := w.x.inner.Write(p)
	w.x.written += int64(n)
	return n, err
}

// WriteString implements [io.StringWriter].
func (w writer) WriteString(s string) (int, error) {
	w.x.decided(http.StatusOK)
	n, err := io.WriteString(w.x.inner, s)
	w.x.written += int64(n)
	return n, err
}

// Flush implements [http.Flusher].
func (w writer) Flush() { _ = w.FlushError() }

// FlushError is Flush for [http.ResponseController].
func (w writer) FlushError() error {
	x := w.x
	x.decided(http.StatusOK)
	if x.streamOpened == 0 && x.mayGoOn() {
		x.conn.emitStreamOpened(x, false)
	}
	x.flushed = true
	return http.NewResponseController(x.inner).Flush()
}

// CloseNotify implements the deprecated [http.CloseNotifier].
func (w writer) CloseNotify() <-chan bool {
	if n, ok := w.x.inner.(http.CloseNotifier); ok { //nolint:staticcheck // frameworks still call it
		return n.CloseNotify()
	}
	return make(chan bool)
}

// sniffed is how much net/http gathers to find out the Content-Type.
const sniffed = 512

// ReadFrom implements [io.ReaderFrom], so that a file goes to the socket within the kernel.
func (w http1Writer) ReadFrom(src io.Reader) (n int64, err error) {
	to, ok := w.x.inner.(io.ReaderFrom)
	if !ok {
		return io.Copy(onlyWriter{w}, src)
	}
	if w.x.status == 0 { // a source that gives nothing decides nothing
		n, err = io.CopyN(onlyWriter{w}, src, sniffed)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
	more, err := to.ReadFrom(src)
	w.x.written += more
	return n + more, err
}

// Hijack implements [http.Hijacker]. The request and its connection last until the connection is closed and the handler has
// returned.
func (w http1Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := http.NewResponseController(w.x.inner).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return w.x.takeOver(nc, rw)
}

// Push implements [http.Pusher].
func (w http2Writer) Push(target string, opts *http.PushOptions) error {
	if p, ok := w.x.inner.(http.Pusher); ok {
		return p.Push(target, opts)
	}
	return http.ErrNotSupported
}
