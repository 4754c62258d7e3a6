package accesslog_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/accesslog"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// TestLinesOfAServer: H50 to H54, one line for each request on a real connection, with the bytes on the wire as the witness.
func TestLinesOfAServer(t *testing.T) {
	entered := make(chan struct{}, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		accesslog.Set(r.Context(), "user", r.PathValue("id"))
		_, _ = io.WriteString(w, "hello")
	})
	mux.HandleFunc("/empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/fails", func(http.ResponseWriter, *http.Request) { panic("oops") })
	mux.HandleFunc("/wait", func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done()
	})
	mux.HandleFunc("/upgrade", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "echo")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	})
	const host = " HTTP/1.1\r\nHost: h\r\n"
	for _, c := range []struct {
		name, send, want string
		leave            bool // before the response
	}{
		{"H50 answered", "GET /users/7" + host + "\r\n", `"GET /users/7 HTTP/1.1" 200 5 7 /users/{id} ResponseCompleted`, false},
		{"H50 nothing sent", "GET /empty" + host + "\r\n", `"GET /empty HTTP/1.1" 204 - - /empty ResponseCompleted`, false},
		{
			"H50 pipelined", "GET /users/1" + host + "\r\nGET /users/2" + host + "\r\n",
			`"GET /users/1 HTTP/1.1" 200 5 1 /users/{id} ResponseCompleted` + "\n" +
				`"GET /users/2 HTTP/1.1" 200 5 2 /users/{id} ResponseCompleted`, false,
		},
		{"H51 not found", "GET /none" + host + "\r\n", `"GET /none HTTP/1.1" 404 19 - - ResponseCompleted`, false},
		{"H51 handler failed", "GET /fails" + host + "\r\n", `"GET /fails HTTP/1.1" 500 * - /fails RequestFailed`, false},
		{"H52 client left", "GET /wait" + host + "\r\n", `"GET /wait HTTP/1.1" 499 - - * ClientDisconnected`, true},
		{"H53 upgraded", "GET /upgrade" + host + "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n", `"GET /upgrade HTTP/1.1" 101 - - /upgrade ResponseCompleted`, false},
		{"H54 not HTTP", "\x16\x03\x01\"\r\n\r\n", `"-" 400 * - - RequestFailed`, false},
		{"H54 another version", "GET /users/7 HTTP/2.0\r\n\r\n", `"GET /users/7 -" 505 * - - RequestFailed`, false},
		{"H54 no host", "GET / HTTP/1.1\r\n\r\n", `"GET / HTTP/1.1" 400 * - - RequestFailed`, false},
		{"H54 target too long", "GET /" + strings.Repeat("a", 9000) + host + "\r\n", `"GET - -" 414 * - - RequestFailed`, false},
	} {
		for _, engine := range []httpcore.Engine{httpcore.EngineAuto, httpcore.EngineGoroutine} {
			t.Run(fmt.Sprintf("%s %v", c.name, engine), func(t *testing.T) {
				out := newMemory()
				var log lifecycletest.Recorder
				l := start(t, accesslog.Options{Output: out, Format: accesslog.MustCompile(
					`"%(r)s" %(s)s %(b)s %({user}e)s %({route}x)s %({event}x)s`, accesslog.FormatOptions{AbortedStatus: 499})})
				server := &httpcore.Server{Handler: mux, Engine: engine, Collector: lifecycle.Tee(&log, l), ErrorLog: stdlog.New(io.Discard, "", 0)}
				want := strings.Split(c.want, "\n")
				talk(t, server, c.send, func(conn net.Conn) {
					if c.leave {
						<-entered
						return
					}
					b := bufio.NewReader(conn)
					for range want {
						response, err := http.ReadResponse(b, nil)
						if err != nil {
							t.Fatal(err)
						}
						_, _ = io.Copy(io.Discard, response.Body)
					}
				})
				// Shutdown does not wait for a connection that was taken over.
				if _, err := log.WaitFor(soon(t), lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1)); err != nil {
					t.Fatal(err)
				}
				if err := l.Close(soon(t)); err != nil {
					t.Fatal(err)
				}
				ended := 0
				for _, e := range log.Events() {
					if lifecycle.OutcomeOf(e) != nil {
						ended++
					}
				}
				got := out.lines()
				if len(got) != ended || len(got) != len(want) {
					t.Fatalf("%d lines for %d requests, want %d: %q", len(got), ended, len(want), got)
				}
				for i := range got {
					if !like(got[i], want[i]) {
						t.Errorf("%s\nwant %s", got[i], want[i])
					}
				}
			})
		}
	}
}

// talk serves one connection, which sends what it is told and is closed when receive returns, and then shuts the server down.
func talk(t *testing.T, server *httpcore.Server, send string, receive func(net.Conn)) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		if err := server.Shutdown(soon(t)); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, httpcore.ErrServerClosed) {
			t.Error(err)
		}
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, send); err != nil {
		t.Fatal(err)
	}
	receive(conn)
}

// like compares a line with a pattern in which * stands for anything.
func like(line, pattern string) bool {
	parts := strings.Split(pattern, "*")
	for i, part := range parts {
		at := strings.Index(line, part)
		if at < 0 || i == 0 && at > 0 {
			return false
		}
		line = line[at+len(part):]
	}
	return line == "" || strings.HasSuffix(pattern, "*")
}
