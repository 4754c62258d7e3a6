package accesslog

import (
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// Record is what a line is made of: how a request ended, and on which connection. Like the event it was made from, it is
// borrowed: whoever is given one may use it, and every string in it, until it returns.
type Record struct {
	lifecycle.Stamp
	// Peers are empty when the events of the connection began without its ConnectionOpened.
	lifecycle.Peers
	*lifecycle.Outcome
	// Event is the name of the event that ended the request.
	Event string
	// Code is that of a RequestFailed, else "".
	Code string

	vars    *vars
	limit   int   // of a value; 0 is maxValue
	problem error // what went wrong while the line was made
}

func (r *Record) valueLimit() int {
	if r.limit == 0 {
		return maxValue
	}
	return r.limit
}

// RecordOf makes the Record of a request from the event that ended it. It reports false for every other event.
func RecordOf(e lifecycle.Event, p lifecycle.Peers) (Record, bool) {
	var r Record
	ok := r.fill(e, &p)
	return r, ok
}

func (r *Record) fill(e lifecycle.Event, p *lifecycle.Peers) bool {
	r.Outcome = lifecycle.OutcomeOf(e)
	if r.Outcome == nil {
		return false
	}
	r.Stamp, r.Peers, r.Event = e.When(), *p, e.Name()
	if failed, ok := e.(*lifecycle.RequestFailed); ok {
		r.Code = failed.Code
	}
	return true
}

// Begun is the wall time at which the request began: its first byte was read.
func (r *Record) Begun() time.Time {
	at := r.Phases.FirstByte
	if at == 0 {
		at = r.TimestampNS - int64(r.Duration)
	}
	return lifecycle.WallTime(at)
}

// took is the Duration, which is never negative in a line.
func (r *Record) took() time.Duration { return max(r.Duration, 0) }

// aborted reports whether the client left before it had a status.
func (r *Record) aborted() bool {
	return r.Status == 0 && r.Event == (*lifecycle.ClientDisconnected)(nil).Name()
}
