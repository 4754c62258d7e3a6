package accesslog

import (
	"os"
	"sync"
)

// file is an Output that appends to a file.
type file struct {
	path string

	mu     sync.Mutex
	f      *os.File
	closed bool
}

// OpenFile returns an Output that appends to the file at path, which it makes if there is none, for its owner to write and the
// group to read. Reopen opens what is at path by then.
func OpenFile(path string) (Output, error) {
	f, err := openAppend(path)
	if err != nil {
		return nil, err
	}
	return &file{path: path, f: f}, nil
}

func openAppend(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
}

// Write implements [Output].
func (o *file) Write(lines []byte) (int, error) {
	o.mu.Lock()
	f := o.f
	o.mu.Unlock()
	return f.Write(lines) // outside the lock, so that Close can end it
}

// Reopen implements [Output].
func (o *file) Reopen() error {
	f, err := openAppend(o.path)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		f.Close()
		return os.ErrClosed
	}
	old := o.f
	o.f = f
	return old.Close()
}

// Close implements [Output].
func (o *file) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	return o.f.Close()
}
