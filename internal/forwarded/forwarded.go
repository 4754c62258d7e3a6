// Package forwarded finds out what a request was when its client sent it, from what the proxies that it came through say.
package forwarded

import (
	"net/netip"
	"slices"
	"strings"
)

// Origin is what trusted proxies say about the request as the client sent it. What is not known is zero. The strings may be
// views of the header.
type Origin struct {
	Client netip.Addr
	Scheme string // "http" or "https"
	Host   string
}

// Fields are the header fields that a trusted peer sent, each with all its lines as one list (RFC 9110, 5.3). Taking the
// first line only would let a client put its own before the one that its proxy adds.
type Fields struct{ forwarded, xFor, xProto, xHost string }

// Add takes a line of the header; most say nothing of proxies.
func (f *Fields) Add(name, value string) {
	switch {
	case strings.EqualFold(name, "Forwarded"):
		f.forwarded = join(f.forwarded, value)
	case strings.EqualFold(name, "X-Forwarded-For"):
		f.xFor = join(f.xFor, value)
	case strings.EqualFold(name, "X-Forwarded-Proto"):
		f.xProto = join(f.xProto, value)
	case strings.EqualFold(name, "X-Forwarded-Host"):
		f.xHost = join(f.xHost, value)
	}
}

func join(list, value string) string {
	if list == "" {
		return value
	}
	return list + "," + value
}

// Proxies are the networks of the proxies that are believed.
type Proxies []netip.Prefix

// Trust reports whether address belongs to a trusted proxy.
func (p Proxies) Trust(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(address) })
}

// maxHops bounds how many elements of a header are looked at: a client may send as many as fit.
const maxHops = 32

// Origin reads Forwarded (RFC 7239) when there is one, else X-Forwarded-*.
//
// Each proxy adds an element at the end. From the end backwards, an element is believed as long as the address after
// it belongs to a trusted proxy; the first address that does not is the client. What stands before it, anybody could
// have sent.
func (p Proxies) Origin(f *Fields) Origin {
	if f.forwarded != "" {
		return p.forwarded(f.forwarded)
	}
	return p.xForwarded(f.xFor, f.xProto, f.xHost)
}

func (p Proxies) xForwarded(xFor, proto, host string) (o Origin) {
	hops := 0 // trusted proxies before the peer
	for rest, more := xFor, xFor != ""; more && hops < maxHops; hops++ {
		var node string
		rest, node, more = cutLast(rest)
		address, ok := parseNode(node)
		if !ok {
			break
		}
		o.Client = address
		if !p.Trust(address) {
			break
		}
	}
	o.Scheme = schemeOf(hop(proto, hops))
	o.Host = hop(host, hops)
	return o
}

func (p Proxies) forwarded(all string) (o Origin) {
	more := true
	for hops := 0; more && hops < maxHops; hops++ {
		var text string
		all, text, more = cutLast(all)
		e := parseForwarded(text)
		if s := schemeOf(e.scheme); s != "" {
			o.Scheme = s
		}
		if e.host != "" {
			o.Host = e.host
		}
		address, ok := parseNode(e.client)
		if !ok {
			break
		}
		o.Client = address
		if !p.Trust(address) {
			break
		}
	}
	return o
}

// element is a forwarded-element (RFC 7239, section 4), as it was sent.
type element struct{ client, scheme, host string }

// parseForwarded reads one element.
func parseForwarded(text string) (e element) {
	for rest := text; rest != ""; {
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
			e.client = value
		case strings.EqualFold(name, "proto"):
			e.scheme = value
		case strings.EqualFold(name, "host"):
			e.host = value
		}
	}
	return e
}

// parseNode reads an address with or without a port, an IPv6 address with or without brackets.
func parseNode(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	var a netip.Addr
	var err error
	switch inner, bracketed := strings.CutPrefix(s, "["); {
	case bracketed && strings.HasSuffix(inner, "]"):
		a, err = netip.ParseAddr(strings.TrimSuffix(inner, "]"))
	case bracketed, strings.Count(s, ":") == 1:
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(s)
		a = withPort.Addr()
	default:
		a, err = netip.ParseAddr(s)
	}
	return a, err == nil
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
