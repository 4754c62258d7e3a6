package httpcore_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
)

// Where net/http's own server sets the standard, a test gives both servers the same handler and the same bytes, and
// compares what the client sees. A case whose answer is meant to be another one says so, and why.

// answer is a response as a client sees it. The Date is only noted.
type answer struct {
	Status           int
	Proto            string
	Header           http.Header
	ContentLength    int64
	TransferEncoding []string
	Close            bool
	Body             string
	BodyErr          error
	Trailer          http.Header
}

// conversation is all that a server had to say on one connection.
type conversation struct {
	Answers []answer
	Open    bool   // it would have gone on
	Broken  string // what it said then is no response
}

// lastRequest asks whether the connection is still open.
const lastRequest = "GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"

// withLast serves h, and lastRequest.
func withLast(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/last" {
			w.Header().Set("Last", "yes")
			return
		}
		h.ServeHTTP(w, r)
	})
}

// converse sends raw and lastRequest to addr and reads all responses; methods are those of the requests in raw.
func converse(t *testing.T, addr, raw string, methods ...string) conversation {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(nc, raw+lastRequest) }()
	var said conversation
	for r := bufio.NewReader(nc); ; {
		method := "GET"
		if len(methods) > 0 {
			method = methods[0]
		}
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return said
		}
		if err != nil {
			said.Broken = err.Error()
			return said
		}
		if res.StatusCode >= 200 && len(methods) > 0 {
			methods = methods[1:]
		}
		body, err := io.ReadAll(res.Body)
		if res.Header.Get("Last") != "" {
			said.Open = true
			return said
		}
		if res.Header["Date"] != nil {
			res.Header["Date"] = []string{"some time"}
		}
		said.Answers = append(said.Answers, answer{
			Status: res.StatusCode, Proto: res.Proto, Header: res.Header, ContentLength: res.ContentLength,
			TransferEncoding: res.TransferEncoding, Close: res.Close, Body: string(body), BodyErr: err, Trailer: res.Trailer,
		})
	}
}

// exchangeCase is one comparison.
type exchangeCase struct {
	name    string
	handler http.HandlerFunc
	request string // GET / when empty
	method  string // of request; GET when empty

	// differs changes net/http's answer into the one that is wanted here, for the reason why.
	differs func(*conversation)
	why     string
}

func (c exchangeCase) run(t *testing.T, e httpcore.Engine) {
	if c.request == "" {
		c.request = get("/")
	}
	if c.method == "" {
		c.method = "GET"
	}
	if (c.differs == nil) != (c.why == "") {
		t.Fatal("a difference needs a reason, and a reason a difference")
	}
	theirs := httptest.NewUnstartedServer(withLast(c.handler))
	theirs.Config.ErrorLog = discard
	theirs.Start()
	defer theirs.Close()
	ours := start(t, &httpcore.Server{Engine: e, Handler: withLast(c.handler)})

	want := converse(t, theirs.Listener.Addr().String(), c.request, c.method)
	if c.differs != nil {
		c.differs(&want)
	}
	got := converse(t, ours.addr, c.request, c.method)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

func compare(t *testing.T, cases []exchangeCase) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { c.run(t, e) })
		}
	})
}
