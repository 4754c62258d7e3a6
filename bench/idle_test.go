package main

import "testing"

func TestParseMemory(t *testing.T) {
	got, err := parseMemory([]byte("00400000-7ffd rollup ---p 00000000 00:00 0    [rollup]\nRss:                1840 kB\nPss:  1 kB\n"), "Rss")
	if got != 1840*1024 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	if got, err := parseMemory([]byte("Pss: 7 kB\n"), "Rss"); err == nil {
		t.Errorf("got %d of nothing", got)
	}
}
