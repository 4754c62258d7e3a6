package nethttp

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"

	"github.com/wirespan/wirespan/lifecycle"
)

// wire notes what passes over a socket. net/http reads and writes from several goroutines.
type wire struct {
	mu sync.Mutex

	// The way in. firstRead begins anew with each request of HTTP/1.
	firstRead int64
	lastRead  int64
	readErr   error // of the last read

	// The handshake of TLS ends with the first read after the first write.
	handshaking  bool
	handshakeEnd int64

	// The way out. firstWrite begins anew with each response of HTTP/1.
	sent       int64
	firstWrite int64
	lastWrite  int64
	writeErr   error // the first one
	head       headTap
}

func (w *wire) read(n int, err error) {
	now := lifecycle.MonotonicNS()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.readErr = err
	if n == 0 {
		return
	}
	w.lastRead = now
	switch {
	case w.handshaking && w.sent > 0:
		w.handshaking, w.handshakeEnd, w.firstRead = false, now, 0
	case w.firstRead == 0:
		w.firstRead = now
	}
}

// wrote notes n bytes; p is nil where they are not at hand.
func (w *wire) wrote(n int64, p []byte, err error) {
	now := lifecycle.MonotonicNS()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writeErr == nil {
		w.writeErr = err
	}
	if n == 0 {
		return
	}
	w.sent += n
	w.lastWrite = now
	if w.firstWrite == 0 {
		w.firstWrite = now
	}
	w.head.see(p)
}

// headRead returns when the first byte of the head was read that is complete now.
func (w *wire) headRead(now int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.firstRead != 0:
		return w.firstRead
	case w.lastRead != 0:
		return w.lastRead // with what came before it
	}
	return now
}

// expectRequest begins the wait for the next request.
func (w *wire) expectRequest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.firstRead, w.readErr = 0, nil
	w.head.release()
}

// expectHead begins a final response, whose head is looked at when it is readable, and returns how much was sent before.
func (w *wire) expectHead(readable bool) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.firstWrite = 0
	if readable {
		w.head.expect()
	}
	return w.sent
}

// response is what is known of a response that was begun when before bytes had been sent.
func (w *wire) response(before int64) (sent, firstByte, lastByte int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if sent = w.sent - before; sent > 0 {
		firstByte, lastByte = w.firstWrite, w.lastWrite
	}
	return sent, firstByte, lastByte, w.writeErr
}

// responseHead returns the head of the response, as far as it was seen; it is good until the next request.
func (w *wire) responseHead() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.head.text()
}

// inputError returns why nothing more can be read; nil when nothing is wrong, or a read has only been interrupted.
func (w *wire) inputError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(w.readErr, os.ErrDeadlineExceeded) {
		return nil
	}
	return w.readErr
}

// expectHandshake begins a connection with TLS.
func (w *wire) expectHandshake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handshaking = true
}

// handshaken returns when the client's last flight was read.
func (w *wire) handshaken() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.handshakeEnd
}

// whyClosed returns why a connection of HTTP/1 that waited for a request has been closed. What was read since the last one is
// part of a head when the bytes are plain; else it may be an alert of TLS.
func (w *wire) whyClosed(plain bool) lifecycle.Reason {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case errors.Is(w.readErr, os.ErrDeadlineExceeded):
		return lifecycle.ReasonTimeout
	case errors.Is(w.readErr, net.ErrClosed):
		return lifecycle.ReasonDrain
	case w.readErr == io.EOF && !(plain && w.firstRead != 0):
		return lifecycle.ReasonComplete
	case w.readErr != nil:
		return lifecycle.ReasonClientDisconnect
	case plain && w.firstRead != 0:
		return lifecycle.ReasonError // net/http did not understand what came
	}
	return lifecycle.ReasonComplete
}
