package main

import (
	"net"
	"net/http"
	"net/http/httputil"
	"strings"

	"github.com/wirespan/wirespan/internal/forwarded"
)

// forwarder tells the application behind a proxy who called: what the client itself claims is believed, and passed
// on, only when the client is a trusted proxy.
type forwarder struct{ trusted forwarded.Proxies }

// set fills in X-Forwarded-For, -Host and -Proto, and continues the Forwarded field where there is one.
// ReverseProxy has taken those of the client out of p.Out already.
func (f forwarder) set(p *httputil.ProxyRequest) {
	if _, trusted := f.trusted.Peer(p.In); !trusted {
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
