package toxic

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// Proxy passes connections on to a target. Its methods may be called from any goroutine; what they change holds for the
// connections that are open as well as for those that come.
type Proxy struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup

	requests, responses path

	mu     sync.Mutex
	pairs  map[*pair]bool
	closed bool
}

// pair is a connection of a client and the one to the target that belongs to it.
type pair struct {
	client, target net.Conn
	silent         atomic.Bool
}

// Open starts a proxy to target, a host:port that need not listen yet, on a free port of 127.0.0.1. The caller closes it.
func Open(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, listener: l, pairs: map[*pair]bool{}}
	p.requests.init()
	p.responses.init()
	p.running.Go(p.accept)
	return p, nil
}

// Addr returns its host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Requests is the path from the clients to the target.
func (p *Proxy) Requests() Path { return Path{&p.requests} }

// Responses is the path from the target to the clients.
func (p *Proxy) Responses() Path { return Path{&p.responses} }

// Reset ends all connections with RST, in both directions (SO_LINGER of zero). What was under way is lost.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		c.reset()
	}
}

// Silence has the connections that are open now take everything and pass nothing on any more. Those that come are as before.
func (p *Proxy) Silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		c.silent.Store(true)
	}
}

// Close ends the proxy and all its connections, and waits for its goroutines.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.pairs {
		c.reset()
	}
	p.mu.Unlock()
	p.requests.close()
	p.responses.close()
	p.running.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		target, err := net.Dial("tcp", p.target)
		if err != nil {
			reset(client)
			continue
		}
		if c := (&pair{client: client, target: target}); p.add(c) {
			p.running.Go(func() { p.serve(c) })
		}
	}
}

// add refuses the connection, and ends it, when the proxy is closed.
func (p *Proxy) add(c *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.reset()
		return false
	}
	p.pairs[c] = true
	return true
}

// serve passes on until both directions have ended, or one of them broke.
func (p *Proxy) serve(c *pair) {
	var both sync.WaitGroup
	pass := func(way *path, to, from net.Conn) {
		if way.pass(to, from, &c.silent) != nil {
			c.reset()
		}
	}
	both.Go(func() { pass(&p.requests, c.target, c.client) })
	both.Go(func() { pass(&p.responses, c.client, c.target) })
	both.Wait()
	c.client.Close()
	c.target.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pairs, c)
}

func (c *pair) reset() {
	reset(c.client)
	reset(c.target)
}

// reset closes a connection so that the peer gets RST.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0) // it is closed already otherwise
	c.Close()
}
