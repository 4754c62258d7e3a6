package faults_test

import (
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wirespan/wirespan/e2e/internal/faults"
)

// What grpc makes of the frames that only Wire can send.
func TestFrames(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(*faults.Call, *faults.Frames) error
		code   codes.Code
		unique int
	}{
		{"taken", func(_ *faults.Call, f *faults.Frames) error { return f.Take() }, codes.OK, 1},
		{"stream reset", func(_ *faults.Call, f *faults.Frames) error { return f.ResetStream(http2.ErrCodeInternal) }, codes.Internal, 0},
		{"no trailers", func(_ *faults.Call, f *faults.Frames) error {
			if err := f.Head(); err != nil {
				return err
			}
			return f.EndWithoutTrailers()
		}, codes.Internal, 0},
		{"not HTTP/2", func(_ *faults.Call, f *faults.Frames) error {
			_, err := f.Conn.Write([]byte("HTTP/1.1 500 \r\n\r\n what is this"))
			return err
		}, codes.Unavailable, 0},
		{"an answer of 5 MiB", func(_ *faults.Call, f *faults.Frames) error {
			f.Keep()
			if err := f.Head(); err != nil {
				return err
			}
			return f.Message(make([]byte, 5<<20))
		}, codes.ResourceExhausted, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := faults.OpenWire(c.answer)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			})
			_, err = dial(t, w.Addr(), nil).Export(t.Context(), request(1))
			if status.Code(err) != c.code {
				t.Errorf("%v, want %v", err, c.code)
			}
			if n := w.Counts(); n.Unique != c.unique || n.Calls != 1 {
				t.Errorf("%+v, want %d spans", n, c.unique)
			}
		})
	}
}

// A connection that is left after its first call is followed by another.
func TestLeave(t *testing.T) {
	w, err := faults.OpenWire(func(c *faults.Call, f *faults.Frames) error {
		if c.N == 1 {
			if err := f.Leave(http2.ErrCodeEnhanceYourCalm, "too_many_pings"); err != nil {
				return err
			}
		}
		return f.Take()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	client := dial(t, w.Addr(), nil)
	for n := range 3 {
		if _, err := client.Export(t.Context(), request(n)); err != nil {
			t.Error(err)
		}
	}
	if n := w.Counts(); n.Unique != 3 {
		t.Errorf("%+v, want 3 spans", n)
	}
}
