package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// damage is something that happens to the directory of a spool.
type damage struct {
	name  string
	start func(s *spooling) // before the server is started; may be nil
	do    func(s *spooling) // may be nil: it is damaged from the start
	undo  func(s *spooling, w *spooler)
}

var damages = []damage{
	{
		name: "removed",
		do:   func(s *spooling) { s.must(os.RemoveAll(s.dir)) },
		undo: func(s *spooling, _ *spooler) { s.must(os.Mkdir(s.dir, 0o700)) },
	},
	{
		name:  "permission lost",
		start: (*spooling).withoutPrivileges,
		do:    func(s *spooling) { s.must(os.Chmod(s.dir, 0)) },
		undo:  func(s *spooling, _ *spooler) { s.must(os.Chmod(s.dir, 0o700)) },
	},
	{
		name:  "read-only",
		start: (*spooling).onReadOnly,
		undo: func(s *spooling, w *spooler) {
			s.must(command("nsenter", "--target", strconv.Itoa(w.ID()), "--user", "--mount", "--preserve-credentials", "mount", "-o", "remount,rw", s.dir))
		},
	},
}

// F54: nobody receives, and the directory of the spool cannot be written to any more. Requests are answered, their spans stay in
// memory, and go to the spool again when that is possible. None is lost.
func TestF54DirectoryFails(t *testing.T) {
	t.Parallel()
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			s := newSpooling(t, "overflow", nil)
			s.receiver.Shut()
			s.args = []string{"--spool-max-bytes", "32MiB"} // four segments
			s.traffic.pause = 40 * time.Millisecond
			s.traffic.agent = strings.Repeat("x", 24<<10)
			if d.start != nil {
				d.start(s)
			}
			w := s.start()
			s.serve(w)
			stop := s.traffic.begin(t)
			if d.do != nil {
				w.askUntil(t, "spans in the spool", func(b *books) bool { return b.spooled > 20 })
				d.do(s)
			}
			// What fits into the segment that is open may still go there.
			broken := w.askUntil(t, "spans to stay in memory", func(b *books) bool { return b.queued > 100 })
			stop()
			begin := time.Now()
			d.undo(s, w)
			w.askUntil(t, "them to go to the spool", func(b *books) bool { return b.queued == 0 })
			s.figure("%d spooled and %d in memory when it was mended, all in the spool %v later", broken.spooled, broken.queued, time.Since(begin).Round(time.Millisecond))
			if lines := strings.Count(w.Output(), "traces were not sent"); lines > 10 {
				t.Errorf("the server has said %d times that traces were not sent", lines)
			}
			s.must(s.receiver.Listen())
			s.deliver(w, s.inFlight(1), 0) // an upload may have taken too long for the one who waited
			if requests, answered := s.traffic.count(); requests != answered {
				t.Errorf("%d requests were made, and %d answered", requests, answered)
			}
		})
	}
}

func (s *spooling) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// withoutPrivileges has the modes of files apply to the server, also when root runs it.
func (s *spooling) withoutPrivileges() {
	s.Cleanup(func() { _ = os.Chmod(s.dir, 0o700) }) // so that it can be removed
	if os.Geteuid() != 0 {
		return
	}
	s.before = []string{"setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"}
	s.possible("root's privileges cannot be dropped")
}

// onReadOnly has the server see a file system of its own in the place of the directory.
func (s *spooling) onReadOnly() {
	s.must(os.Mkdir(s.dir, 0o700))
	s.before = []string{
		"unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
		`dir=$0 && mount -t tmpfs -o ro,mode=700 none "$dir" && exec "$@"`, s.dir,
	}
	s.possible("this user or this system cannot mount")
}

// possible skips the test unless the command that runs servers works.
func (s *spooling) possible(why string) {
	s.Helper()
	if err := command(append(s.before, "true")...); err != nil {
		s.Skipf("%s: %v", why, err)
	}
}

func command(args ...string) error {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
