//go:build unix

package httpcore

import "syscall"

// defaultMaxConnections is nine tenths of the descriptors that the process may have, but for some that it needs for
// itself.
func defaultMaxConnections() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 0
	}
	return max((int(limit.Cur)-64)*9/10, 16)
}
