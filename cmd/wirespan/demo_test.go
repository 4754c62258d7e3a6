package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

func TestDemoRoutes(t *testing.T) {
	s := start(t, nil, "demo")
	for _, c := range []struct {
		path   string
		status int
		body   string // a pattern
	}{
		{"/", 200, `^Hello, World!$`},
		{"/sync", 200, `^Hello, World!$`},
		{"/echo", 200, `^$`},
		{"/bytes/0", 200, `^$`},
		{"/bytes/20", 200, `^01234567`},
		{"/bytes/-1", 400, `^the number of bytes must be a whole number from 0 to 1073741824, not "-1"\.\n$`},
		{"/bytes/1073741825", 400, `from 0 to`},
		{"/bytes/lots", 400, `not "lots"`},
		{"/status/200", 200, `^200 OK\n$`},
		{"/status/204", 204, `^$`},
		{"/status/304", 304, `^$`},
		{"/status/418", 418, `^418 I'm a teapot\n$`},
		{"/status/503", 503, `^503 Service Unavailable\n$`},
		{"/status/199", 400, `from 200 to 599`},
		{"/status/600", 400, `from 200 to 599`},
		{"/status/x%0ay", 400, `not "x\\ny"`},
		{"/slow?ms=1", 200, `^waited 1ms\n$`},
		{"/slow?ms=60001", 400, `from 0 to 60000`},
		{"/slow?ms=-1", 400, `from 0 to 60000`},
		{"/stream?n=3&ms=1", 200, `^chunk 1 of 3\nchunk 2 of 3\nchunk 3 of 3\n$`},
		{"/stream?n=0", 400, `n must be a whole number from 1 to 10000`},
		{"/stream?n=3&ms=x", 400, `ms must be a whole number`},
		{"/sse?n=2&ms=1", 200, `^id: 1\nevent: tick\ndata: \{"n":1,"time":".*"\}\n\nid: 2\nevent: tick\n`},
		{"/sse?n=x", 400, `n must be a whole number`},
		{"/ws", 426, `WebSocket protocol violation`},
		{"/panic", 500, ``},
		{"/users/42", 200, `^\{"id":"42","name":"User 42"\}\n$`},
		{"/users/%22%3C", 200, `^\{"id":"\\"\\u003c",`},
		{"/users/" + strings.Repeat("x", 65), 400, `at most 64 bytes`},
		{"/chain", 200, `^\{"called":"/users/42","user":\{"id":"42","name":"User 42"\}\}\n$`},
		{"/upload", 200, `^\{"size":0,"sha256":"e3b0c442`},
		{"/help", 200, `/chain +calls`},
		{"/nothing/here", 404, `not found`},
	} {
		t.Run(c.path, func(t *testing.T) {
			resp, body := s.get(c.path)
			if resp.StatusCode != c.status {
				t.Errorf("status %d, want %d", resp.StatusCode, c.status)
			}
			expect(t, "the body", body, c.body)
		})
	}
}

func TestDemoEcho(t *testing.T) {
	s := start(t, nil, "demo")
	sent := make([]byte, 200_000)
	rand.Read(sent)
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "BREW"} {
		for name, body := range map[string]io.Reader{"whole": bytes.NewReader(sent), "chunked": io.MultiReader(bytes.NewReader(sent))} {
			resp, got := s.do(request(t, method, s.url+"/echo", body))
			if resp.StatusCode != 200 || got != string(sent) {
				t.Errorf("%s %s: status %d and %d bytes, want 200 and the %d that were sent", method, name, resp.StatusCode, len(got), len(sent))
			}
		}
	}
	expect(t, "the answer to CONNECT", s.raw("CONNECT /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), `^HTTP/1\.1 4\d\d `)
	cut := s.raw("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\nrubbish\r\n")
	expect(t, "the answer to a broken body", cut, `^HTTP/1\.1 400 `)
}

func TestDemoBytes(t *testing.T) {
	s := start(t, nil, "demo")
	const size = 3<<20 + 7
	resp, body := s.get(fmt.Sprintf("/bytes/%d", size))
	if len(body) != size || resp.ContentLength != size {
		t.Errorf("%d bytes, Content-Length %d, want %d", len(body), resp.ContentLength, size)
	}
	resp, _ = s.do(request(t, http.MethodHead, s.url+"/bytes/5", nil))
	if resp.ContentLength != 5 {
		t.Errorf("HEAD: Content-Length %d, want 5", resp.ContentLength)
	}
}

func TestDemoUpload(t *testing.T) {
	s := start(t, nil, "demo")
	sent := bytes.Repeat([]byte("wirespan "), 100_000)
	sum := sha256.Sum256(sent)
	_, body := s.do(request(t, http.MethodPut, s.url+"/upload", bytes.NewReader(sent)))
	if want := fmt.Sprintf("{\"size\":%d,\"sha256\":%q}\n", len(sent), hex.EncodeToString(sum[:])); body != want {
		t.Errorf("body %q, want %q", body, want)
	}
}

// Chunks arrive while the handler still runs.
func TestDemoStreamsWhileItRuns(t *testing.T) {
	s := start(t, nil, "demo")
	for _, path := range []string{"/stream?n=2&ms=60000", "/sse?ms=60000"} {
		ctx, leave := context.WithCancel(t.Context())
		resp, err := s.client.Do(request(t, http.MethodGet, s.url+path, nil).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		if err != nil || !strings.Contains(line, "1") {
			t.Errorf("%s: %q, %v", path, line, err)
		}
		leave()
		resp.Body.Close()
	}
}

func TestDemoWebSocket(t *testing.T) {
	s := start(t, nil, "demo")
	echoes(t, s, "/ws")
}

// echoes speaks WebSocket with the server.
func echoes(t *testing.T, s *served, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, s.url+path, &websocket.DialOptions{HTTPClient: s.client})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for _, message := range []string{"hello", strings.Repeat("long ", 5000), ""} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
		kind, got, err := conn.Read(ctx)
		if err != nil || kind != websocket.MessageText || string(got) != message {
			t.Errorf("%v, %d bytes, %v; want the %d bytes that were sent", kind, len(got), err, len(message))
		}
		conn.SetReadLimit(1 << 20)
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

func TestDemoOverTLS(t *testing.T) {
	cert, key := writeCertificate(t, t.TempDir())
	s := start(t, nil, "demo", "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(s.url, "https://127.0.0.1:") {
		t.Errorf("the URL is %q", s.url)
	}
	s.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots(t, cert)}
	for _, path := range []string{"/", "/sync", "/chain"} {
		if resp, body := s.get(path); resp.StatusCode != 200 {
			t.Errorf("%s: %s %q", path, resp.Status, body)
		}
	}
	echoes(t, s, "/ws")
}
