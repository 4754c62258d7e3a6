package instrument_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

func TestDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().String()
	var started []instrument.ConnectStart
	var ready []instrument.ConnectReady
	h := &instrument.Hooks{
		ConnectStart: func(i instrument.ConnectStart) { started = append(started, i) },
		ConnectReady: func(i instrument.ConnectReady) { ready = append(ready, i) },
	}
	var d net.Dialer
	c, err := h.Dial(t.Context(), "tcp", addr, d.DialContext)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if len(started) != 1 || started[0].Network != "tcp" || started[0].Address != addr || started[0].Start.IsZero() {
		t.Errorf("ConnectStart: %+v", started)
	}
	want := instrument.Conn{Local: c.LocalAddr().String(), Remote: addr}
	if len(ready) != 1 || ready[0].Err != nil || ready[0].Conn != want || ready[0].Start != started[0].Start || ready[0].Elapsed <= 0 {
		t.Errorf("ConnectReady: %+v", ready)
	}

	refused := errors.New("refused")
	_, err = h.Dial(t.Context(), "tcp", "test:1", func(context.Context, string, string) (net.Conn, error) { return nil, refused })
	if err != refused || len(ready) != 2 || ready[1].Err != refused || ready[1].Address != "test:1" || ready[1].Conn != (instrument.Conn{}) {
		t.Errorf("%v, ConnectReady: %+v", err, ready)
	}

	for _, none := range []*instrument.Hooks{nil, {}} {
		if _, err = none.Dial(t.Context(), "tcp", "test:1", func(context.Context, string, string) (net.Conn, error) { return nil, refused }); err != refused {
			t.Error(err)
		}
	}
}
