package reliability_test

import (
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/wirespan/wirespan/httpcore"
)

// server serves requests whose spans go to a run, and is its own client.
type server struct {
	run     *run
	url     string
	server  *httpcore.Server
	client  *http.Client
	running sync.WaitGroup
}

func serveHTTP(r *run) *server {
	s := &server{run: r, client: &http.Client{Transport: &http.Transport{}}}
	s.server = &httpcore.Server{Collector: r.Collector, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "hello")
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.errorf("%v", err)
		return s
	}
	s.url = "http://" + l.Addr().String() + "/hello"
	s.running.Go(func() { _ = s.server.Serve(l) }) // it ends when it is closed
	return s
}

// get makes n requests one after the other, and returns in what time all but one in a hundred were answered.
func (s *server) get(n int) time.Duration {
	took := make([]time.Duration, n)
	for i := range took {
		begin := time.Now()
		resp, err := s.client.Get(s.url)
		if err != nil {
			s.run.errorf("%v", err)
			return 0
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			s.run.errorf("%s, %v", resp.Status, err)
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took[n*99/100]
}

func (s *server) close() {
	s.client.CloseIdleConnections()
	if err := s.server.Close(); err != nil {
		s.run.errorf("%v", err)
	}
	s.running.Wait()
}
