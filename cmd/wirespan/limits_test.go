package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]rateLimit{
		"100/s":           {100, 100},
		"100/s,burst=200": {100, 200},
		"600/m":           {10, 600},
		"36/h,burst=1":    {0.01, 1},
	} {
		if got, err := parseRate(text); got != want || err != nil {
			t.Errorf("%s is %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestLimitsThatDoNotFit(t *testing.T) {
	certificate, key := writeCertificate(t, t.TempDir())
	socket := "unix:" + filepath.Join(t.TempDir(), "socket")
	for _, c := range []struct {
		args  []string
		parts []string
	}{
		{[]string{"--max-blocked-handlers", "5", "--engine", "goroutine"}, []string{"--max-blocked-handlers", "--engine is goroutine", "--max-requests"}},
		{[]string{"--max-blocked-handlers", "5", "--tls-cert", certificate, "--tls-key", key}, []string{"--max-blocked-handlers", "HTTPS", "--max-requests"}},
		{[]string{"--rate-limit", "5/s", "--addr", socket}, []string{"--rate-limit", "Unix socket", "--trusted-proxies"}},
	} {
		code, _, stderr := once(t, nil, append([]string{"demo", "--admin", "off"}, c.args...)...)
		refused(t, code, stderr, c.parts...)
	}
	if _, err := os.Stat(strings.TrimPrefix(socket, unixScheme)); !os.IsNotExist(err) {
		t.Errorf("the socket was left behind: %v", err)
	}
}

func TestRateLimit(t *testing.T) {
	s := start(t, nil, "demo", "--rate-limit", "1/h,burst=3", "--health-check-path", "/help", "--trusted-proxies", "127.0.0.1", "--traces", "console")
	for i, path := range []string{"/", "/sync", "/", "/", "/sync"} {
		want := http.StatusOK
		if i >= 3 {
			want = http.StatusTooManyRequests
		}
		resp, body := s.get(path)
		if resp.StatusCode != want {
			t.Errorf("request %d: status %d, want %d", i, resp.StatusCode, want)
		}
		if retry := resp.Header.Get("Retry-After"); want == 429 && (retry != "3600" || !strings.HasPrefix(body, "429 Too Many Requests: ")) {
			t.Errorf("request %d: Retry-After %q, %q", i, retry, body)
		}
	}
	if resp, _ := s.get("/help"); resp.StatusCode != 200 {
		t.Errorf("status %d for a health check", resp.StatusCode)
	}
	other := request(t, http.MethodGet, s.url+"/", nil)
	other.Header.Set("X-Forwarded-For", "192.0.2.1")
	if resp, _ := s.do(other); resp.StatusCode != 200 {
		t.Errorf("status %d for another client of the proxy", resp.StatusCode)
	}
	if _, body := fetch(t, s.admin+"/readyz?verbose"); !strings.Contains(body, "[+] limits: 2 requests refused for their rate, 2 clients remembered\n") {
		t.Errorf("/readyz?verbose says %q", body)
	}
	if n := refusedOf(t, s, "rate_limited"); n != 2 {
		t.Errorf("%v requests are counted as refused", n)
	}
	s.stop()
	s.stdout.await(t, `GET +/sync +429 `)
	s.stderr.await(t, `stopped.* requests_rate_limited=2 requests_shed=0`)
}

func TestMaxRequests(t *testing.T) {
	s := start(t, nil, "demo", "--max-requests", "1")
	stream := request(t, http.MethodGet, s.url+"/sse", nil) // lasts until the client leaves
	resp, err := s.client.Do(stream)
	if err != nil {
		t.Fatal(err)
	}
	refused, body := s.get("/")
	if refused.StatusCode != 503 || refused.Header.Get("Retry-After") != "1" || refused.Header.Get("X-Wirespan-Error") != "max_concurrent_requests_exceeded" {
		t.Errorf("one too many: %s, %v, %q", refused.Status, refused.Header, body)
	}
	if _, body := fetch(t, s.admin+"/readyz?verbose"); !strings.Contains(body, "[+] limits: 1 requests refused for want of room, 1 of 1 in progress\n") {
		t.Errorf("/readyz?verbose says %q", body)
	}
	if n := refusedOf(t, s, "max_concurrent_requests_exceeded"); n != 1 {
		t.Errorf("%v requests are counted as refused", n)
	}
	_ = resp.Body.Close()
	waitFor(t, s.admin+"/readyz?verbose", "0 of 1 in progress")
	if resp, _ := s.get("/"); resp.StatusCode != 200 {
		t.Errorf("status %d afterwards", resp.StatusCode)
	}
}

// refusedOf returns the metric of the requests that were refused, of which there is one for each limit that there is.
func refusedOf(t *testing.T, s *served, why string) float64 {
	t.Helper()
	const name = "wirespan_request_rejected_total"
	all := families(t, s)
	if n := len(all[name].GetMetric()); n != 1 {
		t.Errorf("there are %d of %s, want one", n, name)
	}
	return find(t, all, name, "error_type="+why).GetCounter().GetValue()
}

func TestMaxConnections(t *testing.T) {
	s := start(t, nil, "demo", "--max-connections", "1")
	if resp, _ := s.get("/"); resp.StatusCode != 200 { // its connection stays open
		t.Errorf("status %d for the first", resp.StatusCode)
	}
	if code := refusalOfNew(t, s); code != "max_concurrent_connections_exceeded" {
		t.Errorf("a new connection is refused with %q", code)
	}
}

func TestMaxBlockedHandlers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the epoll engine is for Linux")
	}
	s := start(t, nil, "demo", "--max-blocked-handlers", "1")
	resp, err := s.client.Do(request(t, http.MethodGet, s.url+"/sse", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	late := time.Now().Add(patience)
	for code := ""; code != "max_blocked_handlers_exceeded"; code = refusalOfNew(t, s) { // the engine has to notice first
		if time.Now().After(late) {
			t.Fatalf("a new connection is refused with %q", code)
		}
	}
}

// refusalOfNew returns with what code a new connection is refused; "" when it is served.
func refusalOfNew(t *testing.T, s *served) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	code := resp.Header.Get("X-Wirespan-Error")
	if code != "" && (resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "") {
		t.Errorf("a connection that is refused is told %s, %v", resp.Status, resp.Header)
	}
	return code
}
