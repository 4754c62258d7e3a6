package httpcore_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
)

// Encodings are the handler's: the server adds none to what would gain by it, and changes nothing of what is encoded, whichever
// way it goes.
func TestEncodingsAreTheHandlers(t *testing.T) {
	plain := strings.Repeat("<p>the same again</p>", 5000)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, plain)
	_ = z.Close()

	mux := http.NewServeMux()
	mux.HandleFunc("/plain", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, plain)
	})
	mux.HandleFunc("/zipped", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(zipped.Bytes())
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", r.Header.Get("Content-Encoding"))
		_, _ = io.Copy(w, r.Body)
	})
	inMemory := httpcore.SyncHandlerFunc(func(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
		switch r.Path() {
		case "/sync/plain":
			w.SetBodyString(plain)
		case "/sync/zipped":
			w.SetHeader("Content-Encoding", "gzip")
			w.SetBody(zipped.Bytes())
		default:
			return false
		}
		return true
	})
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Sync: inMemory, Handler: mux})
		const accept = " HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
		upload := "POST /echo" + accept + "Content-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(zipped.Len()) + "\r\n\r\n" + zipped.String()
		for _, c := range []struct{ request, encoding, body string }{
			{"GET /plain" + accept + "\r\n", "", plain},
			{"GET /zipped" + accept + "\r\n", "gzip", zipped.String()},
			{"GET /zipped HTTP/1.1\r\nHost: test\r\n\r\n", "gzip", zipped.String()}, // to whom has not asked for it, too
			{"GET /sync/plain" + accept + "\r\n", "", plain},
			{"GET /sync/zipped" + accept + "\r\n", "gzip", zipped.String()},
			{upload, "gzip", zipped.String()},
		} {
			line, _, _ := strings.Cut(c.request, "\r\n")
			r := s.dial().send(c.request).recv("GET")
			if got := r.Header.Get("Content-Encoding"); r.StatusCode != 200 || got != c.encoding || r.Header["Vary"] != nil {
				t.Errorf("%s: %s, Content-Encoding %q, Vary %q; want %q and none", line, r.Status, got, r.Header["Vary"], c.encoding)
			}
			if r.body != c.body {
				t.Errorf("%s: the body has %d bytes, and is not the one of %d that the handler wrote", line, len(r.body), len(c.body))
			}
		}
	})
}
