package otelcollector

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wirespan/wirespan/otelcollector/internal/spool"
)

// ErrSpoolDir is what [New] fails with when Config.SpoolDir is not a directory that may be used.
var ErrSpoolDir = errors.New("the spool cannot be used")

// ErrSpooled is what [Collector.Shutdown] returns, with their number, when all spans that it could not send are in the spool.
// Nothing is lost: the next Collector with the same directory sends them.
var ErrSpooled = errors.New("spans are in the spool for the next start")

// SpoolMode says when spans go to the spool.
type SpoolMode string

const (
	// SpoolOverflow, the default, keeps on disk what cannot be sent now: what an upload has failed for, everything while the
	// receiver is away, what would take more than half of Config.MaxQueueBytes, and what is left at Shutdown. A process that
	// is killed loses the spans in its memory.
	SpoolOverflow SpoolMode = "overflow"
	// SpoolJournal writes each batch to the disk before its first upload. A process that is killed loses the spans of the
	// batches that its workers were filling, those of Config.FlushInterval at most.
	SpoolJournal SpoolMode = "journal"
	// SpoolMapped is SpoolOverflow, and keeps a copy of each finished span in a file that is mapped into memory until what
	// becomes of it is known: the kernel has it when the process is killed, and the next one sends it. It costs no system call.
	// Such a copy does not survive the loss of power. There are up to 64 such files, of 580 KiB each; spans beyond them, and
	// those larger than that, are in memory only.
	SpoolMapped SpoolMode = "mapped"
)

const (
	// compressAfter is how long a receiver has to be away, and compressFrom which part of the spool's room has to be used, for what
	// is spooled to be compressed: then room matters more than the time that it takes. At 5000 spans a second it takes
	// 7 % of a processor, in pieces of a millisecond, and with two processors the p99 of requests rose from 0.7 to 1.1 ms.
	compressAfter = 30 * time.Second
	compressFrom  = 0.25
	// diskPause is how long a spool is left alone that did not take something.
	diskPause = time.Second
	// busyPause is the same for one that only waits for the disk.
	busyPause = 20 * time.Millisecond
	// reserved is the part of the time for Shutdown, at most, that is kept for what has to go to the disk; a quarter when there
	// is little time. closeWithin is how long that may take beyond it on a disk that is slow.
	reserved    = time.Second
	closeWithin = 5 * time.Second
)

// disk is the spool as the pipeline uses it. A nil *disk is none.
type disk struct {
	spool   *spool.Spool
	head    []byte // of a ResourceSpans
	journal bool
	rate    rate
	behind  time.Time // since when the disk does not keep up, as who writes the spool sees it
	dead    bool      // what the receiver refuses for good is kept for people to look at

	writing sync.Mutex // guards what follows: an append may take as long as the disk does
	buf     []byte
	packed  bytes.Buffer
	zip     *gzip.Writer // to packed; nil before it is needed, for it holds a megabyte

	mu       sync.Mutex
	suspects map[spool.FrameID]suspect // frames that failed
}

// suspect is what is known of a frame that failed.
type suspect struct {
	suspicion
	after time.Time // not to be tried before
}

// maxSuspects bounds what is known of frames that failed. Beyond it, what is known is forgotten: a frame that is poison
// is found a little later then.
const maxSuspects = 4096

// openDisk returns nil when there is to be no spool.
func openDisk(cfg *Config, head []byte, observe func(spool.Op, time.Duration, error)) (*disk, error) {
	if cfg.SpoolDir == "" {
		return nil, nil
	}
	if m := cfg.SpoolMode; m != "" && m != SpoolOverflow && m != SpoolJournal && m != SpoolMapped {
		return nil, fmt.Errorf("otelcollector: SpoolMode is %q, but has to be %s, %s or %s", m, SpoolOverflow, SpoolJournal, SpoolMapped)
	}
	if cfg.SpoolMaxBytes < 0 {
		return nil, fmt.Errorf("otelcollector: SpoolMaxBytes is %d, but has to be a number of bytes, or 0 for 1 GiB", cfg.SpoolMaxBytes)
	}
	if cfg.SpoolDeadBytes < 0 {
		return nil, fmt.Errorf("otelcollector: SpoolDeadBytes is %d, but has to be a number of bytes, or 0 to keep nothing", cfg.SpoolDeadBytes)
	}
	hash := fnv.New64a()
	_, _ = hash.Write(head) // never fails
	o := spool.Options{Dir: cfg.SpoolDir, MaxBytes: cfg.SpoolMaxBytes, DeadBytes: cfg.SpoolDeadBytes, Resource: hash.Sum64(), Observe: observe}
	if cfg.SpoolMode == SpoolMapped {
		o.Arena = &spool.ArenaOptions{Resource: head, Spare: 2 + runtime.GOMAXPROCS(0)} // a worker for each processor, and some under way
	}
	s, err := spool.Open(o)
	if err != nil {
		return nil, fmt.Errorf("otelcollector: %w: %w", ErrSpoolDir, err)
	}
	return &disk{spool: s, head: head, journal: cfg.SpoolMode == SpoolJournal, dead: cfg.SpoolDeadBytes > 0, suspects: map[spool.FrameID]suspect{}}, nil
}

