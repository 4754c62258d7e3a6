package limit_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/wirespan/wirespan/limit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "Hello, World!") }

func mustNew(t testing.TB, o limit.Options, next http.HandlerFunc) *limit.Handler {
	t.Helper()
	h, err := limit.New(next, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// from is a request of a peer, "address:port", with header lines.
func from(peer string, lines ...[2]string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = peer
	for _, l := range lines {
		r.Header.Add(l[0], l[1])
	}
	return r
}

// ask returns what h answers.
func ask(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// passed is how many of n requests of a peer are not refused.
func passed(h http.Handler, n int, r *http.Request) (count int) {
	for range n {
		if ask(h, r).Code == http.StatusOK {
			count++
		}
	}
	return count
}
