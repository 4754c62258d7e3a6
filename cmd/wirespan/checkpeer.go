package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"time"
)

// probeTimeout bounds the inspection of a receiver after an upload that failed.
const probeTimeout = 5 * time.Second

// peer is what can be learnt about a receiver from the outside, without telling it anything.
type peer struct {
	lookup error // of the name
	dial   error
	tls    bool   // it takes a TLS handshake
	trust  error  // why its certificate is not to be trusted
	speaks string // "HTTP/1" or "HTTP/2"; empty: neither, or it says nothing
}

// inspect looks at the receiver at u. It sends no header and no certificate: whoever sits there learns nothing.
// roots are the authorities that are trusted; nil is those of the system.
func inspect(ctx context.Context, u *url.URL, roots *x509.CertPool) peer {
	var p peer
	address, network := net.JoinHostPort(u.Hostname(), strconv.Itoa(portOf(u))), "tcp"
	if u.Scheme == "unix" {
		address, network = u.Opaque+u.Path, "unix"
	} else if _, p.lookup = net.DefaultResolver.LookupHost(ctx, u.Hostname()); p.lookup != nil {
		return p
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		p.dial = err
		return p
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	secure := tls.Client(conn, &tls.Config{
		ServerName: u.Hostname(),
		NextProtos: []string{"h2", "http/1.1"},
		// Trust is told apart from all else: nothing is sent over it but the question which protocol it is.
		InsecureSkipVerify: true,
		VerifyConnection: func(c tls.ConnectionState) error {
			p.trust = verify(c, u.Hostname(), roots)
			return nil
		},
	})
	switch err := handshake(ctx, secure); {
	case err == nil:
		p.tls = true
		p.speaks = protocolOf(secure)
		return p
	case isAlert(err):
		p.tls = true // it refuses us, but in TLS
		return p
	}
	plain, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return p // it took the first one, so this says nothing about the address
	}
	defer plain.Close()
	defer context.AfterFunc(ctx, func() { plain.Close() })()
	p.speaks = protocolOf(plain)
	return p
}

// handshake may take half of the time that ctx leaves: a peer that does not speak TLS may also just keep quiet.
func handshake(ctx context.Context, conn *tls.Conn) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	return conn.HandshakeContext(ctx)
}

// verify judges a chain as crypto/tls would have.
func verify(c tls.ConnectionState, name string, roots *x509.CertPool) error {
	o := x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: x509.NewCertPool()}
	for _, cert := range c.PeerCertificates[1:] {
		o.Intermediates.AddCert(cert)
	}
	_, err := c.PeerCertificates[0].Verify(o)
	return err
}

func isAlert(err error) bool {
	var alert tls.AlertError
	return errors.As(err, &alert)
}

// protocolOf opens an HTTP/2 connection (RFC 9113, section 3.4): a peer that speaks it answers with SETTINGS, one that
// speaks HTTP/1 with a status line, for it takes the preface for a request.
func protocolOf(conn net.Conn) string {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	settings := string([]byte{0, 0, 0, frameSettings, 0, 0, 0, 0, 0})
	if _, err := io.WriteString(conn, preface+settings); err != nil {
		return ""
	}
	var head [9]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return ""
	}
	switch {
	case string(head[:7]) == "HTTP/1.":
		return "HTTP/1"
	case head[3] == frameSettings:
		return "HTTP/2"
	}
	return ""
}

// frameSettings is the type of HTTP/2's SETTINGS frame.
const frameSettings = 4
