package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

func TestServersTakeTurns(t *testing.T) {
	o, results, err := parse(append(brief, "-turns", "2", "-scenario", sampling, "-only", tenthHandler+","+neverHandler), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if o.dir, err = newWorkspace(); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(o.dir)
	var progress strings.Builder
	if err := measureAll(t.Context(), o, results, &progress); err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if len(r.samples) != 2 {
			t.Fatalf("%s has %d samples, want 2", r.server.name, len(r.samples))
		}
		first, last := &r.samples[0], &r.samples[1]
		if first.used.Served == 0 || last.used.Served == 0 || first.PerSecond == 0 || last.PerSecond == 0 {
			t.Errorf("%s: no requests in %+v, %+v", r.server.name, first, last)
		}
		if served := first.used.Served + last.used.Served; first.requests != 0 || last.requests <= served {
			t.Errorf("%s: %d and %d requests in all, of which the turns had %d", r.server.name, first.requests, last.requests, served)
		}
	}
	if tenth := results[0].samples[1]; tenth.received.ServerSpans == 0 || tenth.received.ServerSpans > tenth.requests/5 {
		t.Errorf("%d spans of %d requests", tenth.received.ServerSpans, tenth.requests)
	}
	var turns []string
	for line := range strings.Lines(progress.String()) {
		turns = append(turns, strings.Fields(line)[5])
	}
	if got, want := strings.Join(turns, " "), strings.Join([]string{tenthHandler, neverHandler, tenthHandler, neverHandler}, " "); got != want {
		t.Errorf("the turns were those of %s, want %s", got, want)
	}
}

func TestLongScenariosAreNotMeasuredInEveryRound(t *testing.T) {
	long := *scenarioNamed(t, receiverAway)
	long.direct = func(context.Context, *options, *result) (sample, error) { return sample{}, nil }
	results := []result{{scenario: long}}
	if err := measureAll(t.Context(), &options{rounds: longRounds + 2}, results, io.Discard); err != nil {
		t.Fatal(err)
	}
	if n := len(results[0].samples); n != longRounds {
		t.Errorf("it was measured %d times, want %d", n, longRounds)
	}
}
