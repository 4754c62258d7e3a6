package accesslog

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/wirespan/wirespan/lifecycle"
)

// connection makes the lines of one connection.
type connection struct {
	log   *Log
	peers lifecycle.Peers
}

var (
	_ lifecycle.Collector       = (*connection)(nil)
	_ lifecycle.Collector       = (*varConnection)(nil)
	_ lifecycle.ContextProvider = (*varConnection)(nil)
)

func newConnection(l *Log, e *lifecycle.ConnectionOpened) connection {
	c := connection{log: l, peers: e.Peers}
	c.peers.ClientAddr = strings.Clone(e.ClientAddr)
	c.peers.ServerAddr = strings.Clone(e.ServerAddr)
	return c
}

// Record implements [lifecycle.Collector].
func (c *connection) Record(e lifecycle.Event) { c.log.record(e, &c.peers, nil) }

// varConnection is a connection whose handlers can [Set] values.
type varConnection struct {
	connection

	mu   sync.Mutex
	open []*vars // of requests that have not ended; more than one only while requests are pipelined or side by side
}

// Context implements [lifecycle.ContextProvider]: it lets the handler set values.
func (c *varConnection) Context(parent context.Context, e *lifecycle.RequestStarted) context.Context {
	if e.Ended {
		return parent // the line has been written
	}
	v := &vars{request: e.Index}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, v)
	return context.WithValue(parent, varsKey{}, v)
}

// Record implements [lifecycle.Collector].
func (c *varConnection) Record(e lifecycle.Event) {
	var v *vars
	if o := lifecycle.OutcomeOf(e); o != nil {
		v = c.take(o.Request)
	}
	c.log.record(e, &c.peers, v)
}

// take returns what was set for a request, and forgets it. Requests of HTTP/1.1 end in their order, so what belongs to one
// before it came too late and is forgotten as well; those of HTTP/2 end in any.
func (c *varConnection) take(request *lifecycle.Request) *vars {
	inOrder := request.HTTPVersion != "2"
	c.mu.Lock()
	defer c.mu.Unlock()
	var found *vars
	c.open = slices.DeleteFunc(c.open, func(v *vars) bool {
		if v.request == request.Index {
			found = v
		}
		return v.request == request.Index || inOrder && v.request < request.Index
	})
	return found
}
