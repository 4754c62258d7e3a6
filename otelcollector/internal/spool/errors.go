package spool

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// What Append may fail with, beside the error of the system that is behind ErrDegraded.
var (
	// ErrFull: MaxBytes is reached or the file system has too little room, and nothing older may or can make room.
	ErrFull = errors.New("spool is full")
	// ErrTooLarge: a batch of more than MaxPayload bytes, or of none.
	ErrTooLarge = errors.New("batch is too large for the spool")
	// ErrBusy: too much waits for the disk. There is room again after a sync.
	ErrBusy = errors.New("spool waits for the disk")
	// ErrDegraded: the disk does not take anything now. It is tried again after a while.
	ErrDegraded = errors.New("spool cannot write")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("spool is closed")
)

// What Read may fail with. The frame is not the caller's any more in each case.
var (
	// ErrCorrupt: the bytes are not those that were written. The frame has been dropped.
	ErrCorrupt = errors.New("frame is damaged")
	// ErrGone: the segment was dropped to make room. So has been the frame.
	ErrGone = errors.New("frame was dropped to make room")
	// ErrUnread: the disk gave an error. The frame is pending again, or dropped after the third time.
	ErrUnread = errors.New("frame cannot be read")
)

var (
	errLocked  = errors.New("locked by another process")
	errForeign = errors.New("not a regular file of this user")
	errRemoved = fmt.Errorf("somebody has removed the file: %w", os.ErrNotExist)
	errFault   = fmt.Errorf("mapped memory is gone: %w", syscall.EFAULT)
)

// errno names what the system said, for a counter: a number of names that is small and known.
func errno(err error) string {
	var number syscall.Errno
	switch {
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, os.ErrNotExist):
		return "not found"
	case errors.Is(err, os.ErrExist):
		return "exists"
	default:
		return "other"
	}
}

// noSpace reports whether err says that removing something would help.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// fileTooBig reports whether err says that another file would help.
func fileTooBig(err error) bool { return errors.Is(err, syscall.EFBIG) }
