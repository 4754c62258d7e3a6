package httpcore

import "fmt"

// AcceptMode says how new connections come to the workers.
type AcceptMode int

const (
	// AcceptReusePort, the zero value, gives each worker a socket of its own at the same address (SO_REUSEPORT, see
	// socket(7)), where the system spreads connections over such sockets: Linux does, by a hash of the addresses. A worker
	// that has come to far more connections than another one hands new ones over to that. Elsewhere, for Unix sockets, and
	// for listeners that somebody else has made, it is AcceptDistribute.
	AcceptReusePort AcceptMode = iota
	// AcceptDistribute accepts at one socket, and gives each connection to the worker that has the fewest.
	AcceptDistribute
)

var acceptModeNames = [...]string{AcceptReusePort: "reuseport", AcceptDistribute: "distribute"}

// String returns the name that [ParseAcceptMode] takes.
func (m AcceptMode) String() string {
	if m < 0 || int(m) >= len(acceptModeNames) {
		return fmt.Sprintf("AcceptMode(%d)", int(m))
	}
	return acceptModeNames[m]
}

// ParseAcceptMode returns the mode with this name: reuseport or distribute.
func ParseAcceptMode(name string) (AcceptMode, error) {
	for m, n := range acceptModeNames {
		if n == name {
			return AcceptMode(m), nil
		}
	}
	return 0, fmt.Errorf("accept mode %q is not known: allowed are reuseport and distribute", name)
}

// leastBusy is the worker with the fewest connections.
func (s *server) leastBusy() *worker {
	least := s.workers[0]
	for _, w := range s.workers[1:] {
		if w.count.Load() < least.count.Load() {
			least = w
		}
	}
	return least
}

// minImbalance is by how many connections a worker must be ahead, beside a quarter, before it hands new ones over. The
// hash leaves a few hundred connections about a tenth apart, which costs nobody anything; of a few, it may give one worker
// all.
const minImbalance = 4

// preferring returns the choice of a worker for the connections that come to w.
func (s *server) preferring(w *worker) func() *worker {
	return func() *worker {
		least := s.leastBusy()
		if few := least.count.Load(); w.count.Load() >= few+few/4+minImbalance {
			return least
		}
		return w
	}
}
