//go:build !linux

package httpcore

import "syscall"

// acceptQueue is known on Linux only.
func acceptQueue(syscall.RawConn) int { return -1 }
