package main

import "testing"

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		bound    bound
		measured float64
		want     bool
	}{
		{atMost(0.65), 0.65, true},
		{atMost(0.65), 0.6549, true},
		{atMost(0.65), 0.656, false},
		{atMost(1), -0.1, true},
		{atLeast(2.5), 2.5, true},
		{atLeast(2.5), 2.496, true},
		{atLeast(2.5), 2.49, false},
		{none, 0.04, true},
		{none, 0.06, false},
	} {
		if got := c.bound.met(c.measured); got != c.want {
			t.Errorf("%v: %v is %s", c.bound, c.measured, verdict(got))
		}
	}
}

func TestEveryGoalIsAboutRowsThatAreMeasured(t *testing.T) {
	var results []result
	for _, r := range plan(&options{}) {
		r.samples = []sample{{}}
		results = append(results, r)
	}
	p := newReport(nil, &options{}, results, 0)
	for _, g := range goals {
		if _, ok := g.measured(p); !ok {
			t.Errorf("%s: no row", g.title)
		}
	}
}
