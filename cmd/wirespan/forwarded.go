package main

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strings"
)

// forwarder tells the application behind a proxy who called: what the client itself claims is believed, and passed
// on, only when the client is a trusted proxy.
type forwarder struct{ trusted []netip.Prefix }

// set fills in X-Forwarded-For, -Host and -Proto, and continues the Forwarded field where there is one.
// ReverseProxy has taken those of the client out of p.Out already.
func (f forwarder) set(p *httputil.ProxyRequest) {
	if !f.trusts(p.In) {
		p.SetXForwarded()
		return
	}
	p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
	p.SetXForwarded() // adds the client to the list
	for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port"} {
		if values := p.In.Header.Values(name); len(values) > 0 {
			p.Out.Header[name] = values
		}
	}
	if values := p.In.Header.Values("Forwarded"); len(values) > 0 {
		p.Out.Header.Set("Forwarded", strings.Join(values, ", ")+", "+forwardedElement(p.In))
	}
}

// trusts follows otelcollector.Config.TrustedProxies: where any proxy is trusted, a peer on a Unix socket is too.
func (f forwarder) trusts(r *http.Request) bool {
	if _, isUnix := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr); isUnix {
		return len(f.trusted) > 0
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	for _, p := range f.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// forwardedElement describes the request as this proxy got it (RFC 7239, section 4).
func forwardedElement(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = "unknown"
	}
	if strings.Contains(host, ":") {
		host = `"[` + host + `]"` // an IPv6 address is quoted (section 6)
	}
	proto := "http"
	if r.TLS != nil {
		proto = "https"
	}
	return "for=" + host + ";proto=" + proto
}
