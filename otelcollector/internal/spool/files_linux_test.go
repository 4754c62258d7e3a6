package spool

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// realFile is a file of the system's with random content of n bytes, written in one call.
func realFile(t *testing.T, n int) (f systemFile, content []byte) {
	t.Helper()
	opened, err := os.OpenFile(filepath.Join(t.TempDir(), "file"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	f, content = systemFile{opened}, make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content)
	if written, err := f.WriteAt(content, 0); written != n || err != nil {
		t.Fatalf("WriteAt returned %d, %v, want %d", written, err, n)
	}
	return f, content
}

// Whatever the pieces are, all is written, and where it belongs.
func TestWriteInPieces(t *testing.T) {
	for _, n := range []int{0, 1, pieceBytes - 1, pieceBytes, pieceBytes + 1, 3*pieceBytes + 7} {
		f, content := realFile(t, n)
		if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, content) {
			t.Errorf("of %d bytes there are %d, or others: %v", n, len(got), err)
		}
	}
	f, _ := realFile(t, 0)
	_ = f.Close()
	if n, err := f.WriteAt(make([]byte, pieceBytes+1), 0); n != 0 || err == nil {
		t.Errorf("WriteAt to a closed file returned %d, %v", n, err)
	}
}

// What is safe on the disk is not kept in memory, but for the end, to which is appended next, and can be read.
func TestUncache(t *testing.T) {
	const n = 8<<20 + 100
	f, content := realFile(t, n)
	if err := f.dataSync(); err != nil {
		t.Fatal(err)
	}
	if onMemory(t, f) {
		t.Skip("this file system is in memory, and has nowhere else to keep what is written")
	}
	before := resident(t, f)
	f.uncache(n)
	if after := resident(t, f); after > before/2 { // large folios that only part is to go of, stay
		t.Errorf("%d of %d pages are in memory still", after, before)
	}
	if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, content) {
		t.Errorf("there are %d bytes, or others: %v", len(got), err)
	}
}

func onMemory(t *testing.T, f systemFile) bool {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return uint32(st.Type) == unix.TMPFS_MAGIC
}

// resident returns how many of the pages of a file are in memory.
func resident(t *testing.T, f systemFile) uint64 {
	t.Helper()
	var st unix.Cachestat_t
	switch err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{}, &st, 0); {
	case errors.Is(err, unix.ENOSYS):
		t.Skip("the kernel is older than 6.5, and does not tell what is in memory")
	case err != nil:
		t.Fatal(err)
	}
	return st.Cache
}
