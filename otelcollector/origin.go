package otelcollector

import (
	"github.com/wirespan/wirespan/internal/forwarded"
	"github.com/wirespan/wirespan/lifecycle"
)

// origin returns what the peer of c says about the request as the client sent it: nothing unless it is a trusted proxy.
func (c *connection) origin(fields lifecycle.Fields) forwarded.Origin {
	if !c.trusted || fields == nil {
		return forwarded.Origin{}
	}
	var said forwarded.Fields
	for name, value := range fields.All() {
		said.Add(name, value)
	}
	return c.collector.trusted.Origin(&said)
}
