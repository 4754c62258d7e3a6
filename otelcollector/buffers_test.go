package otelcollector_test

import (
	"testing"

	"github.com/wirespan/wirespan/otelcollector"
)

func TestBuffers(t *testing.T) {
	var b otelcollector.Buffers
	if b.Get() != nil {
		t.Fatal("a buffer from nowhere")
	}
	b.Put(nil)
	b.Put(make([]byte, 3, 10))
	b.Put(make([]byte, 3, 20))
	if got := b.Get(); len(got) != 0 || cap(got) != 20 {
		t.Errorf("got length %d and capacity %d, want the last one back, empty", len(got), cap(got))
	}
	if got := b.Get(); cap(got) != 10 {
		t.Errorf("got capacity %d, want 10", cap(got))
	}
	if b.Get() != nil {
		t.Error("a third buffer, and two were put")
	}
}

// As many are kept as were needed at once since the last trim.
func TestBuffersTrim(t *testing.T) {
	var b otelcollector.Buffers
	for size := 1; size <= 4; size++ {
		b.Put(make([]byte, 0, size))
	}
	b.Trim() // all have just come
	first, second := b.Get(), b.Get()
	b.Put(second)
	b.Put(first)
	b.Trim()
	for _, want := range []int{4, 3, 0} {
		if got := cap(b.Get()); got != want {
			t.Errorf("got capacity %d, want %d", got, want)
		}
	}
}
