package lifecycletest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// log builds the events of one connection, a nanosecond apart.
type log struct {
	id     uint64
	at     int64
	events []lifecycle.Event
}

func newLog(id uint64) *log { return &log{id: id} }

func (l *log) stamp() lifecycle.Stamp { l.at++; return stamp(l.id, l.at) }

func (l *log) add(e lifecycle.Event) *log { l.events = append(l.events, e); return l }

func (l *log) open() *log { return l.add(&lifecycle.ConnectionOpened{Stamp: l.stamp()}) }

func (l *log) openHTTP2() *log {
	return l.add(&lifecycle.ConnectionOpened{Stamp: l.stamp(), Protocol: "h2"})
}

func (l *log) start(index int) *log {
	return l.add(&lifecycle.RequestStarted{Stamp: l.stamp(), Request: &lifecycle.Request{Index: index}})
}

func (l *log) stream(index int) *log {
	return l.add(&lifecycle.StreamOpened{Stamp: l.stamp(), Request: &lifecycle.Request{Index: index}})
}

func (l *log) endStream(index int) *log {
	return l.add(&lifecycle.StreamClosed{Stamp: l.stamp(), Request: &lifecycle.Request{Index: index}})
}

func outcome(index int, bytesSent int64) lifecycle.Outcome {
	return lifecycle.Outcome{Request: &lifecycle.Request{Index: index}, BytesSent: bytesSent}
}

func (l *log) respond(index int, bytesSent int64) *log {
	return l.add(&lifecycle.ResponseCompleted{Stamp: l.stamp(), Outcome: outcome(index, bytesSent)})
}

func (l *log) respondStreamed(index int) *log {
	o := outcome(index, 0)
	o.Streaming = true
	return l.add(&lifecycle.ResponseCompleted{Stamp: l.stamp(), Outcome: o})
}

func (l *log) fail(index int, started bool) *log {
	return l.add(&lifecycle.RequestFailed{Stamp: l.stamp(), Outcome: outcome(index, 3), Code: "code", Started: started})
}

func (l *log) disconnect(index int, bytesSent int64, during bool) *log {
	return l.add(&lifecycle.ClientDisconnected{Stamp: l.stamp(), Outcome: outcome(index, bytesSent), DuringStreaming: during})
}

func (l *log) close(served int, sent int64) *log {
	return l.add(&lifecycle.ConnectionCompleted{
		Stamp: l.stamp(), RequestsServed: served, TotalBytesSent: sent, Reason: lifecycle.ReasonComplete,
	})
}

