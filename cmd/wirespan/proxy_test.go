package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// application starts what stands behind a proxy.
func application(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestProxyPassesRequestsAsTheyAre(t *testing.T) {
	got := make(chan *http.Request, 1)
	app := application(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		got <- r
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Set("Content-Encoding", "br")
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, "made")
		w.Header().Set("X-Sum", "42")
	})
	s := start(t, nil, "proxy", app.URL+"/base")
	r := request(t, http.MethodPatch, s.url+"/a%2Fb/c?x=1;y=%zz&q", strings.NewReader("body"))
	r.Host = "example.org"
	r.Header.Set("Connection", "X-Hop")
	r.Header.Set("X-Hop", "1")
	r.Header.Set("Accept-Encoding", "br")
	resp, body := s.do(r)

	in := <-got
	sent, _ := io.ReadAll(in.Body)
	if in.Method != http.MethodPatch || in.RequestURI != "/base/a%2Fb/c?x=1;y=%zz&q" || string(sent) != "body" || in.Host != "example.org" {
		t.Errorf("the application got %s %s for %s with %q", in.Method, in.RequestURI, in.Host, sent)
	}
	if in.Header.Get("Accept-Encoding") != "br" || in.Header.Get("X-Hop") != "" || in.Header.Get("User-Agent") != "Go-http-client/1.1" {
		t.Errorf("the application got the fields %v", in.Header)
	}
	if resp.StatusCode != http.StatusCreated || body != "made" || len(resp.Header.Values("Set-Cookie")) != 2 || resp.Header.Get("Content-Encoding") != "br" {
		t.Errorf("the client got %s %v %q", resp.Status, resp.Header, body)
	}
	if resp.Trailer.Get("X-Sum") != "42" {
		t.Errorf("the client got the trailer %v", resp.Trailer)
	}
}

func TestProxyTellsWhoCalled(t *testing.T) {
	claims := http.Header{
		"X-Forwarded-For":   {"192.0.2.1"},
		"X-Forwarded-Host":  {"claimed.example"},
		"X-Forwarded-Proto": {"https"},
		"Forwarded":         {"for=192.0.2.1"},
	}
	for name, c := range map[string]struct {
		trusted string
		want    map[string]string
	}{
		"from a stranger": {"", map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "example.org", "X-Forwarded-Proto": "http", "Forwarded": "",
		}},
		"from a proxy elsewhere": {"10.0.0.0/8", map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "example.org", "X-Forwarded-Proto": "http", "Forwarded": "",
		}},
		"from a trusted proxy": {"10.0.0.0/8, 127.0.0.1", map[string]string{
			"X-Forwarded-For": "192.0.2.1, 127.0.0.1", "X-Forwarded-Host": "claimed.example", "X-Forwarded-Proto": "https",
			"Forwarded": "for=192.0.2.1, for=127.0.0.1;proto=http",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan http.Header, 1)
			app := application(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header })
			s := start(t, map[string]string{"WIRESPAN_TRUSTED_PROXIES": c.trusted}, "proxy", app.URL)
			r := request(t, http.MethodGet, s.url, nil)
			r.Host = "example.org"
			for k, v := range claims {
				r.Header[k] = v
			}
			s.do(r)
			h := <-got
			for k, want := range c.want {
				if v := strings.Join(h.Values(k), ", "); v != want {
					t.Errorf("%s is %q, want %q", k, v, want)
				}
			}
		})
	}
}

func TestForwardedElement(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:80":      "for=192.0.2.1;proto=http",
		"[2001:db8::1]:443": `for="[2001:db8::1]";proto=http`,
		"@":                 "for=unknown;proto=http",
	} {
		if got := forwardedElement(&http.Request{RemoteAddr: remote}); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

func TestProxyHostHeader(t *testing.T) {
	got := make(chan string, 1)
	app := application(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Host })
	for flag, want := range map[string]string{"auto": "example.org", "client": "example.org", "upstream": strings.TrimPrefix(app.URL, "http://")} {
		s := start(t, nil, "proxy", app.URL, "--host-header", flag)
		r := request(t, http.MethodGet, s.url, nil)
		r.Host = "example.org"
		s.do(r)
		if host := <-got; host != want {
			t.Errorf("--host-header %s: the application sees %s, want %s", flag, host, want)
		}
	}
}

func TestProxyToUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "app")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	app := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	app.Listener.Close()
	app.Listener = l
	app.Start()
	t.Cleanup(app.Close)
	s := start(t, nil, "proxy", "unix:"+socket)
	if resp, body := s.get("/"); resp.StatusCode != 200 || body != greeting {
		t.Errorf("%s %q", resp.Status, body)
	}
}

