package accesslog_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/accesslog"
)

// newLogger makes a Logger that is closed at the end of the test.
func newLogger(t *testing.T, o accesslog.LoggerOptions) *accesslog.Logger {
	t.Helper()
	l, err := accesslog.NewLogger(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(soon(t)); err != nil {
			t.Error(err)
		}
	})
	return l
}

// captured runs f with a pipe in the place of standard output or standard error, and returns what was written.
func captured(t *testing.T, stream **os.File, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	before := *stream
	*stream = w
	f()
	*stream = before
	w.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestH20Methods: each level, formatted, and the exception with its stack.
func TestH20Methods(t *testing.T) {
	path := filepath.Join(t.TempDir(), "error.log")
	l := newLogger(t, accesslog.LoggerOptions{ErrorLog: path, Level: slog.LevelDebug})
	l.Critical("c %d", 1)
	l.Error("e %s", "x")
	l.Warning("100%%")
	l.Info("i")
	l.Debug("d")
	l.Log(slog.LevelInfo+1, "l %v", true)
	l.Exception(errors.New("of mine"), "x %d", 2)
	l.Exception(&lifecycle.PanicError{Value: "oops", Stack: []byte("stack\nof the panic")}, "y")
	flush(t, l)
	text := read(t, path)
	var got []string
	for line := range strings.Lines(text) {
		_, message, _ := strings.Cut(line, "] [")
		_, message, _ = strings.Cut(message, "] ")
		got = append(got, strings.TrimSuffix(message, "\n"))
	}
	want := []string{"[CRITICAL] c 1", "[ERROR] e x", "[WARNING] 100%", "[INFO] i", "[DEBUG] d", "[INFO] l true"}
	if len(got) != 8 || !slices.Equal(got[:6], want) {
		t.Fatalf("%q, want %q and two exceptions", got, want)
	}
	if !strings.HasPrefix(got[6], `[ERROR] x 2 error="of mine" stack="goroutine `) || !strings.Contains(got[6], "TestH20Methods") {
		t.Errorf("%s", got[6])
	}
	if want := `[ERROR] y error="panic: oops" stack="stack\nof the panic"`; got[7] != want {
		t.Errorf("%s, want %s", got[7], want)
	}
}

// TestH20NoDestination: each method is a no-op, and formats nothing.
func TestH20NoDestination(t *testing.T) {
	l := newLogger(t, accesslog.LoggerOptions{ErrorLogger: slog.New(slog.DiscardHandler)})
	for _, method := range []func(string, ...any){l.Critical, l.Error, l.Warning, l.Info, l.Debug} {
		method("%s", formatted{t})
	}
	l.Log(slog.LevelError, "%s", formatted{t})
	l.Exception(nil, "%s", formatted{t})
	r, _ := accesslog.RecordOf(answered(), peers)
	l.Access(&r)
	if l.Collector() != lifecycle.Noop {
		t.Error("there is no access log, and a collector all the same")
	}
	if access, errorLog := l.Stats(); access != (accesslog.Stats{}) || errorLog != (accesslog.Stats{}) {
		t.Errorf("%+v, %+v", access, errorLog)
	}
}

// formatted fails the test when it is.
type formatted struct{ t *testing.T }

func (f formatted) String() string {
	f.t.Error("formatted for nobody")
	return ""
}

// TestH20AccessAndAtoms: access writes a line by hand, and atoms gives the values of one.
func TestH20AccessAndAtoms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	o := accesslog.FormatOptions{Atoms: map[string]accesslog.Atom{
		"h":    func(dst []byte, _ *accesslog.Record) []byte { return append(dst, "hidden"...) },
		"team": func(dst []byte, _ *accesslog.Record) []byte { return append(dst, "a\nb"...) },
	}}
	l := newLogger(t, accesslog.LoggerOptions{AccessLog: path, AccessFormat: `%(h)s "%(r)s" %(s)s`, FormatOptions: o})
	r, _ := accesslog.RecordOf(answered(), peers)
	l.Access(&r)
	l.Collector().Record(answered())
	flush(t, l)
	const line = `hidden "GET /a%20b?c=d HTTP/1.1" 200` + "\n"
	if got := read(t, path); got != line+line {
		t.Errorf("%q", got)
	}
	atoms := l.Atoms(&r)
	for name, want := range map[string]string{"h": "hidden", "team": `a\x0ab`, "s": "200", "l": "-", "D": "1234567", "r": "GET /a%20b?c=d HTTP/1.1"} {
		if atoms[name] != want {
			t.Errorf("atom %s is %q, want %q", name, atoms[name], want)
		}
	}
	if len(atoms) != 25 {
		t.Errorf("%d atoms, want the 24 of the table and one more: %v", len(atoms), atoms)
	}
}

