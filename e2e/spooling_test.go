package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/faults"
)

// spooling is a spool and the servers that use it, what they serve, and where they send. When it ends, every span that any of
// them made has arrived, or was counted as lost by another one.
type spooling struct {
	*testing.T
	begun    time.Time
	mode     string // --spool-mode
	dir      string // --spool
	args     []string
	before   []string // a command that runs the server
	receiver *faults.Receiver
	traffic  *traffic

	homes  map[string]bool         // the instances that were in dir
	graves []grave                 // of those killed whose ledger nobody has adopted yet
	killed map[*wirespan]time.Time // when

	// What those that have ended leave to say.
	made    uint64 // spans
	lost    uint64 // with those that were killed, by their ledgers
	crash   uint64 // the same, by the accounts of who came after
	unasked uint64 // the part of lost that a server had counted that was killed before it could tell, and left to the next
	figures []string
}

// grave is an instance whose process was killed.
type grave struct {
	home string
	lost uint64 // what died with it, and what it had not told of those before it
}

// spooler is a server that uses the spool.
type spooler struct {
	*wirespan
	home   string   // its directory; "" when the test cannot see it
	ledger *os.File // there
	owed   uint64   // spans that it will have to count as lost in a crash
	told   uint64   // those that it has told of
}

// newSpooling makes an empty spool.
func newSpooling(t *testing.T, mode string, script faults.Script) *spooling {
	t.Helper()
	receiver, err := faults.Open(faults.Options{Script: script})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(receiver.Shut)
	wirespanProgram.path(t) // building it takes a while
	return &spooling{
		T: t, begun: time.Now(), mode: mode, dir: filepath.Join(t.TempDir(), "spool"), receiver: receiver,
		traffic: newTraffic(4, 2*time.Millisecond), homes: map[string]bool{}, killed: map[*wirespan]time.Time{},
	}
}

// environment is how a server knows its receiver.
func (s *spooling) environment() []string {
	return []string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + s.receiver.Addr()}
}

func (s *spooling) arguments() []string {
	return append([]string{"demo", "--spool", s.dir, "--spool-mode", s.mode}, s.args...)
}

// start starts a server.
func (s *spooling) start() *spooler {
	s.Helper()
	w := &spooler{}
	for _, g := range s.graves {
		w.owed += g.lost
	}
	w.wirespan = launch(s.T, s.before, s.environment(), s.arguments()...)
	for _, home := range s.instances() {
		if !s.homes[home] {
			w.home, s.homes[home], w.ledger = home, true, openLedger(s.T, home)
		}
	}
	return w
}

// instances returns the directories in the spool.
func (s *spooling) instances() []string {
	s.Helper()
	homes, err := filepath.Glob(filepath.Join(s.dir, "*"))
	if err != nil {
		s.Fatal(err)
	}
	return homes
}

// serve has the traffic go to a server.
func (s *spooling) serve(w *spooler) { s.traffic.to(w.wirespan) }

// adopted waits until a server has counted what died with those before it, and checks the count.
func (s *spooling) adopted(w *spooler) {
	s.Helper()
	for _, g := range s.graves {
		for deadline := time.Now().Add(patience); !isAdopted(s.T, g.home); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				s.Fatalf("%s is not adopted", g.home)
			}
		}
	}
	s.graves = nil
	s.counted(w.owed, w.ask(s.T))
	w.owed, w.told = 0, w.told+w.owed
}

// counted takes the accounts of a server that was to count so many spans as lost.
func (s *spooling) counted(owed uint64, b books) {
	s.Helper()
	if n := b.why["crash"]; n != owed {
		s.Errorf("%d spans are said to be lost by a crash, want %d: %v", n, owed, b)
	}
	s.crash += owed
	if b.unlike("crash") != 0 {
		s.Errorf("spans were dropped: %v", b)
	}
}

// kill ends a server with SIGKILL.
func (s *spooling) kill(w *spooler) {
	s.Helper()
	w.Kill()
	s.bury(w)
}

