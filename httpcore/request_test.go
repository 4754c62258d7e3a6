package httpcore_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
)

// seen is what a handler is given of a request.
type seen struct {
	Method           string
	URL              url.URL
	Proto            string
	Major, Minor     int
	Header           http.Header
	ContentLength    int64
	TransferEncoding []string
	Close            bool
	Host             string
	RequestURI       string
	Announced        http.Header // Trailer before the body is read
	Body             string
	BodyErr          error
	Trailer          http.Header // and after
	NoBody           bool
	IsTLS            bool
	HasRemoteAddr    bool
	Pattern          string
	Cancel           bool
}

// see returns a handler that tells what it was given.
func see(to chan<- *seen) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &seen{
			Method: r.Method, URL: *r.URL, Proto: r.Proto, Major: r.ProtoMajor, Minor: r.ProtoMinor, Header: r.Header.Clone(),
			ContentLength: r.ContentLength, TransferEncoding: r.TransferEncoding, Close: r.Close, Host: r.Host,
			RequestURI: r.RequestURI, Announced: r.Trailer.Clone(), NoBody: r.Body == http.NoBody, IsTLS: r.TLS != nil,
			HasRemoteAddr: r.RemoteAddr != "", Pattern: r.Pattern,
			Cancel: r.Cancel != nil, //nolint:staticcheck // deprecated, and looked at for that
		}
		b, err := io.ReadAll(r.Body)
		s.Body, s.BodyErr, s.Trailer = string(b), err, r.Trailer.Clone()
		to <- s
	})
}

// present sends raw to addr and returns what the handler was given; nil when the server did not call it.
func present(t *testing.T, addr, raw string, to <-chan *seen) *seen {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(nc, raw); err != nil {
		t.Fatal(err)
	}
	for r, status := bufio.NewReader(nc), 0; status < 200; { // 100 Continue comes before the handler has seen all
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		status = res.StatusCode
	}
	select {
	case s := <-to:
		return s
	default:
		return nil
	}
}

// requests are heads, and bodies, that net/http's server and this one must make the same http.Request of.
var requests = []string{
	get("/"),
	get("/?"),
	get("/??"),
	get("/?a=b&c=%20;d=?/"),
	get("/?a#b"),
	get("/#a"),
	get("/a/b//c/./../d"),
	get("//host/path"),
	get("/a%2Fb%20c"),
	get("/%E4%B8%96"),
	get("/a:b@c,d;e=f&g$h+i~j_k-l.m"),
	get("/(a)*!'"),
	get("/[a]"),
	get(`/"<>\^{|}` + "`"),
	get("/\xe4\xb8\x96?\xff"),
	get("/%zz"),
	get("/?%zz"),
	get("http://other/path?q"),
	get("http://other:8080"),
	get("HTTP://other/"),
	get("other://x/"),
	"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n",
	"OPTIONS / HTTP/1.1\r\nHost: test\r\n\r\n",
	"CONNECT other:443 HTTP/1.1\r\nHost: test\r\n\r\n",
	"CONNECT [::1]:443 HTTP/1.1\r\nHost: test\r\n\r\n",
	"M-SEARCH / HTTP/1.1\r\nHost: test\r\n\r\n",
	"get / HTTP/1.1\r\nHost: test\r\n\r\n",
	"GET / HTTP/1.1\r\nHost:\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
	"GET / HTTP/1.0\r\n\r\n",
	"GET / HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n",
	"GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n",
	"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
	"GET / HTTP/1.0\r\nPragma: no-cache\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: test\r\nPragma: no-cache\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: test\r\nPragma: no-cache\r\nCache-Control: max-age=1\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: test\r\nConnection: x, CLOSE\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: test\r\nConnection: x\r\nConnection: close\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: x\r\n\r\n",
	"GET / HTTP/1.1\r\nhost: test\r\nx-lower: a\r\nX-UPPER: b\r\nx_under: c\r\n!#$%&'*+.^_`|~9: d\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: test\r\nX: a\r\nX: b\r\nY: c\r\nx: d\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: test\r\nX:\r\nY: \t \r\nZ:a\t b \t\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: test\r\nX: \xe4\xff\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: test\r\nCookie: a=b\r\nCookie: c=d\r\nAuthorization: Basic YTpi\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: test\r\nTrailer: X\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: test\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 005\r\n\r\nhello",
	"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello",
	"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
	"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
	"GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello",
	"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nTrailer: X, y\r\nTrailer: Z\r\n\r\n5\r\nhello\r\n0\r\nx: 1\r\nY: 2\r\nY: 3\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: unannounced\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\nTrailer:\r\n\r\n0\r\n\r\n",
}

