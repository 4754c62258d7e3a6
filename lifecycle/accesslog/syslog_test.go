package accesslog_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle/accesslog"
)

// sendTo makes a log whose lines go to a receiver.
func sendTo(t *testing.T, address string, format *accesslog.Format, o accesslog.SyslogOptions) *accesslog.Log {
	t.Helper()
	out, err := accesslog.Open(address, o)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, accesslog.Options{Output: out, Format: format})
}

// TestH27Syslog sends lines over each kind of socket to a receiver that is strict.
func TestH27Syslog(t *testing.T) {
	dir := t.TempDir()
	socket := func(name string) string { return filepath.Join(dir, name) }
	port := freePort(t)
	for _, c := range []struct{ network, listen, address string }{
		{"udp", port, "udp://" + port},
		{"tcp", port, "tcp://" + port},
		{"unixgram", socket("a"), "unix://" + socket("a")},
		{"unix", socket("b"), "unix://" + socket("b")},
		{"unixgram", socket("c"), "unix://" + socket("c") + "#dgram"},
		{"unix", socket("d"), "unix://" + socket("d") + "#stream"},
	} {
		t.Run(c.network+" "+filepath.Base(c.address), func(t *testing.T) {
			r := listen(t, c.network, c.listen)
			o := accesslog.SyslogOptions{Facility: "local3", Severity: "notice", Hostname: "web-1", AppName: "shop", MessageID: "http"}
			l := sendTo(t, c.address, accesslog.MustCompile("%({request_index}x)s \"%(a)s\"", accesslog.FormatOptions{}), o)
			before := time.Now()
			const n = 200
			var want []string
			for i := range n {
				l.Record(numbered(i + 1))
				want = append(want, strconv.Itoa(i+1)+` "agent/1.0"`)
			}
			flush(t, l)
			if got := r.wait(n); !slices.Equal(got, want) {
				t.Errorf("%d lines, the first %q", len(got), got[0])
			}
			m := r.received()[0]
			at := m.at
			m.at, m.line = time.Time{}, ""
			if want := (syslogMessage{facility: 19, severity: 5, hostname: "web-1", app: "shop", procID: strconv.Itoa(os.Getpid()), id: "http"}); m != want {
				t.Errorf("%+v, want %+v", m, want)
			}
			if at.Before(before.Truncate(time.Microsecond)) || at.After(time.Now()) {
				t.Errorf("the message is of %s", at)
			}
		})
	}
}

func TestSyslogByDefault(t *testing.T) {
	port := freePort(t)
	r := listen(t, "tcp", port)
	l := sendTo(t, "tcp://"+port, short(t), accesslog.SyslogOptions{})
	l.Record(numbered(1))
	r.wait(1)
	host, _ := os.Hostname()
	if m := r.received()[0]; m.facility != 1 || m.severity != 6 || m.app != "wirespan" || m.id != "access" || m.hostname != host {
		t.Errorf("%+v", m)
	}
}

