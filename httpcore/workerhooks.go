package httpcore

import "fmt"

// startWorkers calls OnWorkerStart for each worker, the first time that it is called; then, and ever after, it returns how
// that has ended. When a worker cannot start, those before it are stopped again.
func (s *server) startWorkers() error {
	s.starting.Do(func() {
		var err error
		for _, w := range s.workers {
			if err = s.startWorker(w); err != nil {
				break
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.startFailed = err
		s.stopWorkersLocked()
	})
	return s.startFailed
}

func (s *server) startWorker(w *worker) error {
	if hook := s.set.onWorkerStart; hook != nil {
		if err := hook(w.id); err != nil {
			return fmt.Errorf("httpcore: start worker %d: %w", w.id, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.started = true
	return nil
}

// stopWorkersLocked calls OnWorkerStop for the workers that will have no connection any more.
func (s *server) stopWorkersLocked() {
	over := s.draining.Load() && len(s.listeners) == 0
	if !over && s.startFailed == nil {
		return
	}
	for _, w := range s.workers {
		if !w.started || w.count.Load() > 0 {
			continue
		}
		w.started = false
		if s.set.onWorkerStop == nil {
			continue
		}
		s.stopping++
		go s.stopWorker(w)
	}
}

func (s *server) stopWorker(w *worker) {
	s.set.onWorkerStop(w.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping--
	s.goneLocked()
}
