package httpcore

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Certificate is a certificate with its private key, from two PEM files that may be replaced while it is in use.
// Its methods may be called from any goroutine.
type Certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]

	mu        sync.Mutex // one reload at a time; guards what follows
	cert, key fileState  // what current was made from
}

// fileState is what a file was like when it was read.
type fileState struct {
	info   os.FileInfo
	sum    [sha256.Size]byte
	readAt time.Time
}

// racyAge is how old a change must be for its time to tell it from the next one: file systems keep times of up to two
// seconds.
const racyAge = 3 * time.Second

// LoadCertificate reads the certificate, followed by its intermediates, from certFile and the key from keyFile. The two
// may be one file.
func LoadCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	if _, err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// GetCertificate is for [tls.Config.GetCertificate]: it returns the current certificate whatever the client asks for,
// and never fails.
func (c *Certificate) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

// Reload looks whether the files have changed, and reports whether there is a new certificate for the handshakes from now
// on. On an error, as when only one of the two files has been replaced yet, the old certificate stays; the next Reload
// tries again, and fails again for as long as the reason lasts.
//
// It is cheap enough to be called every few seconds. Files that were replaced by a rename or by switching a symbolic link
// above them are noticed too; files that were only touched are no change.
func (c *Certificate) Reload() (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cert.holds(c.certFile) && c.key.holds(c.keyFile) {
		return false, nil
	}
	return c.load()
}

// holds reports whether the file of this name is certainly still as it was read.
func (s *fileState) holds(name string) bool {
	now, err := os.Stat(name)
	return err == nil &&
		os.SameFile(now, s.info) &&
		now.Size() == s.info.Size() &&
		now.ModTime().Equal(s.info.ModTime()) &&
		s.readAt.Sub(now.ModTime()) > racyAge
}

// load reads both files, and replaces the current certificate if they hold another one.
func (c *Certificate) load() (changed bool, err error) {
	certPEM, cert, err := readState(c.certFile)
	if err != nil {
		return false, fmt.Errorf("httpcore: read the certificate: %w", err)
	}
	keyPEM, key, err := readState(c.keyFile)
	if err != nil {
		return false, fmt.Errorf("httpcore: read the certificate's key: %w", err)
	}
	if c.current.Load() == nil || cert.sum != c.cert.sum || key.sum != c.key.sum {
		pair, err := tls.X509KeyPair(certPEM, keyPEM)
		if err != nil {
			return false, fmt.Errorf("httpcore: use the certificate %s with the key %s: %w", c.certFile, c.keyFile, err)
		}
		c.current.Store(&pair)
		changed = true
	}
	c.cert, c.key = cert, key
	return changed, nil
}

func readState(name string) ([]byte, fileState, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fileState{}, err
	}
	defer f.Close()
	readAt := time.Now()
	info, err := f.Stat() // before the content: a change in between is then noticed the next time
	if err != nil {
		return nil, fileState{}, err
	}
	content, err := io.ReadAll(f)
	if err != nil {
		return nil, fileState{}, err
	}
	return content, fileState{info: info, sum: sha256.Sum256(content), readAt: readAt}, nil
}
