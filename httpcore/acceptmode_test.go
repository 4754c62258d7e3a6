package httpcore

import "testing"

func TestParseAcceptMode(t *testing.T) {
	for _, m := range []AcceptMode{AcceptReusePort, AcceptDistribute} {
		if got, err := ParseAcceptMode(m.String()); got != m || err != nil {
			t.Errorf("%v is parsed as %v, %v", m, got, err)
		}
	}
	if _, err := ParseAcceptMode("fair"); err == nil {
		t.Error("no error for a mode that there is not")
	}
	if got := AcceptMode(7).String(); got != "AcceptMode(7)" {
		t.Errorf("a mode that there is not is %q", got)
	}
}

// A worker keeps what comes to it until it is clearly ahead of another.
func TestPreferring(t *testing.T) {
	for _, c := range []struct {
		counts []int64 // the first one is asked
		want   int
	}{
		{[]int64{0, 0}, 0},
		{[]int64{3, 0}, 0},
		{[]int64{4, 0}, 1},
		{[]int64{23, 16}, 0},
		{[]int64{24, 16}, 1},
		{[]int64{1253, 1000}, 0},
		{[]int64{1254, 1000}, 1},
		{[]int64{20, 16, 9, 12}, 2},
		{[]int64{1, 50}, 0},
	} {
		s := new(server)
		for i, n := range c.counts {
			w := &worker{id: i}
			w.count.Store(n)
			s.workers = append(s.workers, w)
		}
		if got := s.preferring(s.workers[0])(); got.id != c.want {
			t.Errorf("with %v connections the next one goes to worker %d, want %d", c.counts, got.id, c.want)
		}
	}
}
