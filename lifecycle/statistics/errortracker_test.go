package statistics_test

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// panicError returns what a server makes of a handler that panics.
func panicError(t *testing.T) (err *lifecycle.PanicError) {
	t.Helper()
	defer func() { err = &lifecycle.PanicError{Value: recover(), Stack: debug.Stack()} }()
	var nothing *lifecycle.PanicError
	return &lifecycle.PanicError{Value: nothing.Value}
}

// S69: errors are counted by place, type and message.
func TestS69Groups(t *testing.T) {
	e := statistics.NewErrorTracker(statistics.ErrorOptions{})
	e.Add(nil)
	equal(t, "errors of none", e.Total(), 0)
	for range 3 {
		e.Add(errors.New("no such user"))
	}
	e.Add(fmt.Errorf("no such user: %w", errors.New("x")))
	e.Add(panicError(t))
	e.Add(panicError(t))
	equal(t, "total", e.Total(), 6)
	equal(t, "unique", e.Unique(), 3)
	all := e.MostCommon(-1)
	equal(t, "the most common", all[0].String(), "*errors.errorString:no such user")
	equal(t, "its count", all[0].Count, 3)
	equal(t, "the next", all[1].Count, 2)
	if got := all[1].String(); !strings.HasPrefix(got, "errortracker_test.go:19:*lifecycle.PanicError:panic: runtime error: ") {
		t.Errorf("a panic is %s", got)
	}
	equal(t, "the three most common", len(e.MostCommon(3)), 3)
	equal(t, "the most common", len(e.MostCommon(1)), 1)
	equal(t, "none", len(e.MostCommon(0)), 0)
}

// S69: messages that differ in less than half of their words are one group.
func TestS69SimilarMessages(t *testing.T) {
	for _, c := range []struct {
		messages []string
		want     string // the groups, the most common first
	}{
		{[]string{"user 1 is gone", "user 2 is gone", "user 3 is gone"}, "user *** is gone"},
		{[]string{"a b", "a c"}, "a b, a c"},                             // half of the words
		{[]string{"a b c", "a b d", "a b"}, "a b ***, a b"},              // half of the shorter one's
		{[]string{"a b c", "a b c d"}, "a b c ***"},                      // what is missing differs
		{[]string{"one", "two"}, "one, two"},                             // a word is like no other
		{[]string{"", "a"}, ", a"},                                       // nor is none
		{[]string{"a b c\nfirst", "a b c\nsecond"}, "a b c"},             // the first line counts
		{[]string{"x 1 y z", "x 1 y z", "x 2 y z", "q"}, "x *** y z, q"}, // no count is lost by merging
	} {
		e := statistics.NewErrorTracker(statistics.ErrorOptions{HideType: true})
		for _, m := range c.messages {
			e.Add(errors.New(m))
		}
		var got []string
		for _, g := range e.MostCommon(-1) {
			got = append(got, g.Message)
		}
		equal(t, fmt.Sprintf("%q", c.messages), strings.Join(got, ", "), c.want)
		equal(t, "total", e.Total(), int64(len(c.messages)))
	}
}

// S69: each part can be left out of account.
func TestS69Options(t *testing.T) {
	for want, o := range map[string]statistics.ErrorOptions{
		"*errors.errorString:first line":              {},
		"first line":                                  {HideType: true, HideWhere: true},
		"*errors.errorString:":                        {HideMessage: true, FullMessage: true},
		"*errors.errorString:first line\nsecond line": {FullMessage: true},
	} {
		e := statistics.NewErrorTracker(o)
		e.Add(errors.New("first line\nsecond line"))
		equal(t, "the group", e.MostCommon(1)[0].String(), want)
	}
	e := statistics.NewErrorTracker(statistics.ErrorOptions{HideWhere: true})
	e.Add(panicError(t))
	equal(t, "the place", e.MostCommon(1)[0].Where, "")
}

func TestPanicWithoutAStack(t *testing.T) {
	for _, stack := range []string{"", "goroutine 1 [running]:\n", "x\npanic(", "x\npanic(1)\n\t/p.go:1 +0x1\nruntime.f()"} {
		e := statistics.NewErrorTracker(statistics.ErrorOptions{})
		e.Add(&lifecycle.PanicError{Value: "oops", Stack: []byte(stack)})
		equal(t, "the place", e.MostCommon(1)[0].Where, "")
	}
}

// Errors that are all different do not take memory without bound, and all are counted.
func TestErrorsAreBounded(t *testing.T) {
	const each = 300
	s := started(t, statistics.Options{})
	c := open(s, 0)
	for n := range each {
		c.fail(400, "same", errors.New(fmt.Sprint(n)))
		c.fail(400, fmt.Sprint(n), errors.New(strings.Repeat("\xff", 10_000)))
	}
	e := s.Errors()
	equal(t, "total", e.Total(), 2*each)
	if groups := e.Unique(); groups > 64+256 {
		t.Errorf("%d groups", groups)
	}
	most := e.MostCommon(1)[0]
	equal(t, "the group of all others", most.String(), "same:***")
	equal(t, "its count", most.Count, each-63)
	for _, g := range e.MostCommon(-1) {
		if len(g.Message) > 3*512 {
			t.Fatalf("a message of %d bytes is kept", len(g.Message))
		}
	}
}