func TestInvariantsHold(t *testing.T) {
	for name, events := range map[string][]lifecycle.Event{
		"nothing":             nil,
		"silent connection":   newLog(1).open().close(0, 0).events,
		"requests":            newLog(1).open().start(1).respond(1, 5).start(2).respond(2, 6).close(2, 11).events,
		"every end":           newLog(1).open().start(1).fail(1, true).start(2).disconnect(2, 0, false).fail(0, false).close(2, 6).events,
		"head not understood": newLog(1).open().fail(0, false).close(0, 3).events,
		"stream":              newLog(1).open().start(1).stream(1).endStream(1).respondStreamed(1).close(1, 0).events,
		"pipelined": newLog(1).open().start(1).start(2).stream(1).endStream(1).respondStreamed(1).
			start(3).respond(2, 1).respond(3, 2).close(3, 3).events,
		"side by side": newLog(1).openHTTP2().start(1).start(2).stream(1).respond(2, 1).start(3).endStream(1).respondStreamed(1).
			respond(3, 2).close(3, 3).events,
		"rejected":  newLog(1).add(&lifecycle.ConnectionRejected{Stamp: stamp(1, 1)}).events,
		"handshake": newLog(1).add(&lifecycle.TLSHandshakeFailed{Stamp: stamp(1, 1)}).events,
		"interleaved": slices.Concat(
			newLog(1).open().events, newLog(2).open().start(1).events,
			(&log{id: 1, at: 1}).close(0, 0).events, (&log{id: 2, at: 2}).respond(1, 0).close(1, 0).events,
		),
		"at the same time": {
			&lifecycle.ConnectionOpened{Stamp: stamp(1, 5)},
			&lifecycle.ConnectionCompleted{Stamp: stamp(1, 5), Reason: lifecycle.ReasonComplete},
		},
	} {
		if err := lifecycletest.CheckInvariants(events); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInvariantsBroken(t *testing.T) {
	opened := func() *log { return newLog(1).open() }
	started := func() *log { return opened().start(1) }
	withPhases := func(p lifecycle.Phases) []lifecycle.Event {
		o := outcome(1, 0)
		o.Phases = p
		l := started()
		return l.add(&lifecycle.ResponseCompleted{Stamp: l.stamp(), Outcome: o}).close(1, 0).events
	}
	withFields := func(f lifecycle.Fields) []lifecycle.Event {
		l := opened()
		return l.add(&lifecycle.RequestStarted{Stamp: l.stamp(), Request: &lifecycle.Request{Index: 1, Fields: f}}).respond(1, 0).close(1, 0).events
	}
	withResponseFields := func(f lifecycle.Fields) []lifecycle.Event {
		o := outcome(1, 0)
		o.ResponseFields = f
		l := started()
		return l.add(&lifecycle.ResponseCompleted{Stamp: l.stamp(), Outcome: o}).close(1, 0).events
	}
	cookies := lifecycletest.Fields{{"Set-Cookie", "a"}, {"Date", "now"}, {"set-cookie", "b"}}
	if err := lifecycletest.CheckInvariants(withResponseFields(cookies)); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		name   string
		events []lifecycle.Event
		want   string
	}{
		{
			"fields of which only the first value comes", withFields(firstOnly{cookies}),
			"for the field set-cookie [\"a\"], not [\"a\" \"b\"]",
		},
		{
			"fields whose values come without end", withResponseFields(endless{cookies}),
			"ResponseCompleted of connection 1: Next gives the values that All gives",
		},
		{
			"fields whose first value is the last", withFields(lastFirst{cookies}),
			"Get gives the first of the values [\"a\" \"b\"] of the field set-cookie, but \"b\"",
		},
		{
			"never completed", opened().events,
			"connection 1: its ConnectionOpened has no ConnectionCompleted",
		},
		{
			"completed twice", opened().close(0, 0).close(0, 0).events,
			"event 2, ConnectionCompleted of connection 1: ConnectionCompleted is the last event of its connection",
		},
		{
			"opened twice", opened().open().events,
			"event 1, ConnectionOpened of connection 1: a connection is opened once",
		},
		{
			"opened again", opened().close(0, 0).open().events,
			"event 2, ConnectionOpened of connection 1: ConnectionCompleted is the last event",
		},
		{
			"request after the end", opened().close(0, 0).start(1).events,
			"event 2, RequestStarted of connection 1: ConnectionCompleted is the last event",
		},
		{
			"never opened", newLog(1).start(1).events,
			"event 0, RequestStarted of connection 1: ConnectionOpened is the first event",
		},
		{
			"rejected although open", opened().add(&lifecycle.ConnectionRejected{Stamp: stamp(1, 9)}).events,
			"event 1, ConnectionRejected of connection 1: no ConnectionOpened comes before a rejection",
		},
		{
			"opened although rejected", newLog(1).add(&lifecycle.TLSHandshakeFailed{Stamp: stamp(1, 1)}).open().events,
			"event 1, ConnectionOpened of connection 1: a connection that was rejected",
		},
		{
			"no outcome", started().close(1, 0).events,
			"each RequestStarted has one outcome, but request 1 has none",
		},
		{
			"two outcomes", started().respond(1, 0).fail(1, true).events,
			"event 3, RequestFailed of connection 1: request 1 is not under way",
		},
		{
			"outcome of nothing", opened().respond(1, 0).events,
			"request 1 is not under way",
		},
		{
			"disconnect that does not end the request", started().disconnect(1, 0, false).respond(1, 0).events,
			"request 1 is not under way",
		},
		{
			"failure not marked as started", started().fail(1, false).close(1, 3).events,
			"outcomes keep the order of the requests, but request 1 has none yet",
		},
		{
			"outcomes out of order", started().start(2).respond(2, 0).events,
			"outcomes keep the order of the requests, but request 1 has none yet",
		},
		{
			"one outcome of those side by side", newLog(1).openHTTP2().start(1).start(2).respond(2, 0).close(2, 0).events,
			"each RequestStarted has one outcome, but request 1 has none",
		},
		{
			"index skipped", opened().start(2).events,
			"Index counts the requests of a connection from 1, so it should be 1, not 2",
		},
		{
			"too few served", started().respond(1, 0).close(0, 0).events,
			"RequestsServed counts the RequestStarted events, which are 1, not 0",
		},
		{
			"unparsed head counted as served", opened().fail(0, false).close(1, 3).events,
			"RequestsServed counts the RequestStarted events, which are 0, not 1",
		},
		{
			"bytes do not add up", started().respond(1, 5).close(1, 4).events,
			"TotalBytesSent adds up the BytesSent of the outcomes, which is 5, not 4",
		},
		{
			"bytes of a failure forgotten", opened().fail(0, false).close(0, 0).events,
			"TotalBytesSent adds up the BytesSent of the outcomes, which is 3, not 0",
		},
		{
			"no reason", opened().add(&lifecycle.ConnectionCompleted{Stamp: stamp(1, 2)}).events,
			"a connection ends for a reason",
		},
		{
			"time goes back", opened().add(&lifecycle.ConnectionCompleted{Stamp: stamp(1, -4), Reason: "complete"}).events,
			"timestamps never go back on a connection, but this one does, by 5 ns",
		},
		{
			"no timestamp", newLog(1).add(&lifecycle.ConnectionOpened{Stamp: stamp(1, 0)}).events,
			"an event has a timestamp",
		},
		{
			"no id", newLog(0).open().events,
			"a connection has an id",
		},
		{
			"another worker", opened().add(&lifecycle.ConnectionCompleted{
				Stamp: lifecycle.Stamp{ConnectionID: 1, WorkerID: 1, TimestampNS: 9}, Reason: "complete",
			}).events,
			"a connection stays with the worker that accepted it, which was 0, not 1",
		},
		{
			"stream of nothing", opened().stream(1).events,
			"event 1, StreamOpened of connection 1: request 1 is not under way",
		},
		{
			"stream opened twice", started().stream(1).stream(1).events,
			"the stream of request 1 is opened once",
		},
		{
			"stream closed but not opened", started().endStream(1).events,
			"the stream of request 1 was not opened",
		},
		{
			"stream closed twice", started().stream(1).endStream(1).endStream(1).events,
			"the stream of request 1 is closed once",
		},
		{
			"stream closed after the outcome", started().stream(1).respondStreamed(1).endStream(1).close(1, 0).events,
			"event 3, ResponseCompleted of connection 1: the stream of request 1 is closed before its outcome",
		},
		{
			"streaming without a stream", started().respondStreamed(1).events,
			"Streaming says whether there was a StreamOpened, but for request 1 it is true",
		},
		{
			"a stream without streaming", started().stream(1).endStream(1).respond(1, 0).events,
			"Streaming says whether there was a StreamOpened, but for request 1 it is false",
		},
		{
			"disconnected during streaming without a byte", started().disconnect(1, 0, true).events,
			"DuringStreaming says whether body bytes had been sent, but it is true after 0",
		},
		{
			"disconnected before streaming with bytes", started().disconnect(1, 5, false).events,
			"DuringStreaming says whether body bytes had been sent, but it is false after 5",
		},
		{
			"failure without a code", started().add(&lifecycle.RequestFailed{Stamp: stamp(1, 9), Outcome: outcome(1, 0), Started: true}).events,
			"a RequestFailed has a code",
		},
		{
			"start without a request", opened().add(&lifecycle.RequestStarted{Stamp: stamp(1, 9)}).events,
			"an event of a request has a Request",
		},
		{
			"outcome without a request", started().add(&lifecycle.ResponseCompleted{Stamp: stamp(1, 9)}).events,
			"an event of a request has a Request",
		},
		{
			"unparsed head without a request", opened().add(&lifecycle.RequestFailed{Stamp: stamp(1, 9), Code: "code"}).events,
			"an event of a request has a Request",
		},
		{
			"head parsed before its first byte", withPhases(lifecycle.Phases{FirstByte: 9, HeadParsed: 8}),
			"phases follow one another, but HeadParsed lies before FirstByte",
		},
		{
			"handler ended before the head was there", withPhases(lifecycle.Phases{HeadParsed: 9, HandlerEnd: 8}),
			"HandlerEnd lies before HeadParsed",
		},
		{
			"last byte before the first", withPhases(lifecycle.Phases{HandlerStart: 1, FirstResponseByte: 9, LastByte: 8}),
			"LastByte lies before FirstResponseByte",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := lifecycletest.CheckInvariants(c.events)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("found %v, want %q", err, c.want)
			}
		})
	}
}

// firstOnly forgets the lines of a field but one.
type firstOnly struct{ lifecycletest.Fields }

func (f firstOnly) Next(name string, at int) (value string, after int) {
	if at > 0 {
		return "", -1
	}
	return f.Fields.Next(name, at)
}

// endless begins from the start again.
type endless struct{ lifecycletest.Fields }

func (f endless) Next(name string, _ int) (value string, after int) { return f.Fields.Next(name, 0) }

// lastFirst gives the last value of a field.
type lastFirst struct{ lifecycletest.Fields }

func (f lastFirst) Get(name string) (last string) {
	for v, at := f.Next(name, 0); at >= 0; v, at = f.Next(name, at) {
		last = v
	}
	return last
}
