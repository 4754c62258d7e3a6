//go:build linux || darwin || freebsd || dragonfly

package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// system is the file system of the machine.
type system struct{}

var _ fileSystem = system{}

func systemFiles() (fileSystem, error) { return system{}, nil }

func (system) check(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is not a directory; a link to one is not followed", path)
	case int(st.Uid) != unix.Geteuid():
		return fmt.Errorf("%s belongs to user %d, and this is user %d", path, st.Uid, unix.Geteuid())
	case st.Mode&0o077 != 0:
		return fmt.Errorf("%s can be used by others than its owner, its mode is %#o: make it 0700", path, st.Mode&0o7777)
	}
	switch remote, err := onNetwork(path); {
	case err != nil:
		return &os.PathError{Op: "statfs", Path: path, Err: err}
	case remote:
		return fmt.Errorf("%s is on a network file system, whose locks do not tell who is alive: take a local one", path)
	}
	return nil
}

func (system) makeDir(path string) error { return os.Mkdir(path, 0o700) }

func (system) list(path string) ([]entry, error) {
	d, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	all, err := d.ReadDir(-1)
	entries := make([]entry, 0, len(all))
	for _, e := range all {
		entries = append(entries, entry{name: e.Name(), dir: e.IsDir(), regular: e.Type().IsRegular()})
	}
	return entries, err
}

func (system) create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	return systemFile{f}, nil
}

func (system) open(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0) // a fifo would wait for its other end
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		_ = f.Close()
		return nil, &os.PathError{Op: "fstat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || int(st.Uid) != unix.Geteuid() {
		_ = f.Close()
		return nil, &os.PathError{Op: "open", Path: path, Err: errForeign}
	}
	return systemFile{f}, nil
}

func (system) remove(path string) error {
	if err := unix.Unlink(path); err != nil {
		return &os.PathError{Op: "unlink", Path: path, Err: err}
	}
	return nil
}

func (system) removeDir(path string) error {
	if err := unix.Rmdir(path); err != nil {
		return &os.PathError{Op: "rmdir", Path: path, Err: err}
	}
	return nil
}

func (system) syncDir(path string) error {
	d, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (system) lock(path string, create bool) (io.Closer, error) {
	flags := os.O_RDWR | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK
	if create {
		flags |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := holdLock(f, path); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// holdLock locks f, and makes sure that it is still the file called path: its last holder may have removed that while we
// were on our way to it.
func holdLock(f *os.File, path string) error {
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		return errLocked
	case err != nil:
		return &os.PathError{Op: "flock", Path: path, Err: err}
	}
	var here, there unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &here); err != nil {
		return &os.PathError{Op: "fstat", Path: path, Err: err}
	}
	if err := unix.Lstat(path, &there); err != nil {
		return &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	if here.Dev != there.Dev || here.Ino != there.Ino {
		return errLocked
	}
	return nil
}

func (system) free(path string) (free, all int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	block := int64(st.Bsize) //nolint:unconvert // it is an int64 on some systems only
	return int64(st.Bavail) * block, int64(st.Blocks) * block, nil
}

func (s system) shareMemory(path string, size int) ([]byte, error) {
	f, err := s.create(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// Written, not only made longer: where the disk is full, a page that has no place on it yet is a SIGBUS when it is touched.
	whole := f.(systemFile).File
	if _, err := whole.WriteAt(make([]byte, size), 0); err != nil {
		_ = s.remove(path)
		return nil, err
	}
	b, err := unix.Mmap(int(whole.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		_ = s.remove(path)
		return nil, &os.PathError{Op: "mmap", Path: path, Err: err}
	}
	if size <= os.Getpagesize() {
		// The ledger is touched without the precautions of a Buffer. Held in memory it is not read again from a disk that has died
		// meanwhile, which would be a SIGBUS. Where the limit for that is used up it is as likely as it was.
		_ = unix.Mlock(b)
	}
	return b, nil
}

func (system) unshare(memory []byte) error { return os.NewSyscallError("munmap", unix.Munmap(memory)) }

// systemFile is an os.File, whose ReadAt and WriteAt are pread and pwrite, and which nobody can close under a call.
type systemFile struct{ *os.File }

// WriteAt implements [io.WriterAt], in pieces with a rest between them. One call that writes half a megabyte keeps its processor for
// a millisecond or two where the system has to find the memory for it first, as a virtual machine has, and requests wait for as long:
// with 5000 a second on two processors their p99 came down from 1.5 to 1 ms with the rests.
func (f systemFile) WriteAt(b []byte, at int64) (n int, err error) {
	for {
		piece := b[n:min(n+pieceBytes, len(b))]
		written, err := f.File.WriteAt(piece, at+int64(n))
		n += written
		if err != nil || n == len(b) {
			return n, err
		}
		Rest()
	}
}

// pieceBytes is how much of a file is written at once.
const pieceBytes = 64 << 10

func (f systemFile) size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f systemFile) truncate(size int64) error { return f.Truncate(size) }
func (f systemFile) sync() error               { return f.Sync() }

func (f systemFile) linked() (bool, error) {
	var st unix.Stat_t
	err := f.call("fstat", func(fd int) error { return unix.Fstat(fd, &st) })
	return st.Nlink > 0, err
}

// call makes a system call on the descriptor, again when a signal interrupts it.
func (f systemFile) call(name string, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for failed = unix.EINTR; failed == unix.EINTR; {
			failed = do(int(fd))
		}
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError(name, failed)
}
