package reliability_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/otelcollector"
)

// F50: answers that make no sense. What was answered is not sent again, however odd the answer, and what was not is.
func TestF50OddAnswers(t *testing.T) {
	r := begin(t)
	const spans = 20
	odd := func(n int) bool { return n >= 0 && n%5 == 1 }
	var cases []func()
	for _, c := range []struct {
		name   string
		answer func(*faults.Frames) error
		reason otelcollector.DropReason // "": it is sent again
	}{
		{"an answer of 5 MiB", func(f *faults.Frames) error {
			f.Keep()
			return errors.Join(f.Head(), f.Message(make([]byte, 5<<20)), f.Trailers("0"))
		}, otelcollector.DroppedTooLarge},
		{"no trailers", func(f *faults.Frames) error { return errors.Join(f.Head(), f.EndWithoutTrailers()) }, otelcollector.DroppedInternal},
		{"half a message", func(f *faults.Frames) error {
			return errors.Join(f.Head(), f.Piece([]byte{0, 0, 0, 9, 9, 1}), f.Trailers("0"))
		}, otelcollector.DroppedInternal},
		{"not protobuf", func(f *faults.Frames) error {
			return errors.Join(f.Head(), f.Message([]byte("not protobuf")), f.Trailers("0"))
		}, otelcollector.DroppedInternal},
		{"a status that is no number", func(f *faults.Frames) error {
			return errors.Join(f.Head(), f.Message(nil), f.Trailers("fine"))
		}, otelcollector.DroppedInternal},
		{"RST_STREAM INTERNAL_ERROR", func(f *faults.Frames) error { return f.ResetStream(http2.ErrCodeInternal) }, ""},
		{"not HTTP/2", func(f *faults.Frames) error {
			_, err := f.Conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))
			return err
		}, ""},
		{"frames of no kind", func(f *faults.Frames) error {
			return errors.Join(f.WriteRawFrame(0xfa, 0xff, 0, []byte("of no kind")), f.WriteRawFrame(http2.FrameHeaders, 0, 0, nil))
		}, ""},
	} {
		wire := r.wire(func(call *faults.Call, f *faults.Frames) error {
			if odd(call.First()) && f.Attempts() == 1 {
				return c.answer(f)
			}
			return f.Take()
		})
		run := r.start(setup{name: c.name, oracle: wire.Oracle, addr: wire.Addr()})
		cases = append(cases, func() { r.sendOdd(run, spans, odd, c.reason) })
	}
	receiver := r.open(faults.Options{HTTP: true, Script: func(call *faults.Call) faults.Answer {
		if odd(call.First()) {
			return faults.Answer{Message: strings.Repeat("x", 5<<20)}
		}
		return faults.Answer{}
	}})
	web := r.start(to("an answer of 5 MiB", receiver))
	cases = append(cases, func() {
		for range spans {
			web.serve(1)
			web.flush()
		}
		web.finish(0, nil)
	})
	together(cases...)
}

// sendOdd sends spans one after the other, and checks what becomes of those that are answered oddly.
func (r *row) sendOdd(run *run, spans int, odd func(int) bool, reason otelcollector.DropReason) {
	lost := map[otelcollector.DropReason]uint64{}
	for n := range spans {
		run.serve(1)
		run.flush()
		want := 1
		switch {
		case odd(n) && reason == "":
			want = 2
		case odd(n):
			lost[reason]++
		}
		if f := run.oracle.Fate(n); f.Attempts != want {
			run.errorf("%+v, want %d attempts", f, want)
		}
	}
	run.finish(0, lost)
}

// wire makes a receiver that is written by hand.
func (r *row) wire(answer func(*faults.Call, *faults.Frames) error) *faults.Wire {
	r.Helper()
	w, err := faults.OpenWire(answer)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := w.Close(); err != nil {
			r.Error(err)
		}
	})
	return w
}
