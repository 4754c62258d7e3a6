//go:build checks

package httpcore

import (
	"strings"
	"testing"
)

// panics returns what f panics with; "" when it does not.
func panics(f func()) (said string) {
	defer func() { said, _ = recover().(string) }()
	f()
	return
}

func TestExclusive(t *testing.T) {
	var e exclusive
	e.enter("sing")
	if said := panics(func() { e.enter("sing") }); said != "httpcore: two goroutines sing" {
		t.Errorf("the second to enter was told %q", said)
	}
	e.leave()
	if said := panics(func() { e.enter("sing") }); said != "" {
		t.Errorf("the next to enter was told %q", said)
	}
}

func TestUseOfABufferThatWasGivenBack(t *testing.T) {
	var p bufferPool
	b := p.get(minBuffer)
	copy(b, "mine")
	p.put(b)
	if strings.Contains(string(b), "mine") {
		t.Error("what was in it can still be read")
	}
	b[17]++
	if panics(func() { checkPoison(b) }) == "" {
		t.Error("a write to it is not noticed")
	}
}