// TestH21Destinations: the access log is off by default and "-" is standard output; the error log is standard error by default.
func TestH21Destinations(t *testing.T) {
	use := func(o accesslog.LoggerOptions) {
		l, err := accesslog.NewLogger(o)
		if err != nil {
			t.Fatal(err)
		}
		l.Collector().Record(answered())
		l.Error("failed")
		if err := errors.Join(l.Flush(soon(t)), l.Reopen(soon(t)), l.Close(soon(t))); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		o                  accesslog.LoggerOptions
		wantOut, wantError string
	}{
		{accesslog.LoggerOptions{}, "", "failed\n"},
		{accesslog.LoggerOptions{AccessLog: "-", AccessFormat: "%(s)s", ErrorLog: "-"}, "200\n", "failed\n"},
	} {
		var stderr string
		stdout := captured(t, &os.Stdout, func() { stderr = captured(t, &os.Stderr, func() { use(c.o) }) })
		if stdout != c.wantOut || !strings.HasSuffix(stderr, c.wantError) {
			t.Errorf("%q and %q, want %q and %q", stdout, stderr, c.wantOut, c.wantError)
		}
	}
	dir := t.TempDir()
	for _, o := range []accesslog.LoggerOptions{
		{AccessLog: dir},
		{ErrorLog: dir},
		{AccessLog: "ftp://h"},
		{AccessFormat: "%(zz)s"},
		{AccessLog: filepath.Join(dir, "a"), ErrorLog: "udp://h:x"},
	} {
		if _, err := accesslog.NewLogger(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// TestH22Lines: INFO by default, the time, the process and the level before the message; an access line is bare.
func TestH22Lines(t *testing.T) {
	dir := t.TempDir()
	o := accesslog.LoggerOptions{AccessLog: filepath.Join(dir, "access.log"), ErrorLog: filepath.Join(dir, "error.log"), AccessFormat: "%(s)s"}
	l := newLogger(t, o)
	l.Debug("not wanted")
	l.Info("forged\n[2000-01-01 00:00:00 +0000] [1] [ERROR] \x1b[31m")
	l.Slog().With("a", 1).WithGroup("g").With("b", "x y").Info("attributes", "c", "", slog.Group("h", "d", "\n"), slog.Attr{})
	l.Collector().Record(answered())
	flush(t, l)
	const line = `^\[[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}\] \[[0-9]+\] \[INFO\] `
	want := []string{
		line + regexp.QuoteMeta(`forged\n[2000-01-01 00:00:00 +0000] [1] [ERROR] \x1b[31m`) + "\n$",
		line + regexp.QuoteMeta(`attributes a=1 g.b="x y" g.c="" g.h.d="\n"`) + "\n$",
	}
	got := slices.Collect(strings.Lines(read(t, o.ErrorLog)))
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !regexp.MustCompile(want[i]).MatchString(got[i]) {
			t.Errorf("%q does not match %s", got[i], want[i])
		}
	}
	if got := read(t, o.AccessLog); got != "200\n" {
		t.Errorf("%q", got)
	}
}

// H22: a handler of the caller's writes the records in its own form, to the same place and at once.
func TestH22OwnForm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "error.log")
	synctest.Test(t, func(t *testing.T) {
		l := newLogger(t, accesslog.LoggerOptions{ErrorLog: path, ErrorHandler: func(w io.Writer) slog.Handler {
			return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}})
		}})
		l.Info("not wanted")
		l.Warning("n %d", 1)
		l.Slog().Error("forged\n{}", "a", 1)
		synctest.Wait()
		const want = `{"level":"WARN","msg":"n 1"}` + "\n" + `{"level":"ERROR","msg":"forged\n{}","a":1}` + "\n"
		if got := read(t, path); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// TestAWarningIsWrittenAtOnce: nothing may follow it.
func TestAWarningIsWrittenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "error.log")
	synctest.Test(t, func(t *testing.T) {
		l := newLogger(t, accesslog.LoggerOptions{ErrorLog: path})
		l.Info("waits")
		synctest.Wait()
		if got := read(t, path); got != "" {
			t.Errorf("%q", got)
		}
		l.Warning("hurries")
		synctest.Wait()
		if got := read(t, path); strings.Count(got, "\n") != 2 || !strings.HasSuffix(got, "hurries\n") {
			t.Errorf("%q", got)
		}
	})
}

