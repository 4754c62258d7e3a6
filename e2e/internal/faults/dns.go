package faults

import (
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// DNS is a name server that answers every question about an address with the same one, which does not keep.
type DNS struct {
	conn    net.PacketConn
	running sync.WaitGroup

	mu      sync.Mutex
	address netip.Addr
	asked   int
}

// OpenDNS starts one on a free port of 127.0.0.1. The caller closes it.
func OpenDNS(address netip.Addr) (*DNS, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &DNS{conn: conn, address: address}
	d.running.Go(d.serve)
	return d, nil
}

// Addr returns its host:port.
func (d *DNS) Addr() string { return d.conn.LocalAddr().String() }

// Set changes the address, which has to be of IPv4.
func (d *DNS) Set(address netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.address = address
}

// Asked returns how many questions came.
func (d *DNS) Asked() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

// Close ends it.
func (d *DNS) Close() error {
	err := d.conn.Close()
	d.running.Wait()
	return err
}

func (d *DNS) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := d.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		if answer, err := d.answer(&m); err == nil {
			_, _ = d.conn.WriteTo(answer, from) // who does not get it asks again
		}
	}
}

func (d *DNS) answer(m *dnsmessage.Message) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	q := m.Questions[0]
	m.Header = dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true, RecursionAvailable: true}
	m.Answers, m.Additionals = nil, nil
	if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
			Body:   &dnsmessage.AResource{A: d.address.As4()},
		}}
	}
	return m.Pack()
}
