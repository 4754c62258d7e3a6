package reliability_test

import (
	"testing"

	"github.com/wirespan/wirespan/e2e/internal/faults"
)

// F46: the answer is lost after the spans were taken. They are sent again: as many come twice as answers were lost, and no more.
func TestF46AnswerIsLost(t *testing.T) {
	r := begin(t)
	lose := func(c *faults.Call) bool { return c.N%4 == 0 }

	byReceiver := r.open(faults.Options{HTTP: true, Script: func(c *faults.Call) faults.Answer { return faults.Answer{Lose: lose(c)} }})
	r.loseAnswers(to("the receiver resets the connection", byReceiver), byReceiver, func(int) {})

	byNetwork := r.open(faults.Options{})
	proxy := r.proxy(byNetwork.Addr())
	lost := make(chan struct{}, 1)
	byNetwork.Act(func(c *faults.Call) faults.Answer {
		if lose(c) {
			proxy.Responses().Discard()
			lost <- struct{}{}
		}
		return faults.Answer{}
	})
	s := to("the network cuts it", byNetwork)
	s.addr = proxy.Addr()
	r.loseAnswers(s, byNetwork, func(n int) {
		select {
		case <-lost:
			if !eventually(patience, func() bool { return byNetwork.Fate(n).Taken == 1 }) {
				t.Errorf("span %d was not taken", n)
			}
			proxy.Reset()
			proxy.Responses().Pass()
		default:
		}
	})
}

// loseAnswers makes one call after the other, so that what is lost concerns one of them. cut is called again and again until
// the span with a number counts as exported.
func (r *row) loseAnswers(s setup, receiver *faults.Receiver, cut func(n int)) {
	run := r.start(s)
	for n := range 20 {
		run.serve(1)
		run.until("a span", func() bool {
			cut(n)
			return run.Stats().Exported == uint64(n+1)
		})
	}
	receiver.Act(faults.OK)
	cuts := receiver.Counts().Calls / 4
	stats := run.finish(cuts, nil)
	if twice := receiver.Counts().Duplicate; twice != cuts || stats.Retried != uint64(cuts) {
		run.errorf("%d duplicates and %d spans sent again, want one for each of %d cuts", twice, stats.Retried, cuts)
	}
}
