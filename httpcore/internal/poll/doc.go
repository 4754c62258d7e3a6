// Package poll is what the epoll engine asks of Linux: one epoll set for each worker, and calls on sockets that never block.
//
// The calls are made without a word to Go's scheduler, which would otherwise give the processor of a thread that the system
// suspends in a call to another one: a call that cannot block has nothing to gain from that. The wait for events does not
// block a thread either: an epoll set is a file that can be polled, so it is Go's own poller that waits for it.
//
// Errors are syscall.Errno; EINTR is never one of them, the call is made again.
package poll
