package otelcollector

import (
	"os"
	"strings"
)

// conventionMethods are the methods of RFC 9110, PATCH and QUERY; the commonest first.
var conventionMethods = []string{"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "CONNECT", "TRACE", "QUERY"}

// knownMethod is a method that may stand in a span's name, and its attribute.
type knownMethod struct {
	name string
	attr string
}

func knownMethods(names []string) []knownMethod {
	if names == nil {
		if list := os.Getenv(envKnownMethods); list != "" {
			names = strings.Split(list, ",")
		} else {
			names = conventionMethods
		}
	}
	known := make([]knownMethod, 0, len(names))
	for _, n := range names {
		if n = strings.TrimSpace(n); n != "" {
			known = append(known, knownMethod{name: n, attr: whole(keyMethod, n)})
		}
	}
	return known
}

// method returns the known method with this name; nil when there is none. Methods are case-sensitive (RFC 9110, 9.1).
func (c *Collector) method(name string) *knownMethod {
	for i := range c.methods {
		if c.methods[i].name == name {
			return &c.methods[i]
		}
	}
	return nil
}