// ledger returns the counters of a worker that outlive the process; nil without a spool.
func (d *disk) ledger(worker int) *spool.Counts {
	if d == nil {
		return nil
	}
	return d.spool.Ledger().Slot(worker)
}

// copies returns a buffer for copies of spans; nil when there is none.
func (d *disk) copies(s *scope) *spool.Buffer {
	if d == nil {
		return nil
	}
	return d.spool.Arena().Get(s.head)
}

// appendUntil is append for who may wait for a disk that is behind.
func (d *disk) appendUntil(late time.Time, b *batch) (*spool.Frame, error) {
	for {
		f, err := d.append(b, false)
		if !errors.Is(err, spool.ErrBusy) || time.Now().After(late) {
			return f, err
		}
		time.Sleep(busyPause)
	}
}

// isScarce reports whether room matters more than time, with a receiver that has been away for so long.
func (d *disk) isScarce(away time.Duration) bool {
	return away > compressAfter && d.spool.Filled() >= compressFrom
}

// append writes a batch. The frame is held.
func (d *disk) append(b *batch, compress bool) (*spool.Frame, error) {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.buf = appendResourceSpans(d.buf[:0], d.head, b.groups)
	s := spool.Batch{Payload: d.buf, Spans: b.spans, First: b.groups[0].first, Last: b.groups[0].last}
	for i := range b.groups {
		g := &b.groups[i]
		if g.first.Before(s.First) {
			s.First = g.first
		}
		if g.last.After(s.Last) {
			s.Last = g.last
		}
		s.Buffers = append(s.Buffers, g.copies)
	}
	if compress && d.pack() == nil {
		s.Payload, s.Encoding = d.packed.Bytes(), spool.Gzip
	}
	f, err := d.spool.Append(s)
	if err == nil {
		b.recycleCopies()
	}
	return f, err
}

// appendResourceSpans appends a ResourceSpans of these groups.
func appendResourceSpans(dst, head []byte, groups []group) []byte {
	dst = append(dst, head...)
	for i := range groups {
		g := &groups[i]
		dst = protowire.AppendVarint(protowire.AppendTag(dst, scopeSpans, protowire.BytesType), uint64(g.size()))
		dst = append(append(dst, g.scope.head...), g.data...)
	}
	return dst
}

// pack compresses buf, in pieces with rests between: half a megabyte keeps a processor for several milliseconds, for which
// requests would wait.
func (d *disk) pack() error {
	d.packed.Reset()
	if d.zip == nil {
		var err error
		if d.zip, err = gzip.NewWriterLevel(&d.packed, gzip.BestSpeed); err != nil {
			return err
		}
	}
	d.zip.Reset(&d.packed)
	for piece := range slices.Chunk(d.buf, 32<<10) {
		if _, err := d.zip.Write(piece); err != nil {
			return err
		}
		spool.Rest()
	}
	return d.zip.Close()
}

// read makes a batch of a frame. When it fails the frame is not held any more.
func (d *disk) read(f *spool.Frame, buf []byte) (*batch, error) {
	raw, err := d.spool.Read(f, buf)
	if err != nil {
		return nil, err
	}
	if f.Encoding() == spool.Gzip {
		if raw, err = unpack(raw); err != nil {
			d.spool.Kill(f, spool.Corrupt)
			return nil, err
		}
	}
	return &batch{frame: f, raw: raw, spans: f.Spans(), bytes: len(raw)}, nil
}

