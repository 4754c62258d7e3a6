package instrument

// Hooks are functions to be called when something happens; nil ones are not interested. A nil *Hooks has none.
//
// The functions are read when the hooks are put to use and must not be changed after that. They are called from many
// goroutines at once; the package comment says what they may do.
type Hooks struct {
	// AcceptStart: a listening socket is asked for its next connection.
	AcceptStart func(AcceptStart)
	// AcceptReady ends each AcceptStart: a connection was accepted, or Err says why not.
	AcceptReady func(AcceptReady)

	// RecvStart: bytes of the peer are wanted.
	RecvStart func(IOStart)
	// RecvReady ends each RecvStart: there are some, or the peer has ended; Err says that the wait was given up.
	RecvReady func(IOReady)
	// RecvData follows a RecvReady without Err: what was read.
	RecvData func(RecvData)

	// SendStart: bytes are about to be written.
	SendStart func(IOStart)
	// SendReady ends each SendStart: all of them were handed to the kernel, or Err says why not.
	SendReady func(IOReady)
	// SendData comes in between, once for each write to the socket: what the kernel has taken.
	SendData func(SendData)

	// ConnectStart: an outgoing connection is about to be made.
	ConnectStart func(ConnectStart)
	// ConnectReady ends each ConnectStart: it was made, or Err says why not.
	ConnectReady func(ConnectReady)

	// TLSHandshakeStart: a TLS handshake begins.
	TLSHandshakeStart func(IOStart)
	// TLSHandshakeComplete ends each TLSHandshakeStart: it succeeded, or Err says why not.
	TLSHandshakeComplete func(TLSHandshake)

	// Close comes once for each connection that was accepted, after it has been closed; of an upgraded one, when its handler
	// has closed it.
	Close func(CloseInfo)

	// QueuePut: an item was put into a queue.
	QueuePut func(QueueEvent)
	// QueueGet: an item was taken out of it.
	QueueGet func(QueueEvent)

	// A task is a request in the hands of its handler. TaskBeforeSend and TaskAfterSend enclose each call of a handler that
	// returns: the only one of most requests, the second of those that a SyncHandler has left to the Handler.
	TaskBeforeSend func(TaskEvent)
	TaskAfterSend  func(TaskEvent)
	// TaskBeforeThrow and TaskAfterThrow enclose the delivery of Err to the task: the end of its context while it runs, which
	// comes from another goroutine; or the recovery of its panic.
	TaskBeforeThrow func(TaskEvent)
	TaskAfterThrow  func(TaskEvent)
	// Each task ends with one of these. TaskCompleted: its handler has returned. TaskCancelled: it has, and its context had
	// ended with Err before. TaskError: it has panicked, or ended its goroutine; Err says more.
	TaskCompleted func(TaskEvent)
	TaskError     func(TaskEvent)
	TaskCancelled func(TaskEvent)
}
