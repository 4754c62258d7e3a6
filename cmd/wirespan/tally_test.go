package main

import (
	"testing"
	"time"
)

func TestTally(t *testing.T) {
	var c tally
	c.wait(time.Hour) // nothing is under way
	c.add()
	c.add()
	c.wait(time.Nanosecond) // patience runs out
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		c.wait(time.Hour)
	}()
	c.done()
	c.done()
	<-waited
	c.add()
	c.done()
	c.wait(time.Hour)
}
