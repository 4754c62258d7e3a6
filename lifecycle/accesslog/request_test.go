package accesslog_test

import (
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/accesslog"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// peers are those of every connection here.
var peers = lifecycle.Peers{ClientAddr: "203.0.113.5", ClientPort: 50123, ServerAddr: "192.0.2.1", ServerPort: 8080, Network: "tcp"}

// answered is a request that was answered; each test changes what it is about.
func answered() *lifecycle.ResponseCompleted {
	now := lifecycle.MonotonicNS()
	at := func(d time.Duration) int64 { return now + int64(d) }
	return &lifecycle.ResponseCompleted{
		Stamp: lifecycle.Stamp{ConnectionID: 7, WorkerID: 3, TimestampNS: at(1234567 * time.Microsecond)},
		Outcome: lifecycle.Outcome{
			Request: &lifecycle.Request{
				Index: 2, Method: "GET", Target: "/a%20b?c=d", HTTPVersion: "1.1", Host: "shop.example", Scheme: "http", RequestID: "id-of-the-request",
				Fields: lifecycletest.Fields{
					{"Host", "shop.example"},
					{"Referer", "http://ref.example/"},
					{"User-Agent", "agent/1.0"},
					{"Authorization", "Basic YnJrMHY6c2VjcmV0"},
				},
				Trace: lifecycle.TraceContext{TraceID: [16]byte{0x0a, 15: 1}, SpanID: [8]byte{0x0b, 7: 2}, Flags: 1},
			},
			Route: "/{name}", Status: 200, BytesSent: 512, HeadBytes: 120, BytesReceived: 64,
			Duration: 1234567 * time.Microsecond,
			Phases: lifecycle.Phases{
				IdleSince: at(-5 * time.Millisecond), FirstByte: at(0), HeadParsed: at(250 * time.Microsecond),
				HandlerStart: at(time.Millisecond), FirstResponseByte: at(2 * time.Millisecond),
				HandlerEnd: at(1234 * time.Millisecond), LastByte: at(1234567 * time.Microsecond),
			},
			ResponseFields: lifecycletest.Fields{{"Content-Length", "512"}, {"Content-Type", "text/plain"}},
		},
	}
}

// aborted is a request whose client left before it had a status.
func aborted() *lifecycle.ClientDisconnected {
	o := answered().Outcome
	o.Status, o.BytesSent, o.ResponseFields = 0, 0, nil
	return &lifecycle.ClientDisconnected{Stamp: answered().Stamp, Outcome: o}
}

// unparsable is a request of which nothing could be understood.
func unparsable() *lifecycle.RequestFailed {
	return &lifecycle.RequestFailed{
		Stamp: answered().Stamp, Code: "invalid_request_line",
		Outcome: lifecycle.Outcome{Request: &lifecycle.Request{}, Status: 400, BytesSent: 11},
	}
}

// line formats e.
func line(t *testing.T, format string, o accesslog.FormatOptions, e lifecycle.Event) string {
	t.Helper()
	f, err := accesslog.Compile(format, o)
	if err != nil {
		t.Fatal(err)
	}
	r, ok := accesslog.RecordOf(e, peers)
	if !ok {
		t.Fatalf("%s ends no request", e.Name())
	}
	return string(f.Append(nil, &r))
}
