package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// books are a server's accounts of its spans at one moment.
type books struct {
	made, recovered                              uint64
	exported, rejected, dropped, queued, spooled uint64
	why                                          map[string]uint64 // dropped, by reason
}

// balance checks that each span is in exactly one of them.
func (b *books) balance(t *testing.T) {
	t.Helper()
	if b.made+b.recovered != b.exported+b.rejected+b.dropped+b.queued+b.spooled {
		t.Errorf("the accounts do not balance: %+v", *b)
	}
}

// unlike returns how many spans were dropped for other reasons than these.
func (b *books) unlike(reasons ...string) uint64 {
	n := b.dropped
	for _, r := range reasons {
		n -= b.why[r]
	}
	return n
}

var booksLine = regexp.MustCompile(`traces: .*; spans: (\d+) made(?: and (\d+) recovered)? = (\d+) exported \+ (\d+) rejected \+ (\d+) dropped(?: \(([^)]*)\))?` +
	` \+ (\d+) queued(?: \+ (\d+) spooled)?`)

// ask reads the accounts of a server from /readyz?verbose, and checks that they balance.
func (w *wirespan) ask(t *testing.T) books {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(w.admin + "/readyz?verbose")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	m := booksLine.FindStringSubmatch(string(text))
	if m == nil {
		t.Fatalf("/readyz?verbose says nothing about spans:\n%s", text)
	}
	b := books{why: reasons(t, m[6])}
	for i, n := range []*uint64{&b.made, &b.recovered, &b.exported, &b.rejected, &b.dropped, nil, &b.queued, &b.spooled} {
		if n != nil && m[i+1] != "" { // without a spool some are not there
			*n = number(t, m[i+1])
		}
	}
	b.balance(t)
	return b
}

// askUntil asks again and again, and fails the test when the accounts are never as wanted.
func (w *wirespan) askUntil(t *testing.T, what string, is func(*books) bool) books {
	t.Helper()
	for deadline := time.Now().Add(2 * patience); ; time.Sleep(20 * time.Millisecond) {
		b := w.ask(t)
		if is(&b) {
			return b
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s: %+v", what, b)
		}
	}
}

// settled says that no span is in the server's hands any more.
func settled(b *books) bool { return b.queued+b.spooled == 0 }

// close ends a server with SIGTERM, and returns its last accounts.
func (w *wirespan) close(t *testing.T) books {
	t.Helper()
	return w.stop(t).books(t)
}

// books returns the accounts that a server had when it had stopped.
func (c counts) books(t *testing.T) books {
	t.Helper()
	b := books{
		made: c.Made, recovered: c.Recovered, exported: c.Exported, rejected: c.Rejected, dropped: c.Dropped, spooled: c.Spooled,
		why: reasons(t, c.Lost),
	}
	b.balance(t)
	return b
}

// reasons reads "crash 3, queue_full 2".
func reasons(t *testing.T, list string) map[string]uint64 {
	t.Helper()
	m := map[string]uint64{}
	for item := range strings.SplitSeq(list, ", ") {
		if reason, n, ok := strings.Cut(item, " "); ok {
			m[reason] = number(t, n)
		}
	}
	return m
}

func number(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// String shows them as a server does.
func (b books) String() string {
	return fmt.Sprintf("%d made and %d recovered = %d exported + %d rejected + %d dropped %v + %d queued + %d spooled",
		b.made, b.recovered, b.exported, b.rejected, b.dropped, b.why, b.queued, b.spooled)
}
