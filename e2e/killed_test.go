package e2e_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

const (
	// killsVariable is how often F26 and F27 each kill a server; when it is not set they do so for killingTime.
	killsVariable = "WIRESPAN_E2E_KILLS"
	// lastSecond is how old a span may be that dies with its server. Batches are closed once a second, on a machine with
	// nothing else to do.
	lastSecond = 10 * time.Second
)

// killing is a server that is killed at random times under load, again and again.
type killing struct {
	mode  string
	away  bool // the receiver is, until the killing is over
	pause time.Duration
	until time.Duration
	// twice is how many spans, in batches or alone, a kill at the wrong instant may leave counted once more than there are: those
	// of a batch that is in the spool and not counted there yet, or one that each worker has copied and not counted yet.
	twice func(s *spooling) int
}

// F26: with a journal, every batch that was closed arrives. What the workers were filling is counted.
func TestF26KillUnderLoad(t *testing.T) {
	killing{mode: "journal", pause: 2 * time.Millisecond, until: 45 * time.Second, twice: aBatch}.run(t)
}

// F27: without one, and while nobody receives, what is in the spool arrives later, and what was in memory is counted.
func TestF27KillInOutage(t *testing.T) {
	killing{mode: "overflow", away: true, pause: 10 * time.Millisecond, until: 20 * time.Second, twice: aBatch}.run(t)
}

// F28: with copies of the finished spans in mapped files, all arrive that had ended.
func TestF28KillWithMappedCopies(t *testing.T) {
	killing{mode: "mapped", pause: 5 * time.Millisecond, until: 20 * time.Second, twice: aSpanEach}.run(t)
}

func aBatch(s *spooling) int    { return s.receiver.Largest() }
func aSpanEach(s *spooling) int { return s.traffic.connections }

func (k killing) run(t *testing.T) {
	s := newSpooling(t, k.mode, nil)
	s.traffic.pause = k.pause
	if k.away {
		s.receiver.Shut()
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	s.figure("seed %d", seed)
	stop := s.traffic.begin(t)
	for k.goesOn(t, s) {
		w := s.start()
		s.serve(w)
		life := time.Duration(random.Float64() * float64(3*time.Second))
		if random.IntN(5) == 0 {
			life = time.Duration(random.Float64() * float64(50*time.Millisecond)) // perhaps while it adopts
		} else {
			s.adopted(w)
		}
		time.Sleep(life)
		s.kill(w)
		s.traffic.to(nil)
	}
	if k.away {
		if err := s.receiver.Listen(); err != nil {
			t.Fatal(err)
		}
	}
	w := s.start()
	s.serve(w)
	time.Sleep(time.Second)
	stop()
	crashes := len(s.killed)
	duplicates := s.inFlight(crashes)
	if k.away {
		duplicates = 0 // nothing was on its way
	}
	s.deliver(w, duplicates, uint64(crashes*k.twice(s)))
	if age := s.oldest(s.traffic.missing(s.receiver.Oracle)); age > lastSecond {
		t.Errorf("a span was lost %v after its request was answered", age)
	}
}

// goesOn reports whether there is to be another kill.
func (k killing) goesOn(t *testing.T, s *spooling) bool {
	t.Helper()
	if t.Failed() {
		return false
	}
	text := os.Getenv(killsVariable)
	if text == "" {
		return time.Since(s.begun) < k.until
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s is %q, but has to be a number", killsVariable, text)
	}
	return len(s.killed) < n
}