func TestRequestIsThatOfNetHTTP(t *testing.T) {
	toTheirs, toOurs := make(chan *seen, 1), make(chan *seen, 1)
	theirs := httptest.NewServer(see(toTheirs))
	defer theirs.Close()
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		ours := start(t, &httpcore.Server{Engine: e, Handler: see(toOurs)})
		for _, raw := range requests {
			want := present(t, theirs.Listener.Addr().String(), raw, toTheirs)
			if got := present(t, ours.addr, raw, toOurs); !reflect.DeepEqual(got, want) {
				t.Errorf("%q\ngot  %+v,\nwant %+v", raw, got, want)
			}
		}
	})
}

// Where a request could be read two ways, net/http is more forgiving.
func TestRequestsThatOnlyNetHTTPTakes(t *testing.T) {
	tests := []struct{ raw, why string }{
		{"GET / HTTP/1.1\nHost: test\n\n", "a line ends with CRLF"},
		{"GET / HTTP/1.1\r\nHost: test\r\nX: a\r\n b\r\n\r\n", "folded lines are obsolete (RFC 9112, 5.2)"},
		{"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "one length is enough"},
		{"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "two framings: smuggling"},
		{get("http://user:pass@other/"), "a user in a target is somebody's attempt to hide the host (RFC 9110, 4.2.4)"},
		{"CONNECT other:443 HTTP/1.1\r\n\r\n", "CONNECT needs a Host as well (RFC 9112, 3.2)"},
	}
	toTheirs, toOurs := make(chan *seen, 1), make(chan *seen, 1)
	theirs := httptest.NewServer(see(toTheirs))
	defer theirs.Close()
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		ours := start(t, &httpcore.Server{Engine: e, Handler: see(toOurs)})
		for _, tt := range tests {
			if present(t, theirs.Listener.Addr().String(), tt.raw, toTheirs) == nil {
				t.Errorf("net/http refuses %q too: no difference any longer", tt.raw)
			}
			if present(t, ours.addr, tt.raw, toOurs) != nil {
				t.Errorf("%q was accepted, but %s", tt.raw, tt.why)
			}
		}
	})
}

func TestRequestThatOnlyWeTake(t *testing.T) {
	const emptyLineFirst = "\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n" // RFC 9112, 2.2: it SHOULD be skipped
	to := make(chan *seen, 1)
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: see(to)})
		if got := present(t, s.addr, emptyLineFirst, to); got == nil || got.RequestURI != "/" {
			t.Errorf("got %+v", got)
		}
	})
}

// A handler may keep its request: nothing of it is used again.
func TestRequestMayBeKept(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		kept := make(chan *http.Request, 2)
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { kept <- r })})
		c := s.dial()
		c.send("GET /first?a HTTP/1.1\r\nHost: one\r\nX-First: first value\r\n\r\n").recv("GET")
		c.send("PUT /other?b HTTP/1.1\r\nHost: two\r\nX-Other: other value\r\n\r\n").recv("PUT")
		r := <-kept
		if r.Method != "GET" || r.RequestURI != "/first?a" || r.URL.Path != "/first" || r.Host != "one" || r.Header.Get("X-First") != "first value" {
			t.Errorf("the kept request is now %+v", r)
		}
	})
}