// TestH23OwnLoggers: what is configured elsewhere is used as it is, its level and its handler too.
func TestH23OwnLoggers(t *testing.T) {
	var access, errorLog bytes.Buffer
	plain := func(w io.Writer, level slog.Level) *slog.Logger {
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
	}
	o := accesslog.LoggerOptions{
		AccessLogger: plain(&access, slog.LevelInfo), AccessFormat: "%(m)s %(s)s",
		ErrorLogger: plain(&errorLog, slog.LevelError), Level: slog.LevelDebug,
	}
	l := newLogger(t, o)
	l.Collector().Record(answered())
	l.Collector().Record(aborted())
	l.Warning("below its level")
	l.Error("failed")
	flush(t, l)
	if got, want := access.String(), "level=INFO msg=\"GET 200\"\nlevel=INFO msg=\"GET -\"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := errorLog.String(), "level=ERROR msg=failed\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// H1: the handlers are a list.
	if got := l.Handlers(); !slices.Equal(got, []slog.Handler{o.ErrorLogger.Handler(), o.AccessLogger.Handler()}) {
		t.Errorf("%v", got)
	}
}

// TestH1H24Handlers: more handlers take the records of the error log, and none the access lines.
func TestH1H24Handlers(t *testing.T) {
	var also bytes.Buffer
	more := slog.NewTextHandler(&also, &slog.HandlerOptions{Level: slog.LevelWarn})
	dir := t.TempDir()
	l := newLogger(t, accesslog.LoggerOptions{
		AccessLog: filepath.Join(dir, "access.log"), ErrorLog: filepath.Join(dir, "error.log"), Handlers: []slog.Handler{more},
	})
	l.Collector().Record(answered())
	l.Info("to one")
	l.Error("to both")
	flush(t, l)
	if got := also.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "to both") {
		t.Errorf("%q", got)
	}
	if got := read(t, filepath.Join(dir, "error.log")); strings.Count(got, "\n") != 2 {
		t.Errorf("%q", got)
	}
	handlers := l.Handlers()
	if len(handlers) != 2 || handlers[1] != slog.Handler(more) || !handlers[0].Enabled(context.Background(), slog.LevelInfo) {
		t.Errorf("%v", handlers)
	}
}

// TestH26LoggerReopens: both files are made anew.
func TestH26LoggerReopens(t *testing.T) {
	dir := t.TempDir()
	files := []string{filepath.Join(dir, "access.log"), filepath.Join(dir, "error.log")}
	l := newLogger(t, accesslog.LoggerOptions{AccessLog: files[0], ErrorLog: files[1], AccessFormat: "%(s)s"})
	log := func() {
		l.Collector().Record(answered())
		l.Info("message")
	}
	log()
	for _, f := range files {
		if err := os.Rename(f, f+".1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Reopen(soon(t)); err != nil {
		t.Fatal(err)
	}
	log()
	flush(t, l)
	for _, f := range files {
		for _, name := range []string{f, f + ".1"} {
			if got := read(t, name); strings.Count(got, "\n") != 1 {
				t.Errorf("%s has %q", name, got)
			}
		}
	}
}

// TestH27LoggerToSyslog: both logs, told apart by their message id.
func TestH27LoggerToSyslog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	r := listen(t, "unixgram", path)
	l := newLogger(t, accesslog.LoggerOptions{AccessLog: "unix://" + path, ErrorLog: "unix://" + path, AccessFormat: "%(s)s"})
	l.Collector().Record(answered())
	l.Error("failed")
	flush(t, l)
	r.wait(2)
	got := map[string]string{}
	for _, m := range r.received() {
		got[m.id] = m.line
	}
	if got["access"] != "200" || !strings.HasSuffix(got["error"], "[ERROR] failed") {
		t.Errorf("%v", got)
	}
}

// TestH28TroubleIsInTheErrorLog: an atom that panics is told there with its stack.
func TestH28TroubleIsInTheErrorLog(t *testing.T) {
	dir := t.TempDir()
	l := newLogger(t, accesslog.LoggerOptions{
		AccessLog: filepath.Join(dir, "access.log"), ErrorLog: filepath.Join(dir, "error.log"), AccessFormat: "%(boom)s",
		FormatOptions: accesslog.FormatOptions{Atoms: map[string]accesslog.Atom{"boom": func([]byte, *accesslog.Record) []byte { panic("boom") }}},
	})
	l.Collector().Record(answered())
	flush(t, l)
	if got := read(t, filepath.Join(dir, "access.log")); got != "-\n" {
		t.Errorf("%q", got)
	}
	got := read(t, filepath.Join(dir, "error.log"))
	if !strings.Contains(got, `error="atom boom: panic: boom"`) || !strings.Contains(got, "stack=") || !strings.Contains(got, "logger_test.go") {
		t.Errorf("%q", got)
	}
}
