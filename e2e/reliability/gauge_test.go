package reliability_test

import "sync"

// gauge is a number that goes up and down, and knows how high it was.
type gauge struct {
	mu        sync.Mutex
	now, high int
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now += n
	g.high = max(g.high, g.now)
}

func (g *gauge) most() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.high
}
