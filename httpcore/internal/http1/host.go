package http1

import "net/netip"

// isRegName has the bytes of a registered name or IPv4 address (RFC 3986, 3.2.2) but the comma: a list of hosts is
// somebody's attempt to be read two ways.
var isRegName = makeSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!$&'()*+;=")

// validHost reports whether b is uri-host[:port] (RFC 9110, 7.2). Empty is valid.
func validHost(b []byte) bool {
	if len(b) > 0 && b[0] == '[' {
		return validLiteral(b)
	}
	for i, c := range b {
		if c == ':' {
			return i > 0 && allDigits(b[i+1:])
		}
		if !isRegName[c] {
			return false
		}
	}
	return true
}

func validLiteral(b []byte) bool {
	for i, c := range b {
		if c != ']' {
			continue
		}
		addr, err := netip.ParseAddr(string(b[1:i]))
		if err != nil || !addr.Is6() {
			return false
		}
		rest := b[i+1:]
		return len(rest) == 0 || rest[0] == ':' && allDigits(rest[1:])
	}
	return false
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) <= 5
}
