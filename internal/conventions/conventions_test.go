package conventions_test

import (
	"testing"

	"github.com/wirespan/wirespan/internal/conventions"
	"github.com/wirespan/wirespan/lifecycle"
)

func TestConnectionError(t *testing.T) {
	for _, c := range []struct {
		reason              lifecycle.Reason
		alone, afterFailure string
	}{
		{lifecycle.ReasonComplete, "", ""},
		{lifecycle.ReasonDrain, "", ""},
		{lifecycle.ReasonTimeout, "", "read_timeout"},
		{lifecycle.ReasonLimit, "", "read_timeout"},
		{lifecycle.ReasonError, "error", "read_timeout"},
		{lifecycle.ReasonBackpressure, "backpressure", "read_timeout"},
		{lifecycle.ReasonClientDisconnect, "client_disconnect", "read_timeout"},
	} {
		if got := conventions.ConnectionError(c.reason, ""); got != c.alone {
			t.Errorf("%s alone is %q, want %q", c.reason, got, c.alone)
		}
		if got := conventions.ConnectionError(c.reason, "read_timeout"); got != c.afterFailure {
			t.Errorf("%s after a request that failed is %q, want %q", c.reason, got, c.afterFailure)
		}
	}
}

func TestRequestEnd(t *testing.T) {
	const event, last = 100, 90
	for name, c := range map[string]struct {
		outcome      lifecycle.Outcome
		disconnected bool
		want         int64
	}{
		"whole":                       {outcome: lifecycle.Outcome{Phases: lifecycle.Phases{HandlerEnd: 80, LastByte: last}}, want: last},
		"nothing was sent":            {outcome: lifecycle.Outcome{Phases: lifecycle.Phases{HandlerEnd: 80}}, want: event},
		"sent before the handler":     {outcome: lifecycle.Outcome{Phases: lifecycle.Phases{HandlerEnd: 95, LastByte: last}}, want: event},
		"a stream":                    {outcome: lifecycle.Outcome{Streaming: true, Phases: lifecycle.Phases{LastByte: last}}, want: event},
		"the client was gone by then": {outcome: lifecycle.Outcome{Phases: lifecycle.Phases{LastByte: last}}, disconnected: true, want: event},
	} {
		if got := conventions.RequestEnd(lifecycle.Stamp{TimestampNS: event}, &c.outcome, c.disconnected); got != c.want {
			t.Errorf("%s: ended at %d, want %d", name, got, c.want)
		}
	}
}
