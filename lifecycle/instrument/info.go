package instrument

import (
	"strconv"
	"time"
)

// Times are those of time.Now, with the monotonic clock's reading; so durations do not jump with the wall clock.

// Conn names a connection.
type Conn struct {
	// ID is the lifecycle's ConnectionID. 0: it is not one of a server's, but an outgoing one.
	ID uint64
	// Worker is the number of the server's worker that it belongs to.
	Worker int
	// Local and Remote are the addresses of the two ends as net.Addr has them; Remote is "@" for the client of a Unix socket,
	// which has no name. They are known after the connection is closed, too.
	Local, Remote string
}

// String returns "connection" and its number.
func (c Conn) String() string { return "connection " + strconv.FormatUint(c.ID, 10) }

// AcceptStart is what [Hooks.AcceptStart] is given.
type AcceptStart struct {
	Local string // address of the listening socket
	Start time.Time
}

// AcceptReady is what [Hooks.AcceptReady] is given.
type AcceptReady struct {
	Local     string        // as in its AcceptStart
	Conn      Conn          // zero with an Err
	Start     time.Time     // that of its AcceptStart
	Elapsed   time.Duration // since then
	Immediate bool          // a connection was there already; never true of listeners that the server cannot poll itself
	Err       error         // an error that matches os.ErrDeadlineExceeded is a look of a server that drains
}

// IOStart is what [Hooks.RecvStart], [Hooks.SendStart] and [Hooks.TLSHandshakeStart] are given.
type IOStart struct {
	Conn  Conn
	Start time.Time
	Bytes int64 // to be sent; 0 for the others
}

// IOReady is what [Hooks.RecvReady] and [Hooks.SendReady] are given.
type IOReady struct {
	Conn    Conn
	Start   time.Time     // that of its IOStart
	Elapsed time.Duration // since then
	// Wait is how much of that was spent waiting for the peer: to send, or to read what had been sent before. Where the
	// server cannot see the socket, for it is a net.Conn of somebody else's, all of Elapsed is.
	Wait      time.Duration
	Immediate bool // nothing had to be waited for: Wait is 0
	Err       error
}

// RecvData is what [Hooks.RecvData] is given. Through TLS it is the plain text.
type RecvData struct {
	Conn Conn
	Data []byte // lent until the hook returns, and not to be written to; empty at the end of what the peer sends
	Err  error  // io.EOF when the peer has shut its side down
}

// SendData is what [Hooks.SendData] is given. Through TLS it is the plain text.
type SendData struct {
	Conn Conn
	// Data is what the kernel has taken, in pieces; lent until the hook returns, and not to be written to.
	Data  [][]byte
	Bytes int64 // how many that are
	Of    int64 // how many there were for it to take
	Err   error
}

// ConnectStart is what [Hooks.ConnectStart] is given.
type ConnectStart struct {
	Network, Address string // as the dialer was given them
	Start            time.Time
}

// ConnectReady is what [Hooks.ConnectReady] is given.
type ConnectReady struct {
	Network, Address string        // as in its ConnectStart
	Conn             Conn          // without an ID; zero with an Err
	Start            time.Time     // that of its ConnectStart
	Elapsed          time.Duration // since then
	Err              error
}

// TLSHandshake is what [Hooks.TLSHandshakeComplete] is given.
type TLSHandshake struct {
	Conn        Conn
	Start       time.Time     // that of its TLSHandshakeStart
	Elapsed     time.Duration // since then
	Client      bool          // this side has begun it
	Version     uint16        // as in tls.ConnectionState; 0 with an Err
	CipherSuite uint16        // the same
	Protocol    string        // the one that was agreed on by ALPN
	ServerName  string        // the one that the client asked for
	Resumed     bool
	Err         error
}

// CloseInfo is what [Hooks.Close] is given.
type CloseInfo struct {
	Conn    Conn
	Start   time.Time     // when it was accepted
	Elapsed time.Duration // since then
	Reason  string        // a lifecycle.Reason, or the code of a connection that was refused; "tls_handshake" of a failed one
}

// The queues of httpcore, and that of otelcollector.
const (
	// QueueWorker is how accepted connections come to their worker; the item is a [Conn].
	QueueWorker = "worker"
	// QueueDispatch is how connections whose handlers are slow come to goroutines of their own; the item is a [Conn].
	QueueDispatch = "dispatch"
	// QueueExport is where batches of spans wait to be sent.
	QueueExport = "export"
)

// QueueEvent is what [Hooks.QueuePut] and [Hooks.QueueGet] are given.
type QueueEvent struct {
	Queue     string        // its name
	Item      any           // what was put or taken; lent until the hook returns
	Immediate bool          // whoever puts, or takes, did not have to wait
	Wait      time.Duration // of QueuePut: how long that was; of QueueGet: how long the item has waited in the queue
}

// TaskEvent is what the Task hooks are given.
type TaskEvent struct {
	Conn    Conn
	Request int    // its number on the connection, from 1
	Method  string // lent until the hook returns, as Target is
	Target  string
	Start   time.Time     // when the handler was called; when hooks came, where that was later
	Elapsed time.Duration // since then
	Err     error         // what was thrown, or how the task ended
}
