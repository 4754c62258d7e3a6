package spool

import (
	"encoding/binary"
	"errors"
	"io"
)

// found is what a scan of a segment found.
type found struct {
	verdict verdict
	blank   bool   // no byte of the head was ever written
	header  header // when the verdict is ours
	sealed  bool
	footer  footer // of all frames, as a sealed segment says and as was seen of others
	end     int64  // of the last frame

	frames  []located
	skipped int64  // bytes that belong to no frame, in the middle
	torn    int64  // bytes at the end, of what was being written when everything ended
	missing uint64 // spans whose frames were in what was skipped
}

// located is a frame and where it begins.
type located struct {
	head
	at int64
}

// noise reports that nothing says that the file was ever a segment of ours. Only for what scan returned.
func (f *found) noise() bool {
	return f.verdict == newer || f.verdict == damaged && !f.blank && !f.sealed && len(f.frames) == 0
}

// glance reads the head and the footer of a segment of the given size, nothing else. Without a footer, sealed is false.
// names is the salt that follows from the names of the file and its directory, for a segment whose head is damaged.
func glance(r io.ReaderAt, size int64, names uint32) (found, uint32, error) {
	var f found
	var b [headerSize]byte
	if size < headerSize {
		f.verdict, f.blank, f.torn = damaged, true, size
		return f, names, nil
	}
	if err := readFull(r, b[:], 0); err != nil {
		return f, names, err
	}
	f.header, f.verdict = parseHeader(b[:])
	f.blank = b == [headerSize]byte{}
	f.end = headerSize
	if f.verdict == ours {
		names = salt(f.header.instance, f.header.number)
		f.footer.end = f.header.first
	}
	if f.verdict == newer || size < headerSize+frameSize || size%alignment != 0 {
		return f, names, nil
	}
	if err := readFull(r, b[:frameSize], size-frameSize); err != nil {
		return f, names, err
	}
	if end, ok := parseFooter(b[:], names); ok {
		f.sealed, f.footer, f.end = true, end, size-frameSize
	}
	return f, names, nil
}

// scan reads the heads of all frames. Where one is damaged it looks for the next that is not, so that what is lost is no
// more than what is damaged. It fails only when reading does.
func scan(r io.ReaderAt, size int64, names uint32) (found, uint32, error) {
	f, salt, err := glance(r, size, names)
	if err != nil || f.verdict == newer || size < headerSize {
		return f, salt, err
	}
	w := walk{found: &f, r: r, salt: salt, at: headerSize, end: size, next: f.header.first, known: f.verdict == ours}
	if f.sealed {
		w.end = f.end
	} else {
		f.footer = footer{end: f.header.first}
	}
	err = w.frames()
	return f, salt, err
}

// walk is a scan in progress.
type walk struct {
	*found
	r    io.ReaderAt
	salt uint32

	at, end int64  // what is still to be read
	next    uint64 // ordinal that the next frame should have
	known   bool   // whether next is

	gap bool // something was skipped since the last frame
}

func (w *walk) frames() error {
	var b [frameSize]byte
	for w.at+frameSize <= w.end {
		if err := readFull(w.r, b[:], w.at); err != nil {
			return err
		}
		h, ok := parseHead(b[:], w.salt)
		switch {
		case !ok:
			if err := w.search(); err != nil {
				return err
			}
		case w.at+frameSize+int64(h.payload) > w.end:
			return w.finish()
		default:
			w.frame(h)
		}
	}
	return w.finish()
}

func (w *walk) frame(h head) {
	w.miss(h.ordinal)
	w.next, w.known, w.gap = h.ordinal+uint64(h.spans), true, false
	w.found.frames = append(w.found.frames, located{h, w.at})
	if !w.sealed {
		w.footer.add(&h)
	}
	w.at += h.size()
	w.found.end = min(w.at, w.end)
}

// finish counts what is left. In a sealed segment that is damage, in others it is what was being written.
func (w *walk) finish() error {
	left := max(w.end-w.at, 0)
	if w.sealed {
		w.skipped += left
		w.gap = w.gap || left > 0
		w.miss(w.footer.end)
		w.found.end = w.end
		return nil
	}
	w.torn += left
	return nil
}

// miss counts the spans between those seen last and the one called ordinal.
func (w *walk) miss(ordinal uint64) {
	const most = 1 << 32 // beyond it the ordinals are nonsense
	if n := ordinal - w.next; w.gap && w.known && n < most {
		w.missing += n
	}
}

// search moves on to the next frame, or to the end.
func (w *walk) search() error {
	const chunk = 64 << 10
	begin, b := w.at, make([]byte, chunk+frameSize)
	w.at += alignment
	for w.at+frameSize <= w.end {
		n := min(int64(len(b)), w.end-w.at)
		if err := readFull(w.r, b[:n], w.at); err != nil {
			return err
		}
		i := int64(0)
		for ; i+frameSize <= n; i += alignment {
			if binary.LittleEndian.Uint32(b[i:]) != frameMagic {
				continue
			}
			if _, ok := parseHead(b[i:i+frameSize], w.salt); ok {
				w.at += i
				w.skipped += w.at - begin
				w.gap = true
				return nil
			}
		}
		w.at += i
	}
	w.at = begin
	if w.sealed {
		w.skipped += w.end - begin
		w.gap = true
	} else {
		w.torn += w.end - begin
	}
	w.at = w.end
	return nil
}

// readFull reads all of b, or says why not: a file that is shorter than it was is damaged, not at its end.
func readFull(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	default:
		return err
	}
}
