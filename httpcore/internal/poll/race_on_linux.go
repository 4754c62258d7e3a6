//go:build race

package poll

import "syscall"

// Package syscall tells the race detector that what was done before a write happens before what is done after a read, for
// a program may well talk to itself through sockets. Calls that it does not make have to be told, too. That can only be done
// with calls that it does make: a write that fails, and a read of nothing. The code of the engine is the same with and
// without the race detector.

var null = func() int {
	fd, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		panic("poll: open /dev/null: " + err.Error())
	}
	return fd
}()

func sending()  { _, _ = syscall.Write(-1, nil) }
func received() { _, _ = syscall.Read(null, nil) }
