package httpcore

import (
	"maps"
	"sync/atomic"
	"time"
)

// certificateTicks is how many ticks pass between two looks at the certificate files: 5 s.
const certificateTicks = 50

// tickLocked starts the server's one ticking goroutine unless it runs. It ends when there are neither listeners nor
// connections.
func (s *server) tickLocked() {
	if s.ticking {
		return
	}
	s.ticking = true
	s.clock.renew()
	go s.tick()
}

// tick renews the clock and interrupts what has passed its deadline.
func (s *server) tick() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for n := 1; s.mustTick(); n++ {
		<-ticker.C
		s.sweep(s.clock.renew())
		s.retireRunners()
		if n%certificateTicks == 0 {
			s.reloadCertificates()
		}
	}
}

func (s *server) mustTick() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticking = len(s.listeners) > 0 || s.open.Load() > 0
	s.lookLocked()
	return s.ticking
}

func (s *server) sweep(now int64) {
	draining := s.draining.Load()
	for _, w := range s.workers {
		for _, c := range w.overdue(now, draining) {
			c.io.interrupt()
		}
	}
}

// overdue returns the connections with a deadline that has passed, and when the server drains the idle ones.
func (w *worker) overdue(now int64, draining bool) (late []*conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		if draining && c.idle.Load() || past(&c.deadline, now) || past(&c.writeDeadline, now) {
			late = append(late, c)
		}
	}
	return late
}

func past(deadline *atomic.Int64, now int64) bool {
	d := deadline.Load()
	return d != 0 && now >= d
}

// reloadCertificates logs what fails once, not for as long as it fails. Only the ticking goroutine calls it.
func (s *server) reloadCertificates() {
	s.mu.Lock()
	certs := maps.Clone(s.certs)
	s.mu.Unlock()
	for c, logged := range certs {
		failed := ""
		changed, err := c.Reload()
		if err != nil {
			failed = err.Error()
		}
		switch {
		case changed:
			s.set.errorLog.Print("http: the certificate was reloaded")
		case failed != "" && failed != logged:
			s.set.errorLog.Printf("http: the certificate was not reloaded: %s", failed)
		}
		s.mu.Lock()
		if _, ok := s.certs[c]; ok {
			s.certs[c] = failed
		}
		s.mu.Unlock()
	}
}
