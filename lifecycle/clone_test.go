package lifecycle_test

import (
	"errors"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// backing is memory that strings are views of.
type backing struct{ b []byte }

func newBacking() *backing { return &backing{make([]byte, 0, 4<<10)} }

func (m *backing) view(s string) string {
	at := len(m.b)
	m.b = append(m.b, s...)
	return unsafe.String(&m.b[at], len(s))
}

func (m *backing) overwrite() {
	for i := range m.b {
		m.b[i] = '#'
	}
}

// samples returns one event of each type with all there can be in it; its strings go through view.
func samples(view func(string) string) []lifecycle.Event {
	stamp := lifecycle.Stamp{ConnectionID: 7, WorkerID: 3, TimestampNS: 99}
	peers := lifecycle.Peers{
		ClientAddr: view("203.0.113.5"), ClientPort: 50123,
		ServerAddr: view("192.0.2.1"), ServerPort: 8080, Network: "tcp",
	}
	request := &lifecycle.Request{
		Index: 2, Method: view("GET"), Target: view("/users/42?x=1"), HTTPVersion: view("1.1"),
		Host: view("wirespan.example"), Scheme: "https", RequestID: view("0192f6c1-6f0e-7abc-8def-0123456789ab"),
		Fields: lifecycletest.Fields{{view("User-Agent"), view("curl/8")}, {view("Accept"), view("*/*")}},
		Trace:  lifecycle.TraceContext{TraceID: [16]byte{1}, SpanID: [8]byte{2}, ParentSpanID: [8]byte{3}, Flags: 1, State: "a=1"},
	}
	outcome := lifecycle.Outcome{
		Request: request, Route: view("/users/{id}"), Status: 200, BytesSent: 12, HeadBytes: 80, BytesReceived: 5,
		Duration: 1234567 * time.Nanosecond, Streaming: true, Phases: lifecycle.Phases{FirstByte: 1, LastByte: 2},
		ResponseFields: lifecycletest.Fields{{view("Content-Type"), view("text/plain")}},
	}
	cause := errors.New("cause")
	return []lifecycle.Event{
		&lifecycle.ConnectionOpened{Stamp: stamp, Peers: peers, Protocol: "h1", AcceptedNS: 5, HandshakeStartNS: 6, HandshakeEndNS: 7},
		&lifecycle.RequestStarted{Stamp: stamp, Request: request, Phases: lifecycle.Phases{FirstByte: 1}, Ended: true},
		&lifecycle.StreamOpened{Stamp: stamp, Request: request, Upgraded: true},
		&lifecycle.StreamClosed{Stamp: stamp, Request: request, Duration: time.Second, Reason: lifecycle.ReasonComplete},
		&lifecycle.ResponseCompleted{Stamp: stamp, Outcome: outcome},
		&lifecycle.RequestFailed{Stamp: stamp, Outcome: outcome, Code: "handler_panic", Err: cause, Started: true},
		&lifecycle.ClientDisconnected{Stamp: stamp, Outcome: outcome, DuringStreaming: true, Err: cause},
		&lifecycle.ConnectionCompleted{Stamp: stamp, RequestsServed: 2, TotalBytesSent: 24, Duration: time.Second, Reason: lifecycle.ReasonTimeout},
		&lifecycle.ConnectionRejected{Stamp: stamp, Peers: peers, Status: 503, Code: "server_draining"},
		&lifecycle.TLSHandshakeFailed{Stamp: stamp, Peers: peers, AcceptedNS: 5, HandshakeStartNS: 6, Err: cause},
	}
}

func unchanged(s string) string { return s }

func TestSamplesAreComplete(t *testing.T) {
	for _, e := range samples(unchanged) {
		v := reflect.ValueOf(e).Elem()
		for f, value := range v.Fields() {
			if value.IsZero() && f.Name != "TLS" {
				t.Errorf("%s.%s is zero in the sample", e.Name(), f.Name)
			}
		}
	}
}

// TestCloneIsDeep overwrites what the original's strings are views of: the clone must not change.
func TestCloneIsDeep(t *testing.T) {
	for i, want := range samples(unchanged) {
		t.Run(want.Name(), func(t *testing.T) {
			memory := newBacking()
			original := samples(memory.view)[i]
			clone := original.Clone()
			again := clone.Clone()
			memory.overwrite()
			reflect.ValueOf(original).Elem().SetZero()
			for _, c := range []lifecycle.Event{clone, again} {
				if !reflect.DeepEqual(c, want) {
					t.Errorf("the clone changed with its original:\n%+v\nwant\n%+v", c, want)
				}
			}
		})
	}
}

// TestCloneOfPartialEvents clones what an emitter may leave out.
func TestCloneOfPartialEvents(t *testing.T) {
	for _, e := range []lifecycle.Event{
		&lifecycle.RequestStarted{Request: &lifecycle.Request{}},
		&lifecycle.ResponseCompleted{Outcome: lifecycle.Outcome{Request: &lifecycle.Request{}}},
		&lifecycle.RequestFailed{},
		&lifecycle.RequestStarted{},
	} {
		if c := e.Clone(); !reflect.DeepEqual(c, e) {
			t.Errorf("%s: the clone is %+v, want %+v", e.Name(), c, e)
		}
	}
}

// TestTheOutcomeIsShared recognises which events end a request.
func TestTheOutcomeIsShared(t *testing.T) {
	for _, e := range samples(unchanged) {
		var want *lifecycle.Outcome
		switch e := e.(type) {
		case *lifecycle.ResponseCompleted:
			want = &e.Outcome
		case *lifecycle.RequestFailed:
			want = &e.Outcome
		case *lifecycle.ClientDisconnected:
			want = &e.Outcome
		}
		if got := lifecycle.OutcomeOf(e); got != want {
			t.Errorf("OutcomeOf(%s) is %p, want %p", e.Name(), got, want)
		}
	}
}

func TestEventsNameTheirType(t *testing.T) {
	for _, e := range samples(unchanged) {
		if want := reflect.TypeOf(e).Elem().Name(); e.Name() != want {
			t.Errorf("%s calls itself %s", want, e.Name())
		}
		if got := e.When(); got != (lifecycle.Stamp{ConnectionID: 7, WorkerID: 3, TimestampNS: 99}) {
			t.Errorf("%s: When() is %+v", e.Name(), got)
		}
	}
}
