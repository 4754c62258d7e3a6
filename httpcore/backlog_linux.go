package httpcore

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// acceptQueue returns how many connections wait for accept: of a listening socket, tcp(7) has them in tcpi_unacked.
func acceptQueue(c syscall.RawConn) int {
	n := -1
	_ = control(c, func(fd int) error { // a Unix socket has none, a closed one is gone
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			n = int(info.Unacked)
		}
		return err
	})
	return n
}
