package nethttp

import (
	"net"

	"github.com/wirespan/wirespan/lifecycle"
)

func peersOf(nc net.Conn) lifecycle.Peers {
	p := lifecycle.Peers{Network: "tcp"}
	switch a := nc.RemoteAddr().(type) {
	case *net.TCPAddr:
		p.ClientAddr, p.ClientPort = a.AddrPort().Addr().Unmap().String(), a.Port
	case *net.UnixAddr:
		p.Network, p.ClientAddr = "unix", "unix"
	case nil:
		p.ClientAddr = "unknown"
	default:
		p.Network, p.ClientAddr = a.Network(), "unknown"
	}
	switch a := nc.LocalAddr().(type) {
	case *net.TCPAddr:
		p.ServerAddr, p.ServerPort = a.AddrPort().Addr().Unmap().String(), a.Port
	case nil:
	default:
		p.ServerAddr = a.String()
	}
	return p
}
