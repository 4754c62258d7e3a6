package spool

import "golang.org/x/sys/unix"

// Rest leaves the processor to others for a moment: to requests, by who has more to do than they should wait for. It is none of
// Go's sleeps: in virtual time those would not end while somebody waits for a lock that its caller holds.
func Rest() { _ = unix.Nanosleep(&unix.Timespec{Nsec: 100_000}, nil) }
