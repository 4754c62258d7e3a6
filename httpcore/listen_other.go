//go:build !linux

package httpcore

import (
	"net"
	"syscall"
)

// canShare: where SO_REUSEPORT exists, it does not spread connections as Linux does.
const canShare = false

func share(_, _ string, _ syscall.RawConn) error { return nil }

// restrict has nothing to do: these systems do not take the file's mode from the socket.
func restrict(_, _ string, _ syscall.RawConn) error { return nil }

// tuneConn has nothing to do: TCP_USER_TIMEOUT is Linux's.
func tuneConn(net.Conn) {}

// migrateSetting is Linux's.
const migrateSetting = ""

// migrationHint has nothing to say: no port is shared.
func migrationHint(string) string { return "" }