// unpack uncompresses a payload, which may not be larger than one may be that is not compressed.
func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(packed[len(packed)-4:]) // what it says of itself (RFC 1952, 2.3.1)
	var raw bytes.Buffer
	raw.Grow(int(min(size, spool.MaxPayload)) + bytes.MinRead)
	_, err = raw.ReadFrom(io.LimitReader(r, spool.MaxPayload+1))
	if err == nil && raw.Len() > spool.MaxPayload {
		err = errors.New("frame is too large when it is uncompressed")
	}
	return raw.Bytes(), err
}

// keepsDead reports whether there is a place for what the receiver refuses for good.
func (d *disk) keepsDead() bool { return d != nil && d.dead }

// settle closes the account of a batch in the spool, which answers for its spans.
func (d *disk) settle(b *batch, rejected int, dropped DropReason) {
	if dropped == "" {
		d.spool.Ack(b.frame, rejected)
	} else {
		d.spool.Kill(b.frame, spoolReasons[dropped])
	}
	d.acquit(b.frame)
}

// spoolReasons are the reasons for which an upload ends a batch, as the spool has them.
var spoolReasons = map[DropReason]spool.Reason{
	DroppedInvalid: spool.Invalid, DroppedTooLarge: spool.TooLarge, DroppedInternal: spool.Internal, DroppedAuth: spool.Auth,
	DroppedConfig: spool.Config, DroppedPoison: spool.Poison, DroppedShutdown: spool.Shutdown,
}

// release gives a batch back as it was.
func (d *disk) release(b *batch) { d.spool.Release(b.frame) }

// retry gives a batch back that could not be delivered. When the receiver is up it may be the batch that is to blame, and has
// to wait: nothing else may be left to be tried.
func (d *disk) retry(b *batch, up bool) {
	d.mu.Lock()
	s, known := d.suspects[b.frame.ID()]
	if !known { // it failed before it came into the spool
		s.suspicion = b.suspicion
	}
	s.after = time.Time{}
	if up {
		s.after = time.Now().Add(pauseOf(b.frame.Attempts()))
	}
	d.noteLocked(b.frame, s)
	d.mu.Unlock()
	d.spool.Retry(b.frame)
}

// pause returns how long a frame has to wait.
func (d *disk) pause(f *spool.Frame, now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return max(d.suspects[f.ID()].after.Sub(now), 0)
}

// failed notes that an upload of a batch has failed: see suspicion.
func (d *disk) failed(b *batch, accepted uint64) (suspected, poison bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.suspects[b.frame.ID()]
	suspected, poison = s.failed(accepted)
	d.noteLocked(b.frame, s)
	return suspected, poison
}

func (d *disk) noteLocked(f *spool.Frame, s suspect) {
	if len(d.suspects) >= maxSuspects {
		clear(d.suspects)
	}
	d.suspects[f.ID()] = s
}

// acquit forgets what is known of a frame.
func (d *disk) acquit(f *spool.Frame) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.suspects, f.ID())
}

// timeToSend returns the context within which Shutdown sends: with a spool it leaves some time to that.
func (d *disk) timeToSend(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if d == nil || !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(reserved, time.Until(deadline)/4)))
}

// shut leaves to the next process what is pending.
func (d *disk) shut() error {
	if d == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	return d.spool.Close(ctx)
}

// account adds what the spool answers for to the accounts of the queue, which were read after st. Spans that went into the
// spool between the two moments are still counted as queued: each is counted once whenever it went.
func (s *Stats) account(st *spool.Stats, handed uint64) {
	crashed := st.Dropped[spool.Crash]
	s.Recovered = st.Recovered + st.Unread + crashed
	s.Exported += st.Acked
	s.Rejected += st.Dropped[spool.Rejected]
	for r, n := range st.Dropped {
		if n > 0 && spool.Reason(r) != spool.Rejected {
			s.Dropped[DropReason(spool.Reason(r).String())] += n
		}
	}
	s.Queued += handed - st.Appended
	s.Spooled = st.Spans + st.Unread
	s.SpooledBytes = uint64(st.Bytes)
	s.SpoolErr = st.Trouble
}
