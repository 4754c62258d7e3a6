package spool

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// The names in the directory of an instance.
const (
	lockName      = "LOCK"
	ledgerName    = "ledger"
	deadName      = "dead"
	segmentSuffix = ".ws"
	mappedSuffix  = ".wa"
	numberDigits  = 12
)

// home is the directory of an instance, our own or one whose owner is dead. We hold its lock.
type home struct {
	path     string
	id       instanceID
	lock     io.Closer
	segments int  // of it that the spool has
	keep     bool // something else is in it
	own      bool
}

// newHome makes a directory for this process.
func newHome(files fileSystem, dir string) (*home, error) {
	for try := 0; ; try++ {
		var id instanceID
		_, _ = rand.Read(id[:]) // never fails
		h := &home{path: filepath.Join(dir, hex.EncodeToString(id[:])), id: id, own: true}
		err := files.makeDir(h.path)
		if err == nil {
			if h.lock, err = files.lock(filepath.Join(h.path, lockName), true); err == nil {
				return h, nil
			}
			_ = files.removeDir(h.path)
		}
		// Somebody may have taken the directory for one that was left, before it was locked.
		if taken := errors.Is(err, errLocked) || errors.Is(err, os.ErrNotExist); !taken || try == 3 {
			return nil, err
		}
	}
}

// leave removes the directory when nothing is left in it, and lets go of the lock.
func (h *home) leave(files fileSystem) {
	if h.segments == 0 && !h.keep {
		_ = files.remove(filepath.Join(h.path, ledgerName))
		_ = files.removeDir(filepath.Join(h.path, deadName))
		_ = files.remove(filepath.Join(h.path, lockName))
		_ = files.removeDir(h.path)
	}
	_ = h.lock.Close()
}

func (h *home) segmentPath(number uint64) string { return h.numbered(number, segmentSuffix) }
func (h *home) mappedPath(number uint64) string  { return h.numbered(number, mappedSuffix) }

func (h *home) numbered(number uint64, suffix string) string {
	return filepath.Join(h.path, fmt.Sprintf("%0*d%s", numberDigits, number, suffix))
}

// parseHome reads the name of an instance's directory.
func parseHome(name string) (id instanceID, ok bool) {
	b, err := hex.DecodeString(name)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	copy(id[:], b)
	return id, hex.EncodeToString(b) == name
}

// parseNumbered reads the name of a segment, or of a file of an arena.
func parseNumbered(name, suffix string) (number uint64, ok bool) {
	if len(name) != numberDigits+len(suffix) || name[numberDigits:] != suffix {
		return 0, false
	}
	for _, c := range []byte(name[:numberDigits]) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	number, err := strconv.ParseUint(name[:numberDigits], 10, 64)
	return number, err == nil && number > 0
}
