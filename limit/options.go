package limit

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
)

// Options say what is too much. The zero value limits nothing.
type Options struct {
	// Rate is how many requests a second one client may make in the long run; 0 is any number.
	Rate float64
	// Burst is how many it may make at once when it has made none for a while; 0 is as many as in a second, and at least
	// one. It needs a Rate.
	Burst int
	// IPv4Bits and IPv6Bits are how many bits of their addresses clients have in common that count as one; 0 is 32 and 64:
	// each IPv4 address is a client, and each IPv6 network that a subscriber is given. Peers without an address, those of a
	// Unix socket, are one client.
	IPv4Bits, IPv6Bits int
	// MaxClients bounds how many clients are remembered, in about 200 bytes each; 0 is 65536. When more come while all
	// these are busy, those that have asked least lately are forgotten, and may ask as if they were new.
	MaxClients int
	// TrustedProxies are the networks of the proxies whose Forwarded, or else X-Forwarded-For, names the client. Where any is
	// trusted, the peers of a Unix socket are, too. nil trusts nobody: the peer is the client.
	TrustedProxies []netip.Prefix

	// MaxRequests is how many requests may be in progress at a time, those of all clients together; 0 is any number. A
	// connection that a handler has taken over counts for as long as the handler runs.
	MaxRequests int

	// HealthCheckPath is a path whose requests are neither refused nor counted. Empty is none.
	HealthCheckPath string
}

// Limits of what makes sense.
const (
	maxRate           = 1e9
	defaultMaxClients = 1 << 16
)

// withDefaults returns o with the defaults filled in, or says what is wrong with it.
func (o Options) withDefaults() (Options, error) {
	switch {
	case !(o.Rate >= 0 && o.Rate <= maxRate):
		return o, fmt.Errorf("limit: Rate is %v: use requests a second up to %d, or 0 for any number", o.Rate, int(maxRate))
	case o.Burst < 0:
		return o, fmt.Errorf("limit: Burst is %d: use a number of requests, or 0 for as many as in a second", o.Burst)
	case o.Burst > 0 && o.Rate == 0:
		return o, errors.New("limit: Burst needs a Rate")
	case o.IPv4Bits < 0 || o.IPv4Bits > 32:
		return o, fmt.Errorf("limit: IPv4Bits is %d: use 1 to 32, or 0 for 32", o.IPv4Bits)
	case o.IPv6Bits < 0 || o.IPv6Bits > 128:
		return o, fmt.Errorf("limit: IPv6Bits is %d: use 1 to 128, or 0 for 64", o.IPv6Bits)
	case o.MaxClients < 0:
		return o, fmt.Errorf("limit: MaxClients is %d: use a number of clients, or 0 for %d", o.MaxClients, defaultMaxClients)
	case o.MaxRequests < 0:
		return o, fmt.Errorf("limit: MaxRequests is %d: use a number of requests, or 0 for any number", o.MaxRequests)
	}
	if o.Burst == 0 {
		o.Burst = max(1, int(math.Ceil(o.Rate)))
	}
	if o.IPv4Bits == 0 {
		o.IPv4Bits = 32
	}
	if o.IPv6Bits == 0 {
		o.IPv6Bits = 64
	}
	if o.MaxClients == 0 {
		o.MaxClients = defaultMaxClients
	}
	o.TrustedProxies = slices.Clone(o.TrustedProxies)
	return o, nil
}
