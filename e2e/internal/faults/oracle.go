package faults

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// Serial is where a request has its number: the path of "/spans/17", which is the attribute url.path of its span.
const Serial = "/spans/"

// Oracle knows which spans came. Its methods may be called from any goroutine.
type Oracle struct {
	mu       sync.Mutex
	spans    map[string]*Fate // by span id
	serials  map[int]*Fate
	calls    []*Call
	taken    int // spans, those that came again included
	unique   int
	problems []string
}

// Fate is what became of a span.
type Fate struct {
	Serial   int // of its request; -1 when it is not the span of a numbered request
	Attempts int // how often it came, whatever the answer was
	Taken    int // how often it was taken
	At       time.Time
}

// Counts are the sums.
type Counts struct{ Calls, Unique, Duplicate int }

func newOracle() *Oracle {
	return &Oracle{spans: map[string]*Fate{}, serials: map[int]*Fate{}}
}

// arrive notes a call, before it is answered.
func (o *Oracle) arrive(c *Call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, c)
	c.N, c.size = len(o.calls), len(c.Spans)
	for _, s := range c.Spans {
		f := o.spans[string(s.SpanId)]
		if f == nil {
			f = &Fate{Serial: serial(s)}
			o.spans[string(s.SpanId)] = f
			o.serials[f.Serial] = f
			if what := s.Malformed(); what != "" {
				o.problems = append(o.problems, what+": "+s.String())
			}
		}
		f.Attempts++
	}
}

// take notes that the spans of a call were taken, but for the first few.
func (o *Oracle) take(c *Call, rejected int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.taken = true
	for _, s := range c.Spans[rejected:] {
		f := o.spans[string(s.SpanId)]
		f.Taken++
		o.taken++
		if f.Taken == 1 {
			f.At = time.Now()
			o.unique++
		}
	}
}

// forget lets go of the spans of a call that was answered.
func (o *Oracle) forget(c *Call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.Spans = nil
}

// serial returns -1 for a span without a number.
func serial(s *sink.Span) int {
	path, _ := s.Attrs["url.path"].(string)
	number, ok := strings.CutPrefix(path, Serial)
	if n, err := strconv.Atoi(number); ok && err == nil {
		return n
	}
	return -1
}

// Counts returns the sums so far.
func (o *Oracle) Counts() Counts {
	o.mu.Lock()
	defer o.mu.Unlock()
	return Counts{Calls: len(o.calls), Unique: o.unique, Duplicate: o.taken - o.unique}
}

// Fate returns what became of the span of a numbered request so far; zero when it has not come.
func (o *Oracle) Fate(serial int) Fate {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f := o.serials[serial]; f != nil {
		return *f
	}
	return Fate{Serial: serial}
}

// Fates returns what became of all spans that came, in no order.
func (o *Oracle) Fates() []Fate {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make([]Fate, 0, len(o.spans))
	for f := range maps.Values(o.spans) {
		all = append(all, *f)
	}
	return all
}

// CallsBetween counts the calls that came in a span of time.
func (o *Oracle) CallsBetween(begin, end time.Time) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, c := range o.calls {
		if c.At.After(begin) && c.At.Before(end) {
			n++
		}
	}
	return n
}

// FirstTaken returns when the first call after a moment was taken whole or in part; zero when none was.
func (o *Oracle) FirstTaken(after time.Time) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.calls {
		if c.taken && c.At.After(after) {
			return c.At
		}
	}
	return time.Time{}
}

// Largest returns how many spans the largest call had.
func (o *Oracle) Largest() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, c := range o.calls {
		n = max(n, c.size)
	}
	return n
}

// Problems returns what the protocol forbids about spans that came.
func (o *Oracle) Problems() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.problems)
}
