package httpcore_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
)

var discard = log.New(io.Discard, "", 0)

// certificate is for 127.0.0.1, signed by itself.
type certificate struct{ tls.Certificate }

func newCertificate(t testing.TB) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "test"},
		NotBefore:             time.Unix(0, 0),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:              []string{"test"},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}}
}

func (c certificate) server() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c.Certificate}}
}

func (c certificate) client() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(c.Leaf)
	return &tls.Config{RootCAs: roots, ServerName: "test"}
}

// startTLS is start with TLS, by the server's own TLSConfig.
func startTLS(t testing.TB, s *httpcore.Server) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, s, l, func(l net.Listener) error { return s.ServeTLS(l, "", "") })
}

// dialTLS connects and does the handshake.
func (s *site) dialTLS(config *tls.Config) *client {
	s.t.Helper()
	c := s.dial()
	secure := tls.Client(c.Conn, config)
	if err := secure.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	return &client{Conn: secure, t: c.t, r: bufio.NewReader(secure)}
}
