package nethttp

import (
	"crypto/tls"
	"net"

	"github.com/wirespan/wirespan/lifecycle"
)

// listener accepts connections that are reported.
type listener struct {
	net.Listener
	attached *attachment
}

// Accept implements [net.Listener]. A connection that is secured already comes as it is: net/http must recognise it.
func (l *listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if _, secured := nc.(interface{ ConnectionState() tls.ConnectionState }); secured {
		return nc, nil
	}
	return &conn{Conn: nc, attached: l.attached, acceptedNS: lifecycle.MonotonicNS()}, nil
}

// original returns the listener that the user has given, as far as it is not hidden in one for TLS.
func original(l net.Listener) net.Listener {
	if ours, ok := l.(*listener); ok {
		return ours.Listener
	}
	return l
}

// asAccepted returns the connection as the user's listener has accepted it. One with TLS stays what it is.
func asAccepted(nc net.Conn) net.Conn {
	if c, ok := nc.(*conn); ok {
		return c.Conn
	}
	return nc
}

// connOf returns the connection of ours that is below nc; nil when there is none.
func connOf(nc net.Conn) *conn {
	for {
		switch c := nc.(type) {
		case *conn:
			return c
		case *tls.Conn:
			nc = c.NetConn()
		default:
			return nil
		}
	}
}
