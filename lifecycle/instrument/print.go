package instrument

import (
	"io"
	"sync"
)

// Print returns hooks that write one line to w for each event, with one Write each and one at a time:
//
//	[ACCEPT] Accepted a connection from 127.0.0.1:50412 in 1.2034s
//	[RECV] Ready to receive data from 127.0.0.1:50412 in 0.0002s
//	[RECV-DATA] Got 78 bytes: "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: "
//
// What w cannot take is lost. Whoever is told of an event waits for w.
func Print(w io.Writer, o PrintOptions) *Hooks {
	p := &printer{w: w}
	return (&writer{say: p.say, on: func() bool { return true }, payload: o.Payload}).hooks()
}

type printer struct {
	mu  sync.Mutex // one line at a time
	w   io.Writer
	buf []byte
}

func (p *printer) say(_ Conn, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf = append(append(p.buf[:0], line...), '\n')
	_, _ = p.w.Write(p.buf)
	if cap(p.buf) > maxKept {
		p.buf = nil
	}
}

// maxKept is the largest buffer that is kept for the next line.
const maxKept = 64 << 10
