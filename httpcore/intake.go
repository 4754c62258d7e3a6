package httpcore

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// intake is an accept loop: it takes connections from one socket of a Serve until the server drains, or accepting fails.
type intake struct {
	acceptor
	server   *server
	listener *onceListener  // the Serve's: this socket, or the group that it is of
	to       func() *worker // chooses the worker of each connection

	pause time.Duration   // the latest, while accepts fail for want of something
	freed <-chan struct{} // closed when a connection has gone since the latest accept
}

// onceListener lets Serve, StartDraining and Close all close it.
type onceListener struct {
	net.Listener
	once sync.Once
	err  error
}

// Close implements [net.Listener].
func (l *onceListener) Close() error {
	l.once.Do(func() { l.err = l.Listener.Close() })
	return l.err
}

// accept runs one loop for each socket of the listener, and returns when they all have ended.
func (s *server) accept(ctx context.Context, l *onceListener, e engine) error {
	intakes, err := s.newIntakes(ctx, l, e)
	defer func() {
		for _, t := range intakes {
			s.removeIntake(t)
			t.close()
		}
	}()
	if err != nil {
		return err
	}
	errs := make([]error, len(intakes))
	var others sync.WaitGroup
	for i, t := range intakes[1:] {
		others.Go(func() { errs[i+1] = t.runForGroup() })
	}
	errs[0] = intakes[0].runForGroup()
	others.Wait()
	for _, t := range intakes {
		t.sweep()
	}
	return firstOf(errs)
}

// newIntakes returns the accept loops of a listener; with an error, those that were made before it.
func (s *server) newIntakes(ctx context.Context, l *onceListener, e engine) (intakes []*intake, err error) {
	sockets, to := []net.Listener{l.Listener}, func(int) func() *worker { return s.leastBusy }
	if group, ok := l.Listener.(*groupListener); ok {
		sockets = group.members()
		to = func(i int) func() *worker { return s.preferring(s.workers[i%len(s.workers)]) }
	}
	for i, socket := range sockets {
		a, err := e.acceptor(ctx, socket)
		if err != nil {
			return intakes, err
		}
		t := &intake{acceptor: a, server: s, listener: l, to: to(i)}
		s.addIntake(t)
		intakes = append(intakes, t)
	}
	return intakes, nil
}

func (s *server) addIntake(t *intake) {
	s.mu.Lock()
	s.intakes[t] = struct{}{}
	s.mu.Unlock()
	t.look() // the listener may be closed already
}

func (s *server) removeIntake(t *intake) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.intakes, t)
}

// lookLocked has every intake look whether its listener was closed: by the server, or by whoever made it.
func (s *server) lookLocked() {
	for t := range s.intakes {
		t.look()
	}
}

// firstOf returns the error that is not ErrServerClosed, if there is one.
func firstOf(errs []error) error {
	for _, err := range errs {
		if !errors.Is(err, ErrServerClosed) {
			return err
		}
	}
	return ErrServerClosed
}

// runForGroup is run; when it fails, the sockets that share the address are closed with it.
func (t *intake) runForGroup() error {
	err := t.run()
	if !errors.Is(err, ErrServerClosed) {
		_ = t.listener.Close()
		t.server.mu.Lock()
		defer t.server.mu.Unlock()
		t.server.lookLocked()
	}
	return err
}

// run accepts until the server drains and nothing waits any longer, or accepting fails.
func (t *intake) run() error {
	s := t.server
	for looks := 0; s.goOn(t, looks); {
		err := t.accept(t.to)
		switch {
		case err == nil:
			looks, t.pause, t.freed = 0, 0, nil
		case s.draining.Load() && errors.Is(err, os.ErrDeadlineExceeded):
			looks++
		case isAborted(err):
		case isTemporary(err):
			t.wait(err)
		case s.draining.Load():
			return ErrServerClosed
		default:
			return err
		}
	}
	return ErrServerClosed
}

// aborted are the errors of accept that say what became of one connection before it was accepted: the next one may be as
// good as any (accept(2), "Error handling").
var aborted = [...]error{
	syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM, syscall.EINTR, syscall.ENOPROTOOPT,
	syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH,
}

func isAborted(err error) bool { return isOneOf(err, aborted[:]) }

func isOneOf(err error, list []error) bool {
	return slices.ContainsFunc(list, func(e error) bool { return errors.Is(err, e) })
}
