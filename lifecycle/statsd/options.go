package statsd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Options configures a [Client]. The zero value sends to localhost:8125 what Hypercorn would.
type Options struct {
	// Addr is where the server listens: "host:port", "udp://host:port", or "unix:///path" of a datagram socket.
	// The port may be left out, and is 8125; empty is "localhost:8125". The name is looked up, and the socket made,
	// when there is something to send, and again after an error.
	Addr string
	// Dialect is how lines are written.
	Dialect Dialect
	// Prefix stands before every name, with exactly one dot between them. Empty is none.
	Prefix string
	// Namespace is what the names of the package's own metrics begin with; empty is that of the dialect.
	Namespace string
	// Tags are those of every metric. See [ParseTags].
	Tags []Tag
	// Rate is the share of counters, histograms and timings that is sent, as in [Metrics.Sampled]. All lines of a
	// request are sent, or none. 0 is 1, which sends all.
	Rate float64

	// FlushEvery is how long a line waits at most for others to fill its packet. 0 is 100 ms.
	FlushEvery time.Duration
	// MaxPacketBytes is the size of the largest packet; a longer line is dropped. 0 is 1432 for UDP, which fits an
	// Ethernet frame, 4000 for UDP to an Addr on the loopback, and 8192 for a Unix socket.
	MaxPacketBytes int
	// Unbatched sends every line in a packet of its own, and at once, as Hypercorn and Gunicorn do.
	Unbatched bool
	// MaxWaiting is how many full packets of a worker wait at most while the server is slow; beyond that the
	// oldest is dropped. 0 is 256.
	MaxWaiting int

	// Workers and Backlog, if not nil, are asked at once and at every ReportEvery for the gauge "workers" and the
	// histogram "backlog". A negative backlog is not reported. They run on a goroutine of the client, and in
	// [Client.Report], one at a time.
	Workers, Backlog func() int
	// ReportEvery is the interval. 0 is 10 s.
	ReportEvery time.Duration

	// ErrorLog is told when lines were dropped, at most once a minute. nil tells nobody; [Client.Stats] has the counts.
	ErrorLog *slog.Logger
	// Dial makes the socket; nil is that of [net.Dialer]. The network is "udp" or "unixgram".
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Sizes of packets. To send one costs the same whatever its size, so they are as large as the way allows and servers read:
// collectd 4095 bytes at once, Datadog's agent 8192, most others all that a datagram can hold.
const (
	udpPacketBytes      = 1432
	loopbackPacketBytes = 4000
	unixPacketBytes     = 8192
)

// packetBytes is the size of the largest packet to an address, from parseAddress.
func packetBytes(network, address string) int {
	switch {
	case network == "unixgram":
		return unixPacketBytes
	case isLoopback(address):
		return loopbackPacketBytes
	}
	return udpPacketBytes
}

// withDefaults returns o with every field filled in, and the network and address of Addr.
func (o Options) withDefaults() (_ Options, network, address string, err error) {
	if o.Dialect < 0 || int(o.Dialect) >= len(dialects) {
		return o, "", "", fmt.Errorf("unknown dialect %d", o.Dialect)
	}
	if network, address, err = parseAddress(o.Addr); err != nil {
		return o, "", "", err
	}
	if o.Namespace == "" {
		o.Namespace = dialects[o.Dialect].namespace
	}
	if o.Rate == 0 {
		o.Rate = 1
	}
	if o.FlushEvery <= 0 {
		o.FlushEvery = 100 * time.Millisecond
	}
	if o.MaxPacketBytes <= 0 {
		o.MaxPacketBytes = packetBytes(network, address)
	}
	if o.MaxWaiting <= 0 {
		o.MaxWaiting = 256
	}
	if o.ReportEvery <= 0 {
		o.ReportEvery = 10 * time.Second
	}
	if o.ErrorLog == nil {
		o.ErrorLog = slog.New(slog.DiscardHandler)
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	return o, network, address, nil
}
