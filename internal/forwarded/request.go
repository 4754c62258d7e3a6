package forwarded

import (
	"net"
	"net/http"
	"net/netip"
)

// Peer returns the address of who sent r to this server, and whether that is a trusted proxy: where any is trusted, a peer on
// a Unix socket, which has no address, is too.
func (p Proxies) Peer(r *http.Request) (address netip.Addr, trusted bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		_, isUnix := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr)
		return netip.Addr{}, isUnix && len(p) > 0
	}
	address = peer.Addr().Unmap().WithZone("")
	return address, p.Trust(address)
}

// Client returns the address of the client that r came from, through trusted proxies or none. It is zero on a Unix socket
// when nobody that is trusted says more.
func (p Proxies) Client(r *http.Request) netip.Addr {
	peer, trusted := p.Peer(r)
	if !trusted {
		return peer
	}
	var f Fields
	for _, name := range [...]string{"Forwarded", "X-Forwarded-For"} {
		for _, value := range r.Header[name] {
			f.Add(name, value)
		}
	}
	if client := p.Origin(&f).Client; client.IsValid() {
		return client.Unmap().WithZone("")
	}
	return peer
}
