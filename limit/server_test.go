package limit_test

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
	"github.com/wirespan/wirespan/limit"
)

// A connection goes on after a refusal, also of a request with a body that nobody reads, and the events are those of any other
// answer.
func TestRefusalsOnAServer(t *testing.T) {
	for name, serve := range map[string]func(http.Handler, lifecycle.Collector, net.Listener) (end func()){
		"goroutine": onEngine(httpcore.EngineGoroutine), "auto": onEngine(httpcore.EngineAuto), "net/http": onNetHTTP,
	} {
		t.Run(name, func(t *testing.T) {
			rec := new(lifecycletest.Recorder)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			end := serve(mustNew(t, limit.Options{Rate: 1e-9, Burst: 2, HealthCheckPath: "/healthz"}, hello), rec, l)
			defer end()
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			body := strings.Repeat("b", 100_000)
			requests := []string{
				"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
				"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
				"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
				"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + body,
				"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
				"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			}
			want := []int{200, 200, 429, 429, 200, 429}
			sent := make(chan error, 1)
			go func() {
				_, err := io.WriteString(c, strings.Join(requests, ""))
				sent <- err
			}()
			r := bufio.NewReader(c)
			for i, status := range want {
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatalf("response %d: %v", i, err)
				}
				if _, err := io.ReadAll(res.Body); err != nil {
					t.Fatal(err)
				}
				if res.StatusCode != status {
					t.Errorf("response %d: status %d, want %d", i, res.StatusCode, status)
				}
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
			_ = c.Close()
			end()
			if name == "net/http" {
				return
			}
			events := rec.Events()
			if err := lifecycletest.CheckInvariants(events); err != nil {
				t.Error(err)
			}
			var got []int
			for _, e := range lifecycletest.Of[*lifecycle.ResponseCompleted](events) {
				got = append(got, e.Status)
			}
			if !slices.Equal(got, want) {
				t.Errorf("ResponseCompleted has %v, want %v", got, want)
			}
		})
	}
}

func onEngine(e httpcore.Engine) func(http.Handler, lifecycle.Collector, net.Listener) func() {
	return func(h http.Handler, c lifecycle.Collector, l net.Listener) func() {
		s := &httpcore.Server{Engine: e, Handler: h, Collector: c, ErrorLog: log.New(io.Discard, "", 0)}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = s.Serve(l)
		}()
		return func() {
			_ = s.Shutdown(context.Background())
			<-served
		}
	}
}

func onNetHTTP(h http.Handler, _ lifecycle.Collector, l net.Listener) func() {
	s := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(l)
	}()
	return func() {
		_ = s.Close()
		<-served
	}
}
