package statistics

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/wirespan/wirespan/lifecycle"
)

// The bounds of an ErrorTracker. What is beyond them is counted, in a group that says no more than "***".
const (
	maxErrorKinds    = 256 // places and types
	maxErrorMessages = 64  // messages of one place and type
	maxErrorMessage  = 512 // bytes of a message
)

// ErrorOptions says what makes two errors the same. With the zero value it is their place, their type, and the first line
// of their message, where messages that differ in less than half of their words are the same.
type ErrorOptions struct {
	// HideWhere leaves the file and the line out of account.
	HideWhere bool
	// HideType leaves the type out of account.
	HideType bool
	// HideMessage leaves the message out of account.
	HideMessage bool
	// FullMessage takes all lines of the message, not the first alone. It does nothing with HideMessage.
	FullMessage bool
}

// ErrorGroup is a kind of error and how often it came.
type ErrorGroup struct {
	// Where is the file and the line, "handler.go:12", of a panic; empty where it is not known.
	Where string `json:"where"`
	// Type is the code of a [lifecycle.RequestFailed], or the Go type of an error that was added by hand.
	Type string `json:"type"`
	// Message is the message, with "***" for each word in which messages differ.
	Message string `json:"message"`
	Count   int64  `json:"count"`
}

// String returns all but the count: "handler.go:12:handler_panic:panic: no such user".
func (g ErrorGroup) String() string {
	var b strings.Builder
	for _, part := range []string{g.Where, g.Type} {
		if part != "" {
			b.WriteString(part + ":")
		}
	}
	return b.String() + g.Message
}

// ErrorTracker counts errors by their kind. [NewErrorTracker] makes one. Its methods may be called from any goroutine.
// It remembers so many kinds and no more; of the others it knows how many errors there were.
type ErrorTracker struct {
	options ErrorOptions
	mu      sync.Mutex
	kinds   map[errorKind][]errorMessage // in the order of their first error
}

type errorKind struct{ where, typ string }

type errorMessage struct {
	text  string
	count int64
}

// NewErrorTracker returns an empty tracker.
func NewErrorTracker(o ErrorOptions) *ErrorTracker {
	return &ErrorTracker{options: o, kinds: map[errorKind][]errorMessage{}}
}

// Add counts an error; nil is none. Its type is its Go type; where it happened is known of a [lifecycle.PanicError].
func (t *ErrorTracker) Add(err error) {
	if err != nil {
		t.add(fmt.Sprintf("%T", err), err)
	}
}

// add counts an error and returns its group. Count is 1 when it is the first.
func (t *ErrorTracker) add(typ string, err error) ErrorGroup {
	kind := errorKind{where: whereOf(err), typ: typ}
	message := ""
	if err != nil {
		message = err.Error()
	}
	if t.options.HideWhere {
		kind.where = ""
	}
	if t.options.HideType {
		kind.typ = ""
	}
	if !t.options.FullMessage {
		message, _, _ = strings.Cut(message, "\n")
	}
	if t.options.HideMessage {
		message = ""
	}
	if len(message) > maxErrorMessage {
		message = message[:maxErrorMessage]
	}
	return t.count(kind, strings.ToValidUTF8(message, "\uFFFD"), 1)
}

// count adds n errors to the group that they belong to, and returns it.
func (t *ErrorTracker) count(kind errorKind, message string, n int64) ErrorGroup {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.kinds[kind]; !known && len(t.kinds) >= maxErrorKinds-1 { // the last is for all others
		kind, message = errorKind{typ: anything}, anything
	}
	messages := t.kinds[kind]
	i, text := group(messages, message)
	if i < 0 && len(messages) >= maxErrorMessages-1 { // the last is for all others
		i, text = group(messages, anything)
	}
	if i < 0 {
		i = len(messages)
		messages = append(messages, errorMessage{})
	}
	messages[i].text = text
	messages[i].count += n
	t.kinds[kind] = messages
	return ErrorGroup{Where: kind.where, Type: kind.typ, Message: text, Count: messages[i].count}
}

// Total is how many errors there were.
func (t *ErrorTracker) Total() int64 {
	var n int64
	for _, g := range t.groups() {
		n += g.Count
	}
	return n
}

// Unique is how many kinds of errors there were.
func (t *ErrorTracker) Unique() int { return len(t.groups()) }

// MostCommon returns the n kinds that came most often, the most frequent first; all of them when n is negative.
func (t *ErrorTracker) MostCommon(n int) []ErrorGroup {
	groups := t.groups()
	slices.SortFunc(groups, func(a, b ErrorGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.String(), b.String()))
	})
	if n >= 0 && n < len(groups) {
		groups = groups[:n]
	}
	return groups
}

// groups returns all groups in no order.
func (t *ErrorTracker) groups() []ErrorGroup {
	t.mu.Lock()
	defer t.mu.Unlock()
	var groups []ErrorGroup
	for kind, messages := range t.kinds {
		for _, m := range messages {
			groups = append(groups, ErrorGroup{Where: kind.where, Type: kind.typ, Message: m.text, Count: m.count})
		}
	}
	return groups
}

func (t *ErrorTracker) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.kinds)
}

// ErrorCounts are the errors of a tracker as they are saved: by place, type and message.
type ErrorCounts map[string]map[string]map[string]int64

func (t *ErrorTracker) counts() ErrorCounts {
	counts := ErrorCounts{}
	for _, g := range t.groups() {
		if counts[g.Where] == nil {
			counts[g.Where] = map[string]map[string]int64{}
		}
		if counts[g.Where][g.Type] == nil {
			counts[g.Where][g.Type] = map[string]int64{}
		}
		counts[g.Where][g.Type][g.Message] += g.Count
	}
	return counts
}

// restore adds what counts returned.
func (t *ErrorTracker) restore(counts ErrorCounts) {
	for where, types := range counts {
		for typ, messages := range types {
			for _, message := range slices.Sorted(maps.Keys(messages)) {
				t.count(errorKind{where: where, typ: typ}, message, messages[message])
			}
		}
	}
}

// whereOf returns the file and the line of a panic, and "" for other errors.
func whereOf(err error) string {
	p, ok := errors.AsType[*lifecycle.PanicError](err)
	if !ok {
		return ""
	}
	return panicked(string(p.Stack))
}

// panicked finds in a stack, as debug.Stack formats it, the line of the code that panicked: below the call of panic the
// first that is not the runtime's own.
func panicked(stack string) string {
	_, below, found := strings.Cut(stack, "\npanic(")
	if !found {
		return ""
	}
	lines := strings.Split(below, "\n")
	for i := 2; i+1 < len(lines); i += 2 { // a line for the function, one for its place
		if strings.HasPrefix(lines[i], "runtime.") {
			continue
		}
		place, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " ")
		return place[strings.LastIndexByte(place, '/')+1:]
	}
	return ""
}
