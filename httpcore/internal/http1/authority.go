package http1

// isRegName has the bytes of a registered name or IPv4 address (RFC 3986, 3.2.2) that stand for themselves, but not
// the comma: a list of hosts is somebody's attempt to be read two ways.
var isRegName = makeSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+;=")

// isIPv6 has the bytes of an IPv6 address.
var isIPv6 = makeSet("0123456789abcdefABCDEF:.")

const (
	maxPort = 65535
	// maxIPv6Bytes is the length of the longest IPv6 address in text: six groups and a dotted IPv4 address.
	maxIPv6Bytes = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
)

// authority reads uri-host[:port] (RFC 9110, 4.1 and 7.2) as its bytes come. It is stricter than the grammar: no port
// without a host, no port above 65535, no comma, no IPvFuture, and no zone in an IPv6 address, since a zone means
// something on the client's machine only.
type authority struct {
	part    authorityPart
	literal int // where the IPv6 address begins
	port    int // as far as it was read
}

type authorityPart uint8

const (
	hostStart authorityPart = iota
	hostName
	hostHex1 // after a percent sign
	hostHex2
	hostLiteral
	hostLiteralEnd
	hostPort
)

// scan takes b[pos:] up to the first byte that cannot follow, and returns where that is. An IPv6 address is judged at
// its closing bracket.
func (a *authority) scan(b []byte, pos int) int {
	for pos < len(b) {
		c := b[pos]
		switch a.part {
		case hostStart, hostName:
			for isRegName[c] {
				a.part = hostName
				if pos++; pos == len(b) {
					return pos
				}
				c = b[pos]
			}
			switch {
			case c == '%':
				a.part = hostHex1
			case c == ':' && a.part == hostName:
				a.part = hostPort
			case c == '[' && a.part == hostStart:
				a.part, a.literal = hostLiteral, pos+1
			default:
				return pos
			}
		case hostHex1, hostHex2:
			if hexDigit(c) < 0 {
				return pos
			}
			a.part++
			if a.part > hostHex2 {
				a.part = hostName
			}
		case hostLiteral:
			switch {
			case c == ']' && validIPv6(b[a.literal:pos]):
				a.part = hostLiteralEnd
			case !isIPv6[c] || pos-a.literal == maxIPv6Bytes:
				return pos
			}
		case hostLiteralEnd:
			if c != ':' {
				return pos
			}
			a.part = hostPort
		case hostPort:
			if !isDigit(c) || a.port*10+int(c-'0') > maxPort {
				return pos
			}
			a.port = a.port*10 + int(c-'0')
		}
		pos++
	}
	return pos
}

// whole reports whether what was read may be all. Nothing is whole too: a Host field may be empty.
func (a *authority) whole() bool {
	switch a.part {
	case hostStart, hostName, hostLiteralEnd, hostPort:
		return true
	}
	return false
}

// validIPv6 reports whether b is an IPv6address of RFC 3986, 3.2.2. netip.ParseAddr would allocate.
func validIPv6(b []byte) bool {
	groups, elided := 0, false
	if len(b) >= 2 && b[0] == ':' && b[1] == ':' {
		elided, b = true, b[2:]
	}
	for len(b) > 0 || !elided && groups == 0 {
		digits := 0
		for digits < len(b) && digits < 4 && hexDigit(b[digits]) >= 0 {
			digits++
		}
		if digits == 0 || groups == 8 {
			return false
		}
		if digits < len(b) && b[digits] == '.' {
			if !validIPv4(b) {
				return false
			}
			groups += 2
			break
		}
		groups++
		if b = b[digits:]; len(b) == 0 {
			break
		}
		if b[0] != ':' || len(b) == 1 {
			return false
		}
		if b = b[1:]; b[0] == ':' {
			if elided {
				return false
			}
			elided, b = true, b[1:]
		}
	}
	return groups == 8 && !elided || groups < 8 && elided
}

func validIPv4(b []byte) bool {
	for octet := range 4 {
		n, digits := 0, 0
		for digits < len(b) && digits < 3 && isDigit(b[digits]) {
			n = n*10 + int(b[digits]-'0')
			digits++
		}
		if digits == 0 || n > 255 || digits > 1 && b[0] == '0' {
			return false
		}
		b = b[digits:]
		if octet < 3 {
			if len(b) == 0 || b[0] != '.' {
				return false
			}
			b = b[1:]
		}
	}
	return len(b) == 0
}
