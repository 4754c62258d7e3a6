//go:build !linux

package httpcore

import (
	"net"
	"time"
)

func waitedRead(c net.Conn, p []byte) (n int, wait time.Duration, err error) { return timedRead(c, p) }

func waitedWrite(c net.Conn, v *net.Buffers) (n int64, wait time.Duration, err error) {
	return timedWrite(c, v)
}
