package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// load makes n requests over each of so many connections, which stay open until the returned function is called.
func (w *wirespan) load(t *testing.T, connections, n int, path string) (hangUp func()) {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}
	client := &http.Client{Transport: transport, Timeout: patience}
	results := make(chan error)
	for range connections {
		go func() {
			for range n {
				if err := fetch(client, w.url+path); err != nil {
					results <- err
					return
				}
			}
			results <- nil
		}()
	}
	var errs []error
	for range connections {
		errs = append(errs, <-results)
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport.CloseIdleConnections
}

func fetch(client *http.Client, url string) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return nil
}

// SIGTERM right after many requests: each of them, and each connection, which the server closes, is a span that arrives.
func TestNoSpanIsLostAtTheEnd(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			w := shared.get(t).start(t, protocol, t.Name(), nil, "demo")
			const connections, each = 16, 250
			w.load(t, connections, each, "/sync")
			spans := w.finish(t)
			if n := count(spans, (*sink.Span).IsServer); n != connections*each {
				t.Errorf("%d requests were answered, and %d arrived", connections*each, n)
			}
			// A client may open a connection that it then does not need.
			opened := count(spans, (*sink.Span).IsConnection)
			var onThem int64
			for _, s := range spans {
				if s.IsConnection() {
					onThem += s.Attrs["wirespan.connection.request_count"].(int64)
				}
			}
			if opened < connections || onThem != connections*each {
				t.Errorf("%d connections with %d requests, want %d or more with %d", opened, onThem, connections, connections*each)
			}
		})
	}
}

// A request that is under way when SIGTERM comes is finished, and its span arrives.
func TestRequestUnderWayAtTheEnd(t *testing.T) {
	t.Parallel()
	w := demo(t)
	conn := w.dial(t)
	in := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, "POST /upload HTTP/1.1\r\nHost: e2e\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	// The server invites the body when the handler asks for it: now the request is under way.
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusContinue {
		t.Fatalf("%v, %v: want 100 Continue", resp, err)
	}
	if err := w.Terminate(); err != nil {
		t.Fatal(err)
	}
	w.awaitStatus(t, "/readyz", http.StatusServiceUnavailable)
	if _, err := io.WriteString(conn, "12345"); err != nil {
		t.Fatal(err)
	}
	resp, err = http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !resp.Close {
		t.Errorf("%s, Connection: close %v: want 200 and true", resp.Status, resp.Close)
	}
	s := first(w.finish(t), (*sink.Span).IsServer)
	checkUnset(t, s)
	checkAttrs(t, s, map[string]any{"http.response.status_code": int64(200), "http.request.body.size": int64(5)})
}

// awaitStatus asks the admin port until it answers with the status.
func (w *wirespan) awaitStatus(t *testing.T, path string, want int) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.Now().Add(patience)
	for {
		resp, err := client.Get(w.admin + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s answers %s, want %d", path, resp.Status, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
