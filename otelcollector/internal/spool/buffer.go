package spool

import (
	"errors"
	"os"
	"runtime/debug"
	"sync/atomic"
	"unsafe"
)

// Buffer is a part of an arena: a mapped file with copies of spans of one scope. It has one owner at a time, from Get to Recycle.
// A nil *Buffer takes no spans: its methods do nothing.
//
// The mapped memory is touched by these methods only. When a disk dies, or somebody cuts the file short, that is a fault, which
// ends the process anywhere else; here it only ends the use of the buffer. Batches are sent from memory that cannot fault.
type Buffer struct {
	arena  *Arena
	path   string
	salt   uint32
	memory []byte // the file
	spans  []byte // the part of it that is for spans
	word   *atomic.Uint64

	failed bool // by a fault
	length int  // bytes that are published
	count  int  // and spans
}

func newBuffer(a *Arena, h *home, number uint64, memory []byte) *Buffer {
	return &Buffer{
		arena: a, path: h.mappedPath(number), salt: salt(h.id, number), memory: memory, spans: memory[a.room:],
		word: (*atomic.Uint64)(unsafe.Pointer(&memory[publishedAt])),
	}
}

// Add copies a finished span, encoded as a field of ScopeSpans, into the buffer. From then on it survives the end of the process,
// however it ends. False: it has no room there, or the buffer is not to be used. It does not wait for the disk, unless the kernel
// does so because it is writing that page back.
func (b *Buffer) Add(span []byte) bool {
	if b == nil || b.failed || len(span) > len(b.spans)-b.length || b.arena.closed.Load() {
		return false
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer b.fault()
	copy(b.spans[b.length:], span)
	b.publish(b.length+len(span), b.count+1)
	return true
}

// publish says which spans are whole, by one store: whoever reads the file finds all of them, or those before.
func (b *Buffer) publish(length, count int) {
	b.word.Store(uint64(count)<<32 | uint64(length))
	b.length, b.count = length, count
}

// fault is deferred where the mapped memory is touched.
func (b *Buffer) fault() {
	if recover() != nil {
		b.failed = true
	}
}

// Reset takes back what was published. It is called when it is known what becomes of the spans, before the ledger counts that:
// whoever adopts both takes what is published for a part of what the ledger lacks.
func (b *Buffer) Reset() {
	if b == nil || b.arena.closed.Load() {
		return
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer b.fault()
	b.publish(0, 0)
}

// Recycle is Reset, and gives the buffer back. After Spool.Close it does nothing to the file.
func (b *Buffer) Recycle() {
	if b != nil {
		b.Reset()
		b.arena.giveBack(b)
	}
}

// describe says whose spans come. Nothing is published meanwhile. False: the memory cannot be used.
func (b *Buffer) describe(scope []byte) bool {
	h := mappedHeader{
		since: b.arena.spool.options.wall().UnixNano(), resource: b.arena.options.Resource, scope: scope,
		data: uint32(b.arena.room),
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer b.fault()
	h.put(b.memory, b.salt)
	return true
}

// published returns how many spans are published.
func (b *Buffer) published() (count int) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { _ = recover() }()
	return int(b.word.Load() >> 32)
}

// named reports whether its file has the name that it was given.
func (b *Buffer) named() bool {
	f, err := b.arena.spool.files.open(b.path)
	if err == nil {
		_ = f.Close()
	}
	return !errors.Is(err, os.ErrNotExist)
}

// remove removes its file.
func (b *Buffer) remove() {
	if err := b.arena.spool.files.remove(b.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		b.arena.spool.failed(OpArena, err)
	}
}