// TestSyslogReconnects: what is recorded while no receiver is there waits for the next one, in order.
func TestSyslogReconnects(t *testing.T) {
	port := freePort(t)
	for _, c := range []struct{ network, listen, address string }{
		{"tcp", port, "tcp://" + port},
		{"unix", filepath.Join(t.TempDir(), "s"), ""},
		{"unixgram", filepath.Join(t.TempDir(), "s"), ""},
	} {
		if c.address == "" {
			c.address = "unix://" + c.listen
		}
		t.Run(c.network, func(t *testing.T) {
			l := sendTo(t, c.address, short(t), accesslog.SyslogOptions{})
			l.Record(numbered(1)) // nobody is there yet
			var first, second []string
			r := listen(t, c.network, c.listen)
			l.Record(numbered(2))
			first = r.wait(2)
			r.stop()
			_ = os.Remove(c.listen)
			if c.network != "unixgram" {
				waitFor(t, func() bool { return !l.Connected() })
			}
			l.Record(numbered(3))
			r = listen(t, c.network, c.listen)
			l.Record(numbered(4))
			second = r.wait(2)
			if got := append(first, second...); !slices.Equal(got, []string{"1", "2", "3", "4"}) {
				t.Errorf("%q", got)
			}
			flush(t, l)
			if s := l.Stats(); s != (accesslog.Stats{Written: 4}) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestSyslogSendsACutMessageAgain: the receiver has discarded it.
func TestSyslogSendsACutMessageAgain(t *testing.T) {
	port := freePort(t)
	listener, err := net.Listen("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	format, record := fat()
	out, err := accesslog.OpenSyslog("tcp://"+port, accesslog.SyslogOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l := start(t, accesslog.Options{Output: out, Format: format, BufferBytes: 32 << 20})
	const n = 4000 // some 16 MiB, more than the sockets hold
	for i := range n {
		record(l, i)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	half := make([]byte, 1<<20)
	if _, err := conn.Read(half); err != nil {
		t.Fatal(err)
	}
	conn.Close() // in the middle of a message, and with much of what was sent unread
	listener.Close()
	r := listen(t, "tcp", port)
	flush(t, l)
	waitFor(t, func() bool {
		got := r.received()
		return len(got) > 0 && strings.HasPrefix(got[len(got)-1].line, fmt.Sprint(n-1, " "))
	})
	got := r.received()
	for i, m := range got {
		if want := fmt.Sprint(n-len(got)+i, " "); !strings.HasPrefix(m.line, want) || len(m.line) != len(want)+5000 {
			t.Fatalf("message %d begins with %.20q, want %q", i, m.line, want)
		}
	}
	if s := l.Stats(); s.Written != n {
		t.Errorf("%+v", s)
	}
}

// TestSyslogCutsWhatNoDatagramTakes: the line arrives, if not all of it.
func TestSyslogCutsWhatNoDatagramTakes(t *testing.T) {
	for _, network := range []string{"udp", "unixgram"} {
		address := freePort(t)
		to := "udp://" + address
		if network == "unixgram" {
			address = filepath.Join(t.TempDir(), "s")
			to = "unix://" + address
		}
		r := listen(t, network, address)
		e := answered()
		withField("User-Agent", strings.Repeat("\xff", 4096))(e)
		many := strings.Repeat("%(a)s", 10)
		l := sendTo(t, to, accesslog.MustCompile(many, accesslog.FormatOptions{}), accesslog.SyslogOptions{})
		l.Record(e)
		flush(t, l)
		if got := r.wait(1)[0]; len(got) < 50<<10 || strings.Trim(got, `\xf`) != "" {
			t.Errorf("%s: %d bytes", network, len(got))
		}
	}
}

// TestSyslogReopenConnectsAnew: the name may lead elsewhere by now.
func TestSyslogReopenConnectsAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := listen(t, "unixgram", path)
	l := sendTo(t, "unix://"+path, short(t), accesslog.SyslogOptions{})
	l.Record(numbered(1))
	first.wait(1)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second := listen(t, "unixgram", path)
	if err := l.Reopen(soon(t)); err != nil {
		t.Fatal(err)
	}
	l.Record(numbered(2))
	if got := second.wait(1); !slices.Equal(got, []string{"2"}) {
		t.Errorf("%q", got)
	}
}

// TestSyslogLabelsThatAreWrong says what is allowed.
func TestSyslogLabelsThatAreWrong(t *testing.T) {
	for _, c := range []struct {
		address string
		o       accesslog.SyslogOptions
		want    string
	}{
		{"udp://h", accesslog.SyslogOptions{Facility: "security"}, `syslog facility "security" is not known: allowed are auth, authpriv, cron`},
		{"udp://h", accesslog.SyslogOptions{Severity: "loud"}, "allowed are alert, crit, debug"},
		{"udp://h", accesslog.SyslogOptions{AppName: "my app"}, "1 to 48 printable ASCII"},
		{"udp://h", accesslog.SyslogOptions{Hostname: "h\n"}, "1 to 255 printable ASCII"},
		{"udp://h", accesslog.SyslogOptions{MessageID: strings.Repeat("x", 33)}, "1 to 32 printable ASCII"},
		{"udp://h:0", accesslog.SyslogOptions{}, `"0" is no port; allowed are udp://host:port`},
		{"tcp://h:x", accesslog.SyslogOptions{}, `"x" is no port`},
		{"tcp://::1", accesslog.SyslogOptions{}, "too many colons"},
		{"unix:///s#seqpacket", accesslog.SyslogOptions{}, `"seqpacket" is no kind of socket`},
		{"unix://", accesslog.SyslogOptions{}, "the path is missing"},
		{"relp://h", accesslog.SyslogOptions{}, `"relp" is no kind of address`},
	} {
		if _, err := accesslog.OpenSyslog(c.address, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.address, err, c.want)
		}
	}
	for address, want := range map[string]string{
		"udp://": "udp localhost:514", "tcp://h": "tcp h:514", "udp://[::1]": "udp [::1]:514", "tcp://[::1]:601": "tcp [::1]:601",
		"udp://:1514": "udp localhost:1514", "unix:///dev/log": "unixgram /dev/log",
	} {
		if got := accesslog.DefaultEndpoint(address); got != want {
			t.Errorf("%s is %s, want %s", address, got, want)
		}
		out, err := accesslog.OpenSyslog(address, accesslog.SyslogOptions{})
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
		if _, err := out.Write([]byte("late\n")); err == nil {
			t.Errorf("%s: a closed output takes lines", address)
		}
	}
}
