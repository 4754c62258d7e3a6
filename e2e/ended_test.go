package e2e_test

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/e2e/internal/process"
)

// hang never answers a call.
func hang(*faults.Call) faults.Answer { return faults.Answer{Until: make(chan struct{})} }

// F67: SIGTERM in an outage. The server ends in time and says what it leaves in the spool; the next one sends exactly that.
func TestF67EndInOutage(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"overflow", "journal"} {
		for _, hangs := range []bool{false, true} {
			name, script := mode+", nobody there", faults.OK
			if hangs {
				name, script = mode+", no answer", hang
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newSpooling(t, mode, script)
				if !hangs {
					s.receiver.Shut()
				}
				const drain, flush = 5 * time.Second, 2 * time.Second
				s.args = []string{"--drain-timeout", drain.String(), "--flush-timeout", flush.String()}
				w := s.start()
				s.serve(w)
				stop := s.traffic.begin(t)
				w.askUntil(t, "spans", func(b *books) bool { return b.made > 500 })
				begin := time.Now()
				left := s.stop(w)
				took := time.Since(begin)
				stop()
				if left.spooled != left.made || left.dropped != 0 || left.made == 0 {
					t.Errorf("the server ended with %v, want all in the spool", left)
				}
				if took > drain+flush+10*time.Second { // the disk has five, and the machine is busy
					t.Errorf("the server took %v to end", took)
				}
				s.figure("ended in %v with %d spooled", took.Round(time.Millisecond), left.spooled)
				s.receiver.Act(faults.OK)
				if !hangs {
					if err := s.receiver.Listen(); err != nil {
						t.Fatal(err)
					}
				}
				w = s.start()
				if b := w.askUntil(t, "all to be recovered", func(b *books) bool { return b.recovered == left.spooled }); b.made != 0 {
					t.Errorf("a server without requests has made spans: %v", b)
				}
				s.deliver(w, s.inFlight(1), 0)
			})
		}
	}
}

// F68: a second SIGTERM while the server drains ends it at once. What was in the spool is whole; what was not is counted.
func TestF68SecondSignal(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"overflow", "journal"} {
		for _, c := range []struct {
			name   string
			before faults.Script // what the receiver does at first
			enough func(*books) bool
		}{
			{"all in memory", hang, func(b *books) bool { return b.made > 300 }},
			{"most in the spool", unavailable, func(b *books) bool { return b.spooled > 300 }},
		} {
			t.Run(mode+", "+c.name, func(t *testing.T) {
				t.Parallel()
				s := newSpooling(t, mode, c.before)
				s.args = []string{"--flush-timeout", "50s"}
				w := s.start()
				s.serve(w)
				stop := s.traffic.begin(t)
				was := w.askUntil(t, "spans", c.enough)
				s.receiver.Act(hang)
				calls := s.receiver.Counts().Calls
				w.askUntil(t, "a call that is not answered", func(*books) bool { return s.receiver.Counts().Calls > calls })
				took := s.endTwice(w)
				stop()
				s.bury(w)
				s.figure("%d were in the spool before", was.spooled)
				s.figure("ended %v after the second signal", took.Round(time.Millisecond))
				s.receiver.Act(faults.OK)
				s.deliver(s.start(), s.inFlight(1), s.inFlight(1)) // the receiver may take yet what hung
			})
		}
	}
}

// unavailable refuses a call for now.
func unavailable(*faults.Call) faults.Answer { return faults.Refuse(codes.Unavailable) }

// endTwice ends a server with one SIGTERM, and then another one, and returns how long that took.
func (s *spooling) endTwice(w *spooler) time.Duration {
	s.Helper()
	s.must(w.Terminate())
	_, err := w.Line(patience, func(line string) bool { return strings.Contains(line, `"draining"`) })
	s.must(err)
	begin := time.Now()
	s.must(w.Signal(syscall.SIGTERM))
	if code, err := w.Wait(patience); err != nil || code != 2 {
		s.Fatalf("exit code %d, %v: want 2", code, err)
	}
	took := time.Since(begin)
	if took > 20*time.Second { // half of what the first signal alone would take
		s.Errorf("the server took %v to end", took)
	}
	return took
}

// F68: SIGTERM at any moment while a server starts and adopts what others left. Nothing of that is lost.
func TestF68SignalWhileItStarts(t *testing.T) {
	s := newSpooling(t, "overflow", nil)
	s.receiver.Shut()
	stop := s.traffic.begin(t)
	for range 3 {
		w := s.start()
		s.serve(w)
		w.askUntil(t, "spans in the spool", func(b *books) bool { return b.spooled > b.recovered+50 })
		s.traffic.to(nil)
		s.stop(w)
	}
	stop()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	s.figure("seed %d", seed)
	inTime := 0
	for range 20 {
		p, err := process.Start("wirespan demo", wirespanProgram.path(t), environment(s.environment()...),
			append(s.arguments(), "--addr", "127.0.0.1:0", "--admin", "off")...)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Float64() * float64(30*time.Millisecond)))
		if err := p.Terminate(); err != nil {
			t.Fatal(err)
		}
		switch code, err := p.Wait(patience); {
		case err != nil:
			p.Kill()
			t.Fatal(err)
		case code == 0:
			inTime++
		case code != -1: // the signal came before anybody minded it
			t.Fatalf("exit code %d:\n%s", code, p.Output())
		}
	}
	s.figure("%d of 20 servers had begun", inTime)
	if err := s.receiver.Listen(); err != nil {
		t.Fatal(err)
	}
	s.deliver(s.start(), s.inFlight(1), 0)
}
