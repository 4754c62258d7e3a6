package httpcore_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

func init() { children["short"] = serveWithFewDescriptors }

// fewDescriptors is how many more than when it begins to serve the child may have.
const fewDescriptors = 12

// serveWithFewDescriptors serves until its descriptors are used up, and on.
func serveWithFewDescriptors() {
	warmUp()
	files, goroutines := used()
	rec := new(lifecycletest.Recorder)
	var complaints bytes.Buffer
	s := &httpcore.Server{
		Addr: "127.0.0.1:0", Engine: childEngine(), Workers: 2, MaxConnections: -1,
		Handler: http.HandlerFunc(hello), Collector: rec, ErrorLog: log.New(&complaints, "", 0),
	}
	l, err := s.Listen()
	childFails(err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	childFails(func() error { _, err := askOnce(l.Addr().String()); return err }()) // what is made once is made now
	now, _ := used()
	limit := syscall.Rlimit{Cur: uint64(now + fewDescriptors), Max: uint64(now + fewDescriptors)}
	childFails(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	fmt.Println("serving", l.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	childFails(err)
	childFails(s.Shutdown(context.Background()))
	<-served
	told := 0
	for _, e := range lifecycletest.Of[*lifecycle.ConnectionRejected](rec.Events()) {
		if e.Status != 503 || e.Code != "out_of_descriptors" || e.ClientAddr != "127.0.0.1" || e.ServerAddr != "127.0.0.1" {
			childFails(fmt.Errorf("the event is %+v", e))
		}
		told++
	}
	fmt.Println("told", told)
	fmt.Println("complained", bytes.Contains(complaints.Bytes(), []byte("too many open files; trying again in ")))
	sayWhatIsLeft(files, goroutines)
}

// Out of descriptors, a server goes on with the connections that it has, says 503 to one after the other of the rest, and
// accepts again as soon as it can.
func TestShortageOfDescriptors(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		server := startChild(t, "short", nil, "CHILD_ENGINE="+e.String())
		s := &site{t: t, addr: server.line("serving")}
		var open []*client
		told := 0
		for told < 3 {
			c := s.dial().send(get("/"))
			r := c.recv("GET")
			switch {
			case r.StatusCode == 200:
				open = append(open, c)
				if len(open) > 2*fewDescriptors {
					t.Fatalf("there are %d connections with %d descriptors", len(open), fewDescriptors)
				}
				continue
			case r.StatusCode != 503 || !r.Close || r.Header.Get("X-Wirespan-Error") != "out_of_descriptors" || r.Header.Get("Retry-After") != "1":
				t.Fatalf("got %s %v", r.Status, r.Header)
			}
			told++
			c.eof()
			_ = c.Close()
			for _, c := range open {
				if r := c.send(get("/")).recv("GET"); r.StatusCode != 200 {
					t.Errorf("an open connection got %s", r.Status)
				}
			}
		}
		if len(open) < fewDescriptors/2 {
			t.Errorf("there were no more than %d connections", len(open))
		}
		// One that waits is accepted when another one has gone.
		waiting := s.dial().send(get("/"))
		_ = open[0].Close()
		for r := waiting.recv("GET"); r.StatusCode != 200; r = waiting.recv("GET") {
			told++
			_ = waiting.Close()
			waiting = s.dial().send(get("/"))
		}
		for _, c := range append(open[1:], waiting) {
			_ = c.Close()
		}
		server.drain()
		if got := server.line("told"); got != fmt.Sprint(told) {
			t.Errorf("there were %s events, and %d clients were told", got, told)
		}
		if got := server.line("complained"); got != "true" {
			t.Error("nothing was logged")
		}
		if got := server.line("left"); got != "0 0" {
			t.Errorf("left open: %s descriptors and goroutines", got)
		}
		server.wait()
	})
}
