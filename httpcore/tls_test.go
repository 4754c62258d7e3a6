package httpcore_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
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
	if s.Engine == httpcore.EngineEpoll {
		s.Engine = httpcore.EngineAuto // it leaves TLS to the other one
	}
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

func TestTLS(t *testing.T) {
	cert := newCertificate(t)
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := startTLS(t, &httpcore.Server{Engine: e, TLSConfig: cert.server(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.TLS == nil || !r.TLS.HandshakeComplete || r.TLS.NegotiatedProtocol != "http/1.1" || r.TLS.ServerName != "test" {
				t.Errorf("Request.TLS is %+v", r.TLS)
			}
			readAll(w, r)
		})})
		config := cert.client()
		config.NextProtos = []string{"h2", "http/1.1"}
		c := s.dialTLS(config)
		body := strings.Repeat("0123456789", 100_000)
		for range 3 {
			c.send(post + "Content-Length: 1000000\r\n\r\n" + body)
			if r := c.recv("POST"); r.body != body {
				t.Errorf("%s with %d bytes", r.Status, len(r.body))
			}
		}
		_ = c.Close()
		waitClosed(t, s.rec)
		events := s.rec.Events()
		o := lifecycletest.Of[*lifecycle.ConnectionOpened](events)[0]
		if o.TLS == nil || o.TLS.NegotiatedProtocol != "http/1.1" || o.AcceptedNS > o.HandshakeStartNS || o.HandshakeStartNS >= o.HandshakeEndNS || o.HandshakeEndNS > o.TimestampNS {
			t.Errorf("got %+v", o)
		}
		for _, r := range lifecycletest.Of[*lifecycle.RequestStarted](events) {
			if r.Scheme != "https" {
				t.Errorf("the scheme is %q", r.Scheme)
			}
		}
	})
}

func TestTLSOffersHTTP1Only(t *testing.T) {
	cert := newCertificate(t)
	theirs := cert.server()
	theirs.NextProtos = []string{"h2", "http/1.1"}
	s := startTLS(t, &httpcore.Server{TLSConfig: theirs, Handler: http.HandlerFunc(hello)})
	if len(theirs.NextProtos) != 2 {
		t.Error("the caller's TLSConfig was changed")
	}
	for _, c := range []struct {
		offers []string
		want   string
	}{{nil, ""}, {[]string{"http/1.1"}, "http/1.1"}, {[]string{"h2", "http/1.1"}, "http/1.1"}} {
		config := cert.client()
		config.NextProtos = c.offers
		client := s.dialTLS(config)
		if got := client.Conn.(*tls.Conn).ConnectionState().NegotiatedProtocol; got != c.want {
			t.Errorf("of %q the server took %q", c.offers, got)
		}
		client.send(get("/")).recv("GET")
	}
	config := cert.client()
	config.NextProtos = []string{"h2"}
	nc, err := tls.Dial("tcp", s.addr, config)
	if err == nil {
		_ = nc.Close()
		t.Error("a client that has only h2 was served")
	}
	e := s.waitFor(lifecycletest.AtLeast[*lifecycle.TLSHandshakeFailed](1))
	if f := lifecycletest.Of[*lifecycle.TLSHandshakeFailed](e)[0]; f.Err == nil || !strings.Contains(f.Err.Error(), "application protocol") {
		t.Errorf("got %+v", f)
	}
}

func TestTLSHandshakeThatFails(t *testing.T) {
	cert := newCertificate(t)
	for name, f := range map[string]func(c *client){
		"garbage": func(c *client) { c.send(strings.Repeat("\xff", 100)) },
		"the end": func(c *client) { c.closeWrite() },
		"a reset": func(c *client) { c.reset() },
		"an alert": func(c *client) {
			config := cert.client()
			config.RootCAs = x509.NewCertPool() // the certificate is not trusted
			_ = tls.Client(c.Conn, config).Handshake()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := startTLS(t, &httpcore.Server{TLSConfig: cert.server(), Handler: http.HandlerFunc(hello)})
			c := s.dial()
			f(c)
			events := s.waitFor(lifecycletest.AtLeast[*lifecycle.TLSHandshakeFailed](1))
			if names := lifecycletest.Names(events); names != "TLSHandshakeFailed" {
				t.Errorf("the events are %s", names)
			}
			e := events[0].(*lifecycle.TLSHandshakeFailed)
			if e.Err == nil || e.ClientAddr != "127.0.0.1" || e.ClientPort == 0 || e.AcceptedNS > e.HandshakeStartNS || e.HandshakeStartNS > e.TimestampNS {
				t.Errorf("got %+v", e)
			}
			// The next one is served.
			s.dialTLS(cert.client()).send(get("/")).recv("GET")
		})
	}
}

