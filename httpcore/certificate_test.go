package httpcore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// makePair returns a new self-signed certificate with this name, and its key, in PEM.
func makePair(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{"wirespan.example"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func writeFile(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// certificateFiles are the two files of a Certificate.
type certificateFiles struct {
	t         *testing.T
	cert, key string
}

// newCertificateFiles writes a pair with this name.
func newCertificateFiles(t *testing.T, name string) certificateFiles {
	dir := t.TempDir()
	f := certificateFiles{t, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	f.write(makePair(t, name))
	return f
}

func (f certificateFiles) write(cert, key []byte) {
	f.t.Helper()
	writeFile(f.t, f.cert, cert)
	writeFile(f.t, f.key, key)
}

func (f certificateFiles) load() *Certificate {
	f.t.Helper()
	c, err := LoadCertificate(f.cert, f.key)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// age makes the files look as if they had been written some minutes ago, and c as if it had read them then.
func (f certificateFiles) age(c *Certificate, at time.Time) {
	f.t.Helper()
	for _, name := range []string{f.cert, f.key} {
		if err := os.Chtimes(name, at, at); err != nil {
			f.t.Fatal(err)
		}
	}
	if changed, err := c.Reload(); changed || err != nil {
		f.t.Fatalf("Reload of files that were touched: %t, %v", changed, err)
	}
}

func nameOf(t *testing.T, c *Certificate) string {
	t.Helper()
	pair, err := c.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf.Subject.CommonName
}

// reload checks what Reload reports and which certificate is then in use.
func reload(t *testing.T, c *Certificate, wantChanged bool, wantName string) {
	t.Helper()
	changed, err := c.Reload()
	if err != nil || changed != wantChanged {
		t.Errorf("Reload: %t, %v; want %t", changed, err, wantChanged)
	}
	if got := nameOf(t, c); got != wantName {
		t.Errorf("the certificate in use is %q, want %q", got, wantName)
	}
}

func TestCertificateReload(t *testing.T) {
	f := newCertificateFiles(t, "first")
	c := f.load()
	reload(t, c, false, "first")
	f.write(makePair(t, "second"))
	reload(t, c, true, "second")
	reload(t, c, false, "second")
}

// TestCertificateReloadOfTheSameSizeAndTime replaces the content so that nothing but the content tells.
func TestCertificateReloadOfTheSameSizeAndTime(t *testing.T) {
	f := newCertificateFiles(t, "first")
	c := f.load()
	before, err := os.Stat(f.cert)
	if err != nil {
		t.Fatal(err)
	}
	for {
		cert, key := makePair(t, "later")
		if int64(len(cert)) != before.Size() { // signatures vary in length
			continue
		}
		f.write(cert, key)
		break
	}
	for _, name := range []string{f.cert, f.key} {
		if err := os.Chtimes(name, before.ModTime(), before.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	reload(t, c, true, "later")
}

// TestCertificateReloadReadsNothingTwice: files that have been as they are for a while are not opened again.
func TestCertificateReloadReadsNothingTwice(t *testing.T) {
	f := newCertificateFiles(t, "first")
	c := f.load()
	long := time.Now().Add(-time.Hour)
	f.age(c, long)
	readAt := c.cert.readAt
	reload(t, c, false, "first")
	if !c.cert.readAt.Equal(readAt) {
		t.Error("the certificate was read although nothing had changed")
	}
	f.write(makePair(t, "second"))
	reload(t, c, true, "second")
}

func TestCertificateOutlivesABadPair(t *testing.T) {
	f := newCertificateFiles(t, "first")
	c := f.load()
	secondCert, secondKey := makePair(t, "second")
	for _, bad := range []struct {
		name string
		make func()
		want []string
	}{
		{"only the certificate replaced yet", func() { writeFile(t, f.cert, secondCert) }, []string{f.cert, f.key, "does not match"}},
		{"certificate cut short", func() { writeFile(t, f.cert, secondCert[:40]) }, []string{f.cert}},
		{"certificate empty", func() { writeFile(t, f.cert, nil) }, []string{f.cert, "certificate input"}},
		{"certificate gone", func() { _ = os.Remove(f.cert) }, []string{f.cert, "no such file"}},
		{"key gone", func() { writeFile(t, f.cert, secondCert); _ = os.Remove(f.key) }, []string{f.key, "no such file"}},
		{"key is a directory", func() { _ = os.Mkdir(f.key, 0o700) }, []string{f.key, "is a directory"}},
	} {
		bad.make()
		for range 2 { // it fails for as long as the reason lasts
			changed, err := c.Reload()
			if changed || err == nil {
				t.Errorf("%s: Reload: %t, %v", bad.name, changed, err)
				continue
			}
			for _, want := range bad.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %q does not say %q", bad.name, err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %q is more than one sentence", bad.name, err)
			}
		}
		if got := nameOf(t, c); got != "first" {
			t.Errorf("%s: the certificate in use is %q", bad.name, got)
		}
	}
	_ = os.Remove(f.key)
	writeFile(t, f.key, secondKey)
	reload(t, c, true, "second")
}

// TestCertificateOfKubernetes switches the symbolic link ..data, through which a mounted secret is seen.
func TestCertificateOfKubernetes(t *testing.T) {
	dir := t.TempDir()
	mount := func(version, name string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		cert, key := makePair(t, name)
		writeFile(t, filepath.Join(dir, version, "tls.crt"), cert)
		writeFile(t, filepath.Join(dir, version, "tls.key"), key)
		link := filepath.Join(dir, "..data")
		if err := os.Symlink(version, link+"_tmp"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+"_tmp", link); err != nil {
			t.Fatal(err)
		}
	}
	mount("..2026_1", "first")
	f := certificateFiles{t, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	c := f.load()
	f.age(c, time.Now().Add(-time.Hour))
	mount("..2026_2", "second")
	reload(t, c, true, "second")
	if err := os.RemoveAll(filepath.Join(dir, "..2026_1")); err != nil {
		t.Fatal(err)
	}
	reload(t, c, false, "second")
}

func TestCertificateInOneFile(t *testing.T) {
	cert, key := makePair(t, "both")
	name := filepath.Join(t.TempDir(), "both.pem")
	writeFile(t, name, append(cert, key...))
	c, err := LoadCertificate(name, name)
	if err != nil {
		t.Fatal(err)
	}
	if got := nameOf(t, c); got != "both" {
		t.Errorf("the certificate in use is %q", got)
	}
}

func TestLoadCertificateFails(t *testing.T) {
	f := newCertificateFiles(t, "name")
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for _, c := range []struct{ name, cert, key, want string }{
		{"no certificate", missing, f.key, "httpcore: read the certificate: open " + missing + ": no such file or directory"},
		{"no key", f.cert, missing, "httpcore: read the certificate's key: open " + missing + ": no such file or directory"},
		{"exchanged", f.key, f.cert, "httpcore: use the certificate " + f.key + " with the key " + f.cert + ": tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"},
	} {
		if _, err := LoadCertificate(c.cert, c.key); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// TestCertificateServesHandshakes replaces the certificate while clients shake hands.
func TestCertificateServesHandshakes(t *testing.T) {
	f := newCertificateFiles(t, "first")
	c := f.load()
	handshake := func() string {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		server := tls.Server(far, &tls.Config{GetCertificate: c.GetCertificate, SessionTicketsDisabled: true})
		served := make(chan error, 1)
		go func() { served <- server.Handshake() }()
		client := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
		if err := client.Handshake(); err != nil {
			t.Error(err)
			return ""
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		return client.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range 10 {
				if name := handshake(); name != "first" && name != "second" {
					t.Errorf("a client saw the certificate %q", name)
				}
			}
		})
	}
	f.write(makePair(t, "second"))
	var reloads sync.WaitGroup
	for range 2 {
		reloads.Go(func() {
			if _, err := c.Reload(); err != nil {
				t.Error(err)
			}
		})
	}
	reloads.Wait()
	if name := handshake(); name != "second" {
		t.Errorf("after Reload a client saw the certificate %q", name)
	}
	clients.Wait()
}
