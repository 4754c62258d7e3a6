package http1

import (
	"fmt"
	"strings"
	"testing"
)

var (
	limits = Limits{MaxTargetBytes: 8 << 10, MaxHeaderBytes: 64 << 10, MaxHeaders: 100}
	small  = Limits{MaxTargetBytes: 16, MaxHeaderBytes: 100, MaxHeaders: 3}
)

// statusOf has the status that goes with each code. "" is acceptance.
var statusOf = map[string]int{
	"": 0, CodeInvalidRequestLine: 400, CodeInvalidHeaders: 400, CodeInvalidChunkedBody: 400, CodeTargetTooLong: 414,
	CodeUnsupportedExpectation: 417, CodeHeadTooLarge: 431, CodeTooManyHeaders: 431, CodeUnsupportedCoding: 501,
	CodeInvalidHTTPVersion: 505,
}

// caret stands in front of the byte at which a refusal must fall.
const caret = "‸"

// split takes the caret out of a row's input.
func split(t *testing.T, in, code string) (b []byte, at int) {
	t.Helper()
	at = strings.Index(in, caret)
	if (at >= 0) != (code != "") {
		t.Fatal("a row has a caret if it is refused, and only then")
	}
	return []byte(strings.Replace(in, caret, "", 1)), at
}

// verdict is what Parse came to, for comparison.
type verdict struct {
	n      int
	status int
	code   string
	reason string
	at     int
	head   string // what was understood, if it was accepted
}

func (v verdict) String() string {
	if v.status != 0 {
		return fmt.Sprintf("%d %s at %d (%s)", v.status, v.code, v.at, v.reason)
	}
	return fmt.Sprintf("%d bytes: %s", v.n, v.head)
}

func verdictOf(h *Head, b []byte, n int, err *Error) verdict {
	if err != nil {
		return verdict{n: n, status: err.Status, code: err.Code, reason: err.Reason, at: err.Offset}
	}
	v := verdict{n: n}
	if n > 0 {
		v.head = describe(h, b)
	}
	return v
}

// describe writes down everything exported of h.
func describe(h *Head, b []byte) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%q %q %d form %d host %q authority %q", h.Method.In(b), h.Target.In(b), h.Minor, h.Form, h.Host.In(b), h.Authority.In(b))
	fmt.Fprintf(&s, " length %d chunked %v close %v keep-alive %v upgrade %v continue %v",
		h.ContentLength, h.Chunked, h.Close, h.KeepAlive, h.Upgrade, h.ExpectContinue)
	fmt.Fprintf(&s, " %q %q %q", h.UpgradeProtocol.In(b), h.AcceptEncoding.In(b), h.Traceparent.In(b))
	for _, f := range h.Fields {
		fmt.Fprintf(&s, " %q=%q", f.Name.In(b), f.Value.In(b))
	}
	return s.String()
}

func parseWhole(b []byte, lim Limits) verdict {
	var h Head
	h.Reset()
	n, err := h.Parse(b, lim)
	return verdictOf(&h, b, n, err)
}

// parsePieces gives Parse the first cut bytes, then step more at a time, and nothing behind them to look at.
func parsePieces(b []byte, lim Limits, cut, step int) verdict {
	var h Head
	h.Reset()
	for end := cut; ; end = min(end+step, len(b)) {
		n, err := h.Parse(b[:end:end], lim)
		if n > 0 || err != nil || end == len(b) {
			return verdictOf(&h, b, n, err)
		}
	}
}

// checkHead parses in whole, split at every byte, and a byte at a time, and holds the verdicts against the row.
func checkHead(t *testing.T, in, code string, lim Limits) verdict {
	t.Helper()
	b, at := split(t, in, code)
	whole := parseWhole(b, lim)
	if whole.code != code || whole.status != statusOf[code] {
		t.Fatalf("%v, want code %q", whole, code)
	}
	if code == "" && whole.n != len(b) {
		t.Fatalf("the head is %d bytes long, want %d", whole.n, len(b))
	}
	if code != "" && whole.at != at {
		t.Fatalf("%v, want it at %d, %q", whole, at, b[at:])
	}
	for cut := range b {
		if got := parsePieces(b, lim, cut, len(b)); got != whole {
			t.Fatalf("split at %d: %v, whole: %v", cut, got, whole)
		}
	}
	checkTrickle(t, b, lim, whole)
	return whole
}

// checkTrickle parses a byte at a time. Parse must speak as soon as the byte is there that decides, must not look at a
// byte twice, and must not mind that the bytes move.
func checkTrickle(t *testing.T, b []byte, lim Limits, whole verdict) {
	t.Helper()
	var h Head
	h.Reset()
	buffers := [2][]byte{make([]byte, len(b)), make([]byte, len(b))}
	for end := 1; end <= len(b); end++ {
		moved := buffers[end%2][:end:end]
		clear(buffers[1-end%2])
		copy(moved, b)
		n, err := h.Parse(moved, lim)
		switch {
		case n > 0 || err != nil:
			if got := verdictOf(&h, moved, n, err); got != whole {
				t.Fatalf("a byte at a time: %v, whole: %v", got, whole)
			}
			if err != nil && err.Offset != end-1 {
				t.Fatalf("decided by byte %d, but only said after byte %d: %v", err.Offset, end-1, whole)
			}
			return
		case h.pos < end-1:
			t.Fatalf("of %d bytes only %d are done with: the rest will be looked at again", end, h.pos)
		}
	}
	if whole.n > 0 || whole.status != 0 {
		t.Fatalf("a byte at a time asks for more, whole: %v", whole)
	}
}