func TestPlainHTTPToTheTLSPort(t *testing.T) {
	cert := newCertificate(t)
	s := startTLS(t, &httpcore.Server{TLSConfig: cert.server(), Handler: http.HandlerFunc(hello)})
	for i, method := range []string{"GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "PATCH"} {
		c := s.dial().send(method + " / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n")
		_, _ = c.Write(make([]byte, 100_000)) // which is read, so that the answer arrives
		r := c.recv(method)
		if r.StatusCode != 400 || r.Header.Get("X-Wirespan-Error") != "tls_expected" || r.Header.Get("Content-Type") != "text/plain; charset=utf-8" || r.Header.Get("Date") == "" || !r.Close {
			t.Errorf("%s: %s %v, close %v", method, r.Status, r.Header, r.Close)
		}
		if (method == "HEAD") != (r.body == "") {
			t.Errorf("%s: the body is %q", method, r.body)
		}
		c.eof()
		_ = c.Close()
		s.waitFor(lifecycletest.AtLeast[*lifecycle.TLSHandshakeFailed](i + 1))
	}
}

// A certificate that is replaced is used for the next handshakes, without a restart.
func TestTLSCertificateIsReloaded(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	write := func(c certificate) {
		key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: c.Certificate.Certificate[0]}, keyFile: {Type: "PRIVATE KEY", Bytes: key}} {
			if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	first, second := newCertificate(t), newCertificate(t)
	write(first)
	synctest.Test(t, func(t *testing.T) {
		enterBubble(t)
		l := newMemoryListener()
		s := serveHello()
		b := bubble{startWith(t, s, l, func(l net.Listener) error { return s.ServeTLS(l, certFile, keyFile) }), l}
		serial := func() *big.Int {
			c := tls.Client(l.connect(window), &tls.Config{InsecureSkipVerify: true}) // which certificate it is, is compared
			defer c.Close()
			if err := c.Handshake(); err != nil {
				t.Fatal(err)
			}
			return c.ConnectionState().PeerCertificates[0].SerialNumber
		}
		if got := serial(); got.Cmp(first.Leaf.SerialNumber) != 0 {
			t.Errorf("the serial number is %v", got)
		}
		old := tls.Client(l.connect(window), &tls.Config{InsecureSkipVerify: true})
		if err := old.Handshake(); err != nil {
			t.Fatal(err)
		}
		write(second)
		time.Sleep(6 * time.Second)
		if got := serial(); got.Cmp(second.Leaf.SerialNumber) != 0 {
			t.Errorf("after the replacement the serial number is %v", got)
		}
		// A connection that is open stays so.
		c := &client{Conn: old, t: t, r: bufio.NewReader(old)}
		c.send(get("/")).recv("GET")
		_ = c.Close()
		// Half a replacement changes nothing.
		if err := os.WriteFile(certFile, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		if got := serial(); got.Cmp(second.Leaf.SerialNumber) != 0 {
			t.Errorf("after half a replacement the serial number is %v", got)
		}
		_ = b.Close()
	})
}

func TestTLSWithoutACertificate(t *testing.T) {
	for name, serve := range map[string]func(l net.Listener) error{
		"none":       func(l net.Listener) error { return serveHello().ServeTLS(l, "", "") },
		"no files":   func(l net.Listener) error { return serveHello().ServeTLS(l, "no-such-file", "no-such-file") },
		"at address": func(net.Listener) error { return httpcore.ListenAndServeTLS("127.0.0.1:0", "no-such-file", "", nil) },
	} {
		l := newMemoryListener()
		if err := serve(l); err == nil || !strings.HasPrefix(err.Error(), "httpcore: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The end of a response over TLS is a close_notify: without one, a client must take it for cut off.
func TestTLSEndsWithACloseNotify(t *testing.T) {
	cert := newCertificate(t)
	s := startTLS(t, &httpcore.Server{TLSConfig: cert.server(), Handler: large(600_000)})
	for _, request := range []string{"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "bad\r\n\r\n"} {
		c := s.dialTLS(cert.client()).send(request)
		_, _ = io.WriteString(c.Conn, strings.Repeat(get("/"), 10_000))
		c.recv("GET")
		c.eof() // crypto/tls returns io.ErrUnexpectedEOF without it
	}
}

// A peer that does not read holds neither the end of a connection nor Shutdown, however long a write may take.
func TestTLSCloseDoesNotWaitForEver(t *testing.T) {
	cert := newCertificate(t)
	synctest.Test(t, func(t *testing.T) {
		enterBubble(t)
		l := newMemoryListener()
		s := &httpcore.Server{Handler: http.HandlerFunc(hello), TLSConfig: cert.server(), IdleTimeout: time.Minute, WriteTimeout: -1}
		b := bubble{startWith(t, s, l, func(l net.Listener) error { return s.ServeTLS(l, "", "") }), l}
		raw := l.connect(2000)
		c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		raw.in.mu.Lock()
		raw.in.window = 0 // from now on nothing arrives
		raw.in.mu.Unlock()
		start := time.Now()
		b.wantEnd(lifecycle.ReasonTimeout, "")
		took(t, start, time.Minute+5*time.Second) // crypto/tls gives the close_notify 5 s
		_ = raw.Close()
	})
}
