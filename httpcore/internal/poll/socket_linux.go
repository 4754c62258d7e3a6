package poll

import (
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// WouldBlock is the error of a call that could do nothing at all without waiting.
const WouldBlock = syscall.EAGAIN

// Receive reads into p, which is not empty. It fails with io.EOF when the peer has shut its side down.
func Receive(fd int, p []byte) (int, error) {
	n, err := receive(fd, p, 0)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

// Peek returns what Receive would for a buffer of one byte, without taking the byte.
func Peek(fd int) (int, error) {
	var one [1]byte
	n, err := receive(fd, one[:], unix.MSG_PEEK)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

func receive(fd int, p []byte, flags int) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(flags|unix.MSG_DONTWAIT), 0, 0)
		switch errno {
		case 0:
			received()
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// Send writes as much of p as fits into the socket's buffer.
func Send(fd int, p []byte) (int, error) {
	sending()
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// SendAll is Send for several slices at once.
func SendAll(fd int, slices *[3][]byte) (int, error) {
	sending()
	var vectors [len(slices)]unix.Iovec
	used := 0
	for _, s := range slices {
		if len(s) == 0 {
			continue
		}
		vectors[used].Base = unsafe.SliceData(s)
		vectors[used].SetLen(len(s))
		used++
	}
	message := unix.Msghdr{Iov: &vectors[0]}
	message.SetIovlen(used)
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&message)), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// SendFile sends up to n bytes of the file src from where it stands. It may wait for the disk. It returns 0 and no error at
// the end of the file.
func SendFile(fd, src, n int) (int, error) {
	sending()
	for {
		k, err := unix.Sendfile(fd, src, nil, n)
		if err != unix.EINTR {
			return max(k, 0), err
		}
	}
}

// CannotSendFile reports whether err says that SendFile is not for such a file.
func CannotSendFile(err error) bool {
	return err == unix.EINVAL || err == unix.ENOSYS || err == unix.EOPNOTSUPP
}

// NetConn returns a net.Conn of its own for the socket fd, which stays the caller's.
func NetConn(fd int) (net.Conn, error) {
	f, err := Duplicate(fd)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return net.FileConn(f)
}

// Duplicate returns a file with a descriptor of its own for the socket fd.
func Duplicate(fd int) (*os.File, error) {
	d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(d), "socket"), nil
}

// Accept takes the next connection of the listening socket fd. The new descriptor does not block and is not inherited.
func Accept(fd int) (accepted int, peer net.Addr, err error) {
	var from unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)),
			unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			return int(n), address(&from), nil
		case unix.EINTR:
		default:
			return -1, nil, errno
		}
	}
}

// LocalAddr returns the address that fd is bound to; nil when there is none.
func LocalAddr(fd int) net.Addr {
	var local unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	_, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&local)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return nil
	}
	return address(&local)
}

// address converts what the kernel filled in: TCP over IPv4 and IPv6, and Unix sockets; nil for anything else.
func address(from *unix.RawSockaddrAny) net.Addr {
	switch from.Addr.Family {
	case unix.AF_INET:
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(from))
		return &net.TCPAddr{IP: append(net.IP(nil), a.Addr[:]...), Port: networkOrder(a.Port)}
	case unix.AF_INET6:
		a := (*unix.RawSockaddrInet6)(unsafe.Pointer(from))
		return &net.TCPAddr{IP: append(net.IP(nil), a.Addr[:]...), Port: networkOrder(a.Port), Zone: zone(a.Scope_id)}
	case unix.AF_UNIX:
		return unnamed
	}
	return nil
}

// unnamed is the address of the client of a Unix socket, which usually has none.
var unnamed = &net.UnixAddr{Net: "unix"}

func networkOrder(port uint16) int {
	b := (*[2]byte)(unsafe.Pointer(&port))
	return int(b[0])<<8 | int(b[1])
}

// zone names the interface of a link-local address.
func zone(id uint32) string {
	if id == 0 {
		return ""
	}
	if i, err := net.InterfaceByIndex(int(id)); err == nil {
		return i.Name
	}
	return strconv.Itoa(int(id))
}

// Shutdown ends both directions of fd, which stays open: reads find the end, writes fail, and both are reported as events.
func Shutdown(fd int) error {
	sending()
	return unix.Shutdown(fd, unix.SHUT_RDWR)
}

// CloseWrite tells the peer that nothing more will come.
func CloseWrite(fd int) error {
	sending()
	return unix.Shutdown(fd, unix.SHUT_WR)
}

// Close closes fd. Whoever might still use it must have been told before.
func Close(fd int) error {
	sending()
	return unix.Close(fd)
}
