package poll

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The events of epoll_ctl(2).
const (
	In            = unix.EPOLLIN
	Out           = unix.EPOLLOUT
	PeerHalfClose = unix.EPOLLRDHUP
	Hangup        = unix.EPOLLHUP
	Error         = unix.EPOLLERR
	EdgeTriggered = unix.EPOLLET
)

// Key says whose an event is. A slot may be used again, its generation tells for whom.
type Key struct{ Slot, Generation uint32 }

// Event is what a descriptor is ready for.
type Event struct {
	Events uint32
	Key    Key
}

// An Event is the kernel's struct epoll_event: these do not compile when it is not.
var (
	_ [unsafe.Sizeof(unix.EpollEvent{})]byte      = [unsafe.Sizeof(Event{})]byte{}
	_ [unsafe.Offsetof(unix.EpollEvent{}.Fd)]byte = [unsafe.Offsetof(Event{}.Key)]byte{}
)

// Poller is an epoll set. Add, Modify and Delete may be called from any goroutine; Wait by one at a time.
type Poller struct {
	file *os.File
	raw  syscall.RawConn
	fd   int

	// Of the Wait in progress.
	collect func(fd uintptr) bool
	events  []Event
	n       int
	err     error
}

// New makes an empty set.
func New() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // os.NewFile has Go's poller wait for what does not block
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &Poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	p.collect = p.ready
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, err
	}
	return p, nil
}

// Close ends a Wait in progress, and the set.
func (p *Poller) Close() error { return p.file.Close() }

// Wait stores what is ready into events, and returns how many that are: at least one, unless it fails. After Close it fails
// with an error that matches os.ErrClosed.
func (p *Poller) Wait(events []Event) (int, error) {
	p.events, p.n, p.err = events, 0, nil
	if p.raw.Read(p.collect) != nil {
		return 0, os.ErrClosed
	}
	return p.n, p.err
}

// ready collects what is ready now; false: nothing is.
func (p *Poller) ready(uintptr) bool {
	p.n, p.err = p.TryWait(p.events)
	return p.n > 0 || p.err != nil
}

// TryWait is Wait for what is ready already; that may be nothing.
func (p *Poller) TryWait(events []Event) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// Add has events of fd reported with key.
func (p *Poller) Add(fd int, events uint32, key Key) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, events, key)
}

// Modify changes which events of fd are reported. What fd is ready for already is reported anew.
func (p *Poller) Modify(fd int, events uint32, key Key) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, events, key)
}

// Delete takes fd out of the set. That closing fd does so, too, holds only as long as nobody has duplicated it.
func (p *Poller) Delete(fd int) error {
	return p.control(unix.EPOLL_CTL_DEL, fd, 0, Key{})
}

func (p *Poller) control(op int, fd int, events uint32, key Key) error {
	e := Event{Events: events, Key: key}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.fd), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&e)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
