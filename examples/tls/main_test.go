package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/wirespan/wirespan/examples/internal/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestCertificateIsTrustedAndRemoved(t *testing.T) {
	dir := t.TempDir()
	example := exampletest.Start(t, []string{"TMPDIR=" + dir})
	found, err := filepath.Glob(filepath.Join(dir, "wirespan-tls-*", "cert.pem"))
	if len(found) != 1 || err != nil {
		t.Fatalf("the certificate is one of %q, %v", found, err)
	}
	pem, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("there is no certificate in %s", pem)
	}
	example.Client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}

	resp, err := example.Client.Get("https://localhost/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if got, want := string(body), "Hello over TLS 1.3!\n"; got != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if output, err := example.Interrupt(t); err != nil {
		t.Errorf("the example ended with %v:\n%s", err, output)
	}
	if left, err := os.ReadDir(dir); len(left) != 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
