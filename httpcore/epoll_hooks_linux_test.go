package httpcore_test

import (
	"net/http"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// A connection whose handler has been slow is dispatched to a goroutine of its own when it comes back.
func TestHooksOfTheDispatchQueue(t *testing.T) {
	release := make(chan struct{})
	s, l := startHooked(t, &httpcore.Server{Engine: httpcore.EngineEpoll, Workers: 1, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
		hello(w, r)
	})})
	slow := s.dial().send(get("/slow"))
	l.waitFor(t, "TaskBeforeSend", 1)
	s.dial().send(get("/")).recv("GET") // the baton has moved on
	close(release)
	slow.recv("GET")
	slow.send(get("/")).recv("GET")
	put, got := 0, 0
	for _, c := range l.all() {
		i, ok := c.info.(instrument.QueueEvent)
		if !ok || i.Queue != instrument.QueueDispatch || i.Item.(instrument.Conn).Remote != slow.LocalAddr().String() {
			continue
		}
		if c.name == "QueuePut" {
			put++
			if !i.Immediate || i.Wait != 0 {
				t.Errorf("QueuePut: %+v", i)
			}
		} else {
			got++
			if i.Wait <= 0 {
				t.Errorf("QueueGet: %+v", i)
			}
		}
	}
	if put != 1 || got != 1 {
		t.Errorf("the connection was put into the queue %d times, and taken out %d times: %s", put, got, l.names())
	}
}
