package main

import (
	"testing"
	"time"
)

func TestParseBusy(t *testing.T) {
	for stat, want := range map[string]time.Duration{
		"cpu  100 20 3 4000 5 6 7 8 0 0\ncpu0 1 1 1 1\n": 1230 * time.Millisecond,
		"":           0,
		"intr 1 2 3": 0,
	} {
		if got := parseBusy(stat); got != want {
			t.Errorf("%q: got %v, want %v", stat, got, want)
		}
	}
}
