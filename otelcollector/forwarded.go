package otelcollector

import (
	"net/netip"
	"strings"

	"github.com/wirespan/wirespan/lifecycle"
)

// origin is what trusted proxies say about the request as the client sent it. Empty parts are not known. The strings
// may be views of the header.
type origin struct {
	client string // an address
	scheme string // "http" or "https"
	host   string
}

// trusts reports whether address belongs to a trusted proxy.
func (c *Collector) trusts(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	for _, p := range c.trusted {
		if p.Contains(address) {
			return true
		}
	}
	return false
}

// maxHops bounds how many elements of a header are looked at: a client may send as many as fit.
const maxHops = 32

// origin reads the header that a trusted peer sent: Forwarded (RFC 7239) when there is one, else X-Forwarded-*.
//
// Each proxy adds an element at the end. From the end backwards, an element is believed as long as the address after
// it belongs to a trusted proxy; the first address that does not is the client. What stands before it, anybody could
// have sent.
func (c *Collector) origin(fields lifecycle.Fields) origin {
	if fields == nil {
		return origin{}
	}
	var forwarded, xFor, xProto, xHost string
	for name, value := range fields.All() {
		// All lines of a field are one list (RFC 9110, 5.3). Taking the first line only would let a client put its
		// own before the one that its proxy adds.
		switch {
		case strings.EqualFold(name, "Forwarded"):
			forwarded = join(forwarded, value)
		case strings.EqualFold(name, "X-Forwarded-For"):
			xFor = join(xFor, value)
		case strings.EqualFold(name, "X-Forwarded-Proto"):
			xProto = join(xProto, value)
		case strings.EqualFold(name, "X-Forwarded-Host"):
			xHost = join(xHost, value)
		}
	}
	if forwarded != "" {
		return c.forwarded(forwarded)
	}
	return c.xForwarded(xFor, xProto, xHost)
}

func join(list, value string) string {
	if list == "" {
		return value
	}
	return list + "," + value
}

func (c *Collector) xForwarded(xFor, proto, host string) (o origin) {
	hops := 0 // trusted proxies before the peer
	for rest, more := xFor, xFor != ""; more && hops < maxHops; hops++ {
		var element string
		rest, element, more = cutLast(rest)
		address, ok := parseNode(element)
		if !ok {
			break
		}
		o.client = address.String()
		if !c.trusts(address) {
			break
		}
	}
	o.scheme = schemeOf(hop(proto, hops))
	o.host = hop(host, hops)
	return o
}

func (c *Collector) forwarded(all string) (o origin) {
	more := true
	for hops := 0; more && hops < maxHops; hops++ {
		var element string
		all, element, more = cutLast(all)
		e := parseForwarded(element)
		if s := schemeOf(e.scheme); s != "" {
			o.scheme = s
		}
		if e.host != "" {
			o.host = e.host
		}
		address, ok := parseNode(e.client)
		if !ok {
			break
		}
		o.client = address.String()
		if !c.trusts(address) {
			break
		}
	}
	return o
}

// parseForwarded reads one forwarded-element.
func parseForwarded(element string) (o origin) {
	for rest := element; rest != ""; {
		pair := rest
		if i := indexUnquoted(rest, ';'); i >= 0 {
			pair, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = strings.TrimSpace(name), unquote(strings.TrimSpace(value))
		switch {
		case strings.EqualFold(name, "for"):
			o.client = value
		case strings.EqualFold(name, "proto"):
			o.scheme = value
		case strings.EqualFold(name, "host"):
			o.host = value
		}
	}
	return o
}

// parseNode reads an address with or without a port, an IPv6 address with or without brackets.
func parseNode(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if a, err := netip.ParseAddr(s); err == nil {
		return a, true
	}
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Addr(), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]")); err == nil {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func schemeOf(s string) string {
	switch {
	case strings.EqualFold(s, "http"):
		return "http"
	case strings.EqualFold(s, "https"):
		return "https"
	}
	return ""
}

// hop returns the element that is n before the last one, or the first when there are fewer.
func hop(list string, n int) string {
	for {
		rest, element, more := cutLast(list)
		if n == 0 || !more {
			return element
		}
		list = rest
		n--
	}
}

// cutLast splits a comma-separated list before its last element.
func cutLast(list string) (rest, element string, more bool) {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == ',' && strings.Count(list[:i], `"`)%2 == 0 {
			return list[:i], strings.TrimSpace(list[i+1:]), true
		}
	}
	return "", strings.TrimSpace(list), false
}

func indexUnquoted(s string, c byte) int {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == c && !quoted:
			return i
		}
	}
	return -1
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}