// bury takes what is left of a server that ended without ending its spool.
func (s *spooling) bury(w *spooler) {
	s.Helper()
	s.killed[w.wirespan] = time.Now()
	var untold uint64
	s.graves = slices.DeleteFunc(s.graves, func(g grave) bool {
		gone := isAdopted(s.T, g.home)
		if gone {
			untold += g.lost
		}
		return gone
	})
	l := readLedger(s.T, w.ledger)
	if l.dropped != w.told {
		s.Errorf("a server had dropped %d spans when it was killed, want %d", l.dropped, w.told)
	}
	lost := l.lost()
	if s.mode == "mapped" {
		lost = 0 // what was in memory is in a file, too
	}
	s.made += l.ended - w.told - untold
	s.lost += lost - untold
	s.unasked += untold
	s.graves = append(s.graves, grave{w.home, lost})
}

// stop ends a server with SIGTERM, and returns its last accounts.
func (s *spooling) stop(w *spooler) books {
	s.Helper()
	b := w.close(s.T)
	s.made += b.made
	return b
}

// figure adds to the line of the row.
func (s *spooling) figure(format string, args ...any) {
	s.figures = append(s.figures, fmt.Sprintf(format, args...))
}

// deliver waits until the last server has sent all there is, ends it, and does the sums of the row: no more than some spans
// arrived twice, and no more than some were counted as lost although they had arrived.
func (s *spooling) deliver(w *spooler, duplicates, twice uint64) {
	s.Helper()
	s.adopted(w)
	// What was adopted is gone when all of it has been sent.
	w.askUntil(s.T, "all spans to be sent", func(b *books) bool { return settled(b) && len(s.instances()) <= 1 })
	if b := s.stop(w); b.spooled != 0 || b.unlike("crash") != 0 {
		s.Errorf("the last server ended with %v", b)
	}
	came := s.receiver.Counts()
	s.sums(uint64(came.Unique), twice)
	if uint64(came.Duplicate) > duplicates {
		s.Errorf("%d spans arrived twice, want %d at most", came.Duplicate, duplicates)
	}
	for _, p := range s.receiver.Problems() {
		s.Error(p)
	}
	if left := s.instances(); len(left) > 0 {
		s.Errorf("the spool is empty, but %v is still there", left)
	}
	requests, answered := s.traffic.count()
	s.Logf("%v: %d requests, %d answered; %d spans made = %d arrived + %d lost in %d crashes (%d of them counted first by one that was killed next) - %d counted twice; "+
		"%d arrived again, %d calls; %s", time.Since(s.begun).Round(time.Second), requests, answered, s.made, came.Unique, s.lost, len(s.killed), s.unasked,
		int64(uint64(came.Unique)+s.lost-s.made), came.Duplicate, came.Calls, strings.Join(s.figures, ", "))
}

// sums checks that each span has arrived or is known to be lost, and each request that was answered was one of them.
func (s *spooling) sums(unique, twice uint64) {
	s.Helper()
	if s.crash != s.lost {
		s.Errorf("%d spans died with servers, and those after them counted %d", s.lost, s.crash)
	}
	if known := unique + s.lost; known < s.made || known > s.made+twice {
		s.Errorf("%d spans were made, and %d arrived and %d were lost, %d at most of which may be counted twice", s.made, unique, s.lost, twice)
	}
	s.traffic.check(s.T)
	// An answer may come to its client before its span is made.
	missing := s.traffic.missing(s.receiver.Oracle)
	if most := s.lost + uint64(s.traffic.connections*len(s.killed)); uint64(len(missing)) > most {
		s.Errorf("%d requests were answered whose spans did not arrive, want %d at most", len(missing), most)
	}
	requests := 0
	for _, f := range s.receiver.Fates() {
		if f.Serial >= 0 {
			requests++
		}
	}
	if made, _ := s.traffic.count(); requests > made {
		s.Errorf("%d requests arrived, and %d were made", requests, made)
	}
	s.figure("answered but lost %d", len(missing))
	s.figure("the oldest of them %v before its server was killed", s.oldest(missing).Round(time.Millisecond))
}

// oldest returns how long before the end of its server the first of these answers came.
func (s *spooling) oldest(missing []answer) (most time.Duration) {
	for _, a := range missing {
		if end, ok := s.killed[a.by]; ok {
			most = max(most, end.Sub(a.at))
		}
	}
	return most
}

// inFlight is how many spans may have been on their way when so many servers or connections ended: those of the uploads that
// there may be at once, 16 of them.
func (s *spooling) inFlight(ends int) uint64 { return uint64(ends * 16 * s.receiver.Largest()) }
