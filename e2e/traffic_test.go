package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/faults"
)

// traffic are numbered requests, none of which is made twice, to a server that may be gone at any time and be followed by
// another one. Its methods may be called from any goroutine.
type traffic struct {
	connections int
	pause       time.Duration // after a request, on each connection
	agent       string        // User-Agent, to make spans as large as they are to be

	mu       sync.Mutex
	server   *wirespan      // nil: there is none now
	changed  chan struct{}  // closed, and replaced, with server
	made     int            // requests
	answered map[int]answer // by number
	strange  []string       // answers that no request should get
}

// answer is that a request was answered.
type answer struct {
	at time.Time
	by *wirespan
}

// begin makes requests to whoever is told to be the server, until the returned function is called or the test ends.
func (tr *traffic) begin(t *testing.T) (stop func()) {
	stopped := make(chan struct{})
	var running sync.WaitGroup
	for range tr.connections {
		running.Go(func() {
			for tr.serve(stopped) {
			}
		})
	}
	stop = sync.OnceFunc(func() {
		close(stopped)
		running.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// newTraffic makes traffic that has not begun.
func newTraffic(connections int, pause time.Duration) *traffic {
	return &traffic{connections: connections, pause: pause, changed: make(chan struct{}), answered: map[int]answer{}}
}

// to has the requests go to a server from now on; nil is none.
func (tr *traffic) to(w *wirespan) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.server = w
	close(tr.changed)
	tr.changed = make(chan struct{})
}

func (tr *traffic) now() (server *wirespan, changed <-chan struct{}) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.server, tr.changed
}

// serve makes requests over one connection for as long as it lasts, and its server is the one that they go to. It returns false
// when the traffic has been stopped.
func (tr *traffic) serve(stopped <-chan struct{}) bool {
	server, changed := tr.now()
	if server != nil {
		if conn, err := net.DialTimeout("tcp", server.listens(), patience); err == nil {
			in := bufio.NewReader(conn)
			for now := server; now == server && tr.request(server, conn, in) == nil && tr.wait(tr.pause, stopped); {
				now, _ = tr.now()
			}
			conn.Close()
		}
		changed = nil
	}
	if changed != nil {
		select {
		case <-changed:
			return true
		case <-stopped:
			return false
		}
	}
	return tr.wait(10*time.Millisecond, stopped)
}

func (tr *traffic) wait(d time.Duration, stopped <-chan struct{}) bool {
	select {
	case <-time.After(d):
		return true
	case <-stopped:
		return false
	}
}

// request makes the next request.
func (tr *traffic) request(server *wirespan, conn net.Conn, in *bufio.Reader) error {
	tr.mu.Lock()
	n := tr.made
	tr.made++
	tr.mu.Unlock()
	if err := conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		return err
	}
	// Nothing is there, which the demo says in the least of words.
	if _, err := fmt.Fprintf(conn, "GET %s%d HTTP/1.1\r\nHost: e2e\r\nUser-Agent: %s\r\n\r\n", faults.Serial, n, tr.agent); err != nil {
		return err
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	switch {
	case err != nil:
	case resp.StatusCode == http.StatusNotFound:
		tr.answered[n] = answer{time.Now(), server}
	default:
		tr.strange = append(tr.strange, fmt.Sprintf("request %d: %s", n, resp.Status))
	}
	if err == nil && resp.Close {
		err = errors.New("the server ends the connection")
	}
	return err
}

// count returns how many requests were made and answered so far.
func (tr *traffic) count() (made, answered int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.made, len(tr.answered)
}

// check fails the test for answers that are not what was asked for.
func (tr *traffic) check(t *testing.T) {
	t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, s := range tr.strange {
		t.Error(s)
	}
}

// missing returns the answers to those requests whose spans have not come.
func (tr *traffic) missing(o *faults.Oracle) (all []answer) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for n, a := range tr.answered {
		if o.Fate(n).Taken == 0 {
			all = append(all, a)
		}
	}
	return all
}