func TestProxyPassesWebSocket(t *testing.T) {
	app := start(t, nil, "demo")
	s := start(t, nil, "proxy", app.url)
	echoes(t, s, "/ws")
}

// An application that ends its side of a connection ends the client's.
func TestProxyPassesUpgrades(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
		line, _ := rw.ReadString('\n')
		io.WriteString(conn, strings.ToUpper(line))
	})
	s := start(t, nil, "proxy", app.URL)
	conn := s.dial()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", resp, err)
	}
	io.WriteString(conn, "hello\n")
	if text, err := io.ReadAll(r); err != nil || string(text) != "HELLO\n" {
		t.Errorf("%q, %v", text, err)
	}
}

// A drain does not wait for connections that a proxy only passes on, and leaves none open.
func TestProxyDrainEndsUpgrades(t *testing.T) {
	app := start(t, nil, "demo")
	s := start(t, nil, "proxy", app.url)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, s.url+"/ws", &websocket.DialOptions{HTTPClient: s.client})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	s.stop()
	if _, _, err := conn.Read(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the WebSocket ended with %v", err)
	}
}

// What the application flushes reaches the client while the response goes on.
func TestProxyPassesStreams(t *testing.T) {
	for _, kind := range []string{"text/plain", "text/event-stream"} {
		next := make(chan struct{})
		app := application(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			for i := range 3 {
				fmt.Fprintf(w, "piece %d\n", i)
				http.NewResponseController(w).Flush()
				<-next
			}
		})
		s := start(t, nil, "proxy", app.URL)
		resp, err := s.client.Do(request(t, http.MethodGet, s.url, nil))
		if err != nil {
			t.Fatal(err)
		}
		body := bufio.NewReader(resp.Body)
		for i := range 3 {
			if line, err := body.ReadString('\n'); line != fmt.Sprintf("piece %d\n", i) {
				t.Errorf("%q, %v", line, err)
			}
			next <- struct{}{}
		}
		resp.Body.Close()
	}
}

func TestProxyWithoutApplication(t *testing.T) {
	s := start(t, nil, "proxy", "http://user:secret@127.0.0.1:"+freePort(t))
	resp, body := s.get("/path?token=secret")
	if resp.StatusCode != http.StatusBadGateway || body != "The application behind this server cannot be reached.\n" {
		t.Errorf("%s %q", resp.Status, body)
	}
	s.stop()
	log := s.stderr.String()
	if n := strings.Count(log, "the application did not answer"); n != 1 {
		t.Errorf("it is logged %d times, want once:\n%s", n, log)
	}
	expect(t, "the log", log, `error="dial: connect: connection refused"`)
	if strings.Contains(log, "secret") {
		t.Errorf("the log tells a secret:\n%s", log)
	}
}

// A client that does not send what it has announced is told so, and the application is not blamed.
func TestProxyOfABodyThatIsCutShort(t *testing.T) {
	app := application(t, func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	s := start(t, nil, "proxy", app.URL)
	for body, code := range map[string]string{
		"Content-Length: 10\r\n\r\nabc":             "unexpected_end_of_request_content",
		"Transfer-Encoding: chunked\r\n\r\nrubbish": "invalid_chunked_body",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\n"+body)
		conn.(*net.TCPConn).CloseWrite()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("X-Wirespan-Error"); resp.StatusCode != http.StatusBadRequest || got != code {
			t.Errorf("%q: %s, code %q", body, resp.Status, got)
		}
	}
	s.stop()
	if log := s.stderr.String(); strings.Contains(log, "the application did not answer") {
		t.Errorf("the log blames the application:\n%s", log)
	}
}

func TestProxyToApplicationThatTalksRubbish(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for _, answer := range []string{"", "rubbish\r\n\r\n"} {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(conn))
			io.WriteString(conn, answer)
			conn.Close()
		}
	}()
	s := start(t, nil, "proxy", "http://"+l.Addr().String())
	for range 2 {
		resp, body := s.do(request(t, http.MethodPost, s.url, strings.NewReader("x")))
		if resp.StatusCode != http.StatusBadGateway || body != "The application behind this server did not answer properly.\n" {
			t.Errorf("%s %q; standard error:\n%s", resp.Status, body, s.stderr)
		}
	}
}

// A body that the application cuts short is cut short for the client, who can tell.
func TestProxyPassesOnAResponseThatIsCutShort(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "half")
	})
	s := start(t, nil, "proxy", app.URL)
	resp, err := s.client.Do(request(t, http.MethodGet, s.url, nil))
	if err != nil {
		return // the connection was closed before anything of it had left
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the client takes %q for the whole", body)
	}
}
