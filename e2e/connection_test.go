package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// keepAlive asks for the paths one after the other on one connection, and closes it.
func keepAlive(t *testing.T, config *tls.Config, urls ...string) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config, MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	for _, url := range urls {
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("GET %s: %s", url, resp.Status)
		}
	}
}

func TestConnectionIsASpan(t *testing.T) {
	t.Parallel()
	w := demo(t)
	keepAlive(t, nil, w.url+"/users/1", w.url+"/users/2", w.url+"/users/3")
	requests := []*sink.Span{w.request(t, "/users/1"), w.request(t, "/users/2"), w.request(t, "/users/3")}
	c := w.connection(t, requests[0])
	checkUnset(t, c)
	checkAttrs(t, c, map[string]any{
		"network.transport":                 "tcp",
		"network.peer.address":              "127.0.0.1",
		"wirespan.connection.request_count": int64(3),
		"wirespan.connection.close_reason":  "complete",
	})
	if c.ParentID() != "" || len(c.Links) != 0 {
		t.Errorf("a connection is a root without links: %v", c)
	}
	for i, s := range requests {
		if again := w.connection(t, s); again != c {
			t.Errorf("request %d is on another connection: %v", i+1, again)
		}
		checkAttrs(t, s, map[string]any{
			"wirespan.connection.id":            c.Attrs["wirespan.connection.id"],
			"wirespan.connection.request_index": int64(i + 1),
			"network.peer.port":                 c.Attrs["network.peer.port"],
		})
		if link := sink.Attributes(s.Links[0].Attributes); link["wirespan.link.type"] != "connection" {
			t.Errorf("attributes of the link: %v", link)
		}
		if s.TraceID() == c.TraceID() || i > 0 && s.TraceID() == requests[i-1].TraceID() {
			t.Errorf("each request, and the connection, is a trace of its own: %v", s)
		}
		if s.Start().Before(c.Start()) || s.End().After(c.End()) {
			t.Errorf("the request is from %v to %v, the connection from %v to %v", s.Start(), s.End(), c.Start(), c.End())
		}
	}
	if n := len(w.finish(t)); n != 3+3+1 {
		t.Errorf("%d spans, want three requests, three children and a connection", n)
	}
}

func TestTLSHandshakeIsASpan(t *testing.T) {
	t.Parallel()
	certificate, key, roots := newCertificate(t)
	w := demo(t, "--tls-cert", certificate, "--tls-key", key)
	keepAlive(t, &tls.Config{RootCAs: roots}, w.url+"/users/1", w.url+"/chain")
	s := w.request(t, "/users/1")
	checkAttrs(t, s, map[string]any{"url.scheme": "https", "tls.protocol.version": "1.3"})
	c := w.connection(t, s)
	h := w.child(t, c, "TLS server handshake")
	checkUnset(t, h)
	checkAttrs(t, h, map[string]any{"tls.protocol.name": "tls", "tls.protocol.version": "1.3"})
	if h.Start().Before(c.Start()) || h.End().After(s.Start()) {
		t.Errorf("the handshake is from %v to %v, the connection from %v, and the request starts at %v", h.Start(), h.End(), c.Start(), s.Start())
	}
}

// newCertificate makes a certificate for 127.0.0.1, and returns the files of it and of its key, and who trusts it.
func newCertificate(t *testing.T) (certificate, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(encoded)
	return writeFile(t, "cert.pem", string(encoded)),
		writeFile(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))), roots
}
