//go:build linux || darwin || freebsd || dragonfly

package spool

import (
	"path/filepath"
	"testing"
)

// TestAddAllocatesNothing, and neither does to take a buffer and to give it back.
func TestAddAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	s := start(t, arenaOn(filepath.Join(t.TempDir(), "spool")))
	span := make([]byte, 430)
	b := s.Arena().Get(testScope)
	if n := testing.AllocsPerRun(1000, func() { b.Add(span) }); n != 0 {
		t.Errorf("Add allocates %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() { b.Recycle(); b = s.Arena().Get(testScope) }); n != 0 {
		t.Errorf("Recycle and Get allocate %v times", n)
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkAdd is what a finished span costs more with an arena: a copy of 430 bytes, and a store. Once in some 1300 spans the
// buffer is given back and another one taken. The twin of it only publishes, which is what remains when the copy is left out.
func BenchmarkAdd(b *testing.B) {
	s, err := open(arenaOn(filepath.Join(b.TempDir(), "spool")))
	if err != nil {
		b.Fatal(err)
	}
	defer s.finish()
	span := make([]byte, 430)
	buffer := s.Arena().Get(testScope)
	b.Run("add", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !buffer.Add(span) {
				buffer.Recycle()
				buffer = s.Arena().Get(testScope)
			}
		}
	})
	b.Run("publish", func(b *testing.B) {
		for b.Loop() {
			buffer.publish(buffer.length, buffer.count)
		}
	})
	b.Run("turn", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buffer.Recycle()
			buffer = s.Arena().Get(testScope)
		}
	})
}
