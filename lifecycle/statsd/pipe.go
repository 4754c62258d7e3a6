package statsd

import (
	"bytes"
	"slices"
	"sync"
)

// pipe takes the lines of a worker to the server. Those who add lines and the goroutine that sends them meet only under
// mu, which nobody holds for longer than it takes to copy a line.
type pipe struct {
	*settings
	link    link                 // of the goroutine that sends
	wake    chan struct{}        // says that a packet is full
	flushes chan chan<- struct{} // asks for what there is to be sent

	mu     sync.Mutex
	open   packet   // takes lines
	full   []packet // wait to be sent, the oldest first
	spare  [][]byte // buffers of packets that are gone
	closed bool
	counts Stats
}

var newline = []byte("\n")

// packet holds lines with a newline between two of them.
type packet struct {
	bytes []byte
	lines int
}

func newPipe(s *settings) *pipe {
	return &pipe{settings: s, wake: make(chan struct{}, 1), flushes: make(chan chan<- struct{})}
}

// add takes a block of lines, which it copies. They stay together in a packet if they fit.
func (p *pipe) add(block []byte, lines int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Lines += uint64(lines)
	switch {
	case p.closed:
		p.counts.Closed += uint64(lines)
	case len(block) <= p.MaxPacketBytes && !p.Unbatched:
		p.addLocked(block, lines)
	default:
		for more := true; more; {
			var line []byte
			line, block, more = bytes.Cut(block, newline)
			p.addLocked(line, 1)
		}
	}
}

func (p *pipe) addLocked(block []byte, lines int) {
	if len(block) > p.MaxPacketBytes {
		p.counts.TooLong += uint64(lines)
		return
	}
	if len(p.open.bytes)+len(newline)+len(block) > p.MaxPacketBytes {
		p.cutLocked()
	}
	if p.open.lines > 0 {
		p.open.bytes = append(p.open.bytes, '\n')
	} else if p.open.bytes == nil {
		p.open.bytes = make([]byte, 0, p.MaxPacketBytes)
	}
	p.open.bytes = append(p.open.bytes, block...)
	p.open.lines += lines
	if p.Unbatched {
		p.cutLocked()
	}
}

// cutLocked queues the open packet, and opens another one.
func (p *pipe) cutLocked() {
	if p.open.lines == 0 {
		return
	}
	if len(p.full) == p.MaxWaiting {
		p.counts.QueueFull += uint64(p.full[0].lines)
		p.recycleLocked(p.takeLocked())
	}
	p.full = append(p.full, p.open)
	p.open = packet{}
	if n := len(p.spare); n > 0 {
		p.open.bytes, p.spare = p.spare[n-1], p.spare[:n-1]
	}
	select {
	case p.wake <- struct{}{}:
	default: // it is awake
	}
}

// takeLocked takes the oldest packet from the queue.
func (p *pipe) takeLocked() packet {
	oldest := p.full[0]
	p.full = slices.Delete(p.full, 0, 1)
	return oldest
}

func (p *pipe) recycleLocked(gone packet) { p.spare = append(p.spare, gone.bytes[:0]) }

// cut queues what there is, and returns how many packets wait.
func (p *pipe) cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutLocked()
	return len(p.full)
}

// waiting returns how many packets wait.
func (p *pipe) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.full)
}

// take takes the oldest packet, unless there is none.
func (p *pipe) take() (oldest packet, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.full) == 0 {
		return packet{}, false
	}
	return p.takeLocked(), true
}

// settle accounts for a packet that was taken.
func (p *pipe) settle(gone packet, account func(*Stats, uint64)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	account(&p.counts, uint64(gone.lines))
	p.recycleLocked(gone)
}

// close queues what there is and takes no more.
func (p *pipe) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.cutLocked()
}

func (p *pipe) accounts() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}
