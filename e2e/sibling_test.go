package e2e_test

import (
	"testing"
	"time"
)

// F33: three servers share a spool, and one is killed while nobody receives. One of the others sends its spans, and counts
// those that died with it.
func TestF33SiblingAdopts(t *testing.T) {
	t.Parallel()
	s := newSpooling(t, "overflow", nil)
	s.traffic.pause = 10 * time.Millisecond
	servers := []*spooler{s.start(), s.start(), s.start()}
	stop := s.traffic.begin(t)
	take := func(w *spooler, enough func(*books) bool) {
		s.serve(w)
		w.askUntil(t, "spans", enough)
	}
	for _, w := range servers {
		take(w, func(b *books) bool { return b.exported > 0 })
	}
	s.receiver.Shut()
	for _, w := range servers {
		take(w, func(b *books) bool { return b.spooled > 50 })
	}
	victim, heirs := servers[2], servers[:2]
	exported := victim.ask(t).exported
	s.kill(victim)
	stop()
	died := s.graves[0]
	if err := s.receiver.Listen(); err != nil {
		t.Fatal(err)
	}

	begin := time.Now()
	var crash, recovered uint64
	for _, w := range heirs {
		w.askUntil(t, "its spans to be sent", settled)
	}
	for deadline := begin.Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var rest uint64
		crash, recovered = 0, 0
		for _, w := range heirs {
			b := w.ask(t)
			crash += b.why["crash"]
			recovered += b.recovered
			rest += b.queued + b.spooled
			if b.unlike("crash") != 0 {
				t.Fatalf("spans were dropped: %v", b)
			}
		}
		if recovered+exported >= s.made && rest == 0 && isAdopted(t, died.home) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody has sent the spans of the server that was killed: %d recovered, %d left", recovered, rest)
		}
	}
	s.figure("adopted and sent %v after the receiver came back", time.Since(begin).Round(time.Millisecond))
	s.figure("%d recovered by siblings", recovered)
	if crash != died.lost {
		t.Errorf("%d spans died with a server, and its siblings counted %d", died.lost, crash)
	}
	s.crash, s.graves = crash, nil
	first, last := heirs[0], heirs[1]
	if b := s.stop(first); b.spooled != 0 {
		t.Errorf("a server ended with %v", b)
	}
	last.owed = last.ask(t).why["crash"]
	s.crash -= last.owed // which deliver counts
	s.deliver(last, s.inFlight(len(servers)), s.inFlight(1))
}
