package httpcore_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
)

const fileSize = 5_000_000

// makeFiles makes a directory with a large file and a small one, and returns the content of the large one.
func makeFiles(t *testing.T) (dir string, content []byte) {
	t.Helper()
	dir, content = t.TempDir(), make([]byte, fileSize)
	rand.NewChaCha8([32]byte{}).Read(content)
	for name, b := range map[string][]byte{"large.bin": content, "small.txt": content[:100], "page.html": []byte("<p>")} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		when := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	return dir, content
}

func TestFileServerAnswersAsUnderNetHTTP(t *testing.T) {
	dir, _ := makeFiles(t)
	files := http.FileServer(http.Dir(dir)).ServeHTTP
	var cases []exchangeCase
	for name, fields := range map[string]string{
		"whole":            "",
		"first bytes":      "Range: bytes=0-9999\r\n",
		"some bytes":       "Range: bytes=1000000-1999999\r\n",
		"last bytes":       "Range: bytes=-5000\r\n",
		"from an offset":   "Range: bytes=4000000-\r\n",
		"one byte":         "Range: bytes=7-7\r\n",
		"unsatisfiable":    "Range: bytes=5000000-\r\n",
		"invalid range":    "Range: bytes=b-a\r\n",
		"not modified":     "If-Modified-Since: Sat, 21 Nov 2026 07:00:00 GMT\r\n",
		"modified":         "If-Modified-Since: Sat, 21 Nov 2026 06:00:00 GMT\r\nIf-Range: \"x\"\r\n",
		"failed condition": "If-Unmodified-Since: Sat, 21 Nov 2026 06:00:00 GMT\r\n",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			for _, path := range []string{"/large.bin", "/small.txt", "/page.html", "/nowhere"} {
				cases = append(cases, exchangeCase{
					name: method + " " + path + " " + name, handler: files, method: method,
					request: method + " " + path + " HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n",
				})
			}
		}
	}
	compare(t, cases)
}

// response reads the head of a response to GET.
func (c *client) response() *http.Response {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return res
}

func TestLargeFileArrivesIntact(t *testing.T) {
	dir, content := makeFiles(t)
	cert := newCertificate(t)
	const request = "GET /large.bin HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		server := func() *httpcore.Server {
			return &httpcore.Server{Engine: e, TLSConfig: cert.server(), Handler: http.FileServer(http.Dir(dir))}
		}
		for name, dial := range map[string]func() (*site, net.Conn){
			"TCP": func() (*site, net.Conn) { s := start(t, server()); return s, s.dial().Conn },
			"TLS": func() (*site, net.Conn) {
				s := startTLS(t, server())
				return s, tls.Client(s.dial().Conn, cert.client())
			},
			"Unix": func() (*site, net.Conn) {
				l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
				if err != nil {
					t.Fatal(err)
				}
				nc, err := net.Dial("unix", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				return startOn(t, server(), l), nc
			},
		} {
			s, nc := dial()
			c := &client{Conn: nc, t: t, r: bufio.NewReader(nc)}
			if r := c.send(request).recv("GET"); r.ContentLength != fileSize || r.body != string(content) {
				t.Errorf("%s: got %s with %d bytes", name, r.Status, len(r.body))
			}
			_ = nc.Close()
			if o := only[*lifecycle.ResponseCompleted](t, s.closed()); o.BytesSent != fileSize || o.Streaming {
				t.Errorf("%s: BytesSent %d, streaming %v", name, o.BytesSent, o.Streaming)
			}
		}
	})
}

// Parts that are copied from files, and what is written around them, keep their order.
func TestFilesAmongWrites(t *testing.T) {
	dir, content := makeFiles(t)
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f, err := os.Open(filepath.Join(dir, "large.bin"))
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			if r.URL.Path == "/declared" {
				w.Header().Set("Content-Length", strconv.Itoa(fileSize+8))
			}
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = io.WriteString(w, "head")
			if n, err := io.CopyN(w, f, 2_000_000); n != 2_000_000 || err != nil {
				t.Errorf("CopyN: %d, %v", n, err)
			}
			if n, err := io.Copy(w, f); n != fileSize-2_000_000 || err != nil {
				t.Errorf("Copy: %d, %v", n, err)
			}
			_, _ = io.WriteString(w, "tail")
		})})
		want := "head" + string(content) + "tail"
		for _, path := range []string{"/declared", "/chunked"} {
			c := s.dial().send(get(path) + get(path))
			for range 2 {
				if r := c.recv("GET"); r.body != want {
					t.Errorf("%s: got %d bytes, not what was written", path, len(r.body))
				}
			}
		}
	})
}

// A file that has become shorter than it was cannot be made up for.
func TestFileThatIsCutShort(t *testing.T) {
	dir, content := makeFiles(t)
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			f, err := os.Open(filepath.Join(dir, "large.bin"))
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			w.Header().Set("Content-Length", strconv.Itoa(fileSize+1))
			w.Header().Set("Content-Type", "application/octet-stream")
			if n, err := io.CopyN(w, f, fileSize+1); n != fileSize || !errors.Is(err, io.EOF) {
				t.Errorf("CopyN: %d, %v", n, err)
			}
		})})
		c := s.dial().send(get("/"))
		got, err := io.ReadAll(c.response().Body)
		if !bytes.Equal(got, content) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
		_ = c.Close()
		if code := s.failure(); code != "response_content_length_mismatch" {
			t.Errorf("RequestFailed.Code is %q", code)
		}
	})
}

// What is longer than the Content-Length is an error before a byte of it is sent.
func TestFileThatIsTooLong(t *testing.T) {
	dir, _ := makeFiles(t)
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			f, err := os.Open(filepath.Join(dir, "large.bin"))
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			w.Header().Set("Content-Length", "10000")
			w.Header().Set("Content-Type", "application/octet-stream")
			if _, err := io.CopyN(w, f, 20_000); !errors.Is(err, http.ErrContentLength) {
				t.Errorf("CopyN: %v", err)
			}
		})})
		c := s.dial().send(get("/"))
		if r := c.recv("GET"); r.StatusCode != 500 || !strings.Contains(r.body, "announced") {
			t.Errorf("got %s, %d bytes", r.Status, len(r.body))
		}
		c.eof()
	})
}
