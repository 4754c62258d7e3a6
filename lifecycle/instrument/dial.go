package instrument

import (
	"context"
	"net"
	"time"
)

// DialFunc makes a connection, as net.Dialer.DialContext does.
type DialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// Dial calls dial between ConnectStart and ConnectReady. A nil h only calls it.
//
//	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
//		return instrument.FromContext(ctx).Dial(ctx, network, address, dialer.DialContext)
//	}
func (h *Hooks) Dial(ctx context.Context, network, address string, dial DialFunc) (net.Conn, error) {
	if h == nil || h.ConnectStart == nil && h.ConnectReady == nil {
		return dial(ctx, network, address)
	}
	start := time.Now()
	if h.ConnectStart != nil {
		h.ConnectStart(ConnectStart{Network: network, Address: address, Start: start})
	}
	c, err := dial(ctx, network, address)
	if h.ConnectReady != nil {
		i := ConnectReady{Network: network, Address: address, Start: start, Elapsed: time.Since(start), Err: err}
		if err == nil {
			i.Conn = Conn{Local: c.LocalAddr().String(), Remote: c.RemoteAddr().String()}
		}
		h.ConnectReady(i)
	}
	return c, err
}
