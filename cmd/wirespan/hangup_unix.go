//go:build unix

package main

import (
	"os"
	"syscall"
)

// hangupSignals are those that a server obeys and goes on.
var hangupSignals = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1}
