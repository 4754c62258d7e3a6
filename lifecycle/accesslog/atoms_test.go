package accesslog_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/accesslog"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

var pid = fmt.Sprintf("<%d>", os.Getpid())

// TestAtoms has each atom in each dialect. The rows are those of docs/parity.md.
func TestAtoms(t *testing.T) {
	for _, c := range []struct {
		row, atom                 string
		seed, hypercorn, gunicorn string
	}{
		{"H30", "h", "203.0.113.5", "203.0.113.5:50123", "203.0.113.5"},
		{"H31", "l", "-", "-", "-"},
		{"H3 H32", "u", "brk0v", "-", "brk0v"},
		{"H5 H34", "r", "GET /a%20b?c=d HTTP/1.1", "GET /a b 1.1", "GET /a%20b?c=d HTTP/1.1"},
		{"H35", "R", "GET /a%20b?c=d HTTP/1.1", "GET /a b?c=d 1.1", "-"},
		{"H36", "s", "200", "200", "200"},
		{"H36", "st", "OK", "OK", "-"},
		{"H37", "S", "http", "http", "-"},
		{"H12 H38", "m", "GET", "GET", "GET"},
		{"H12 H39", "U", "/a%20b", "/a b", "/a b"},
		{"H39", "Uq", "/a%20b?c=d", "/a b?c=d", "-"},
		{"H39", "q", "c=d", "c=d", "c=d"},
		{"H40", "H", "HTTP/1.1", "1.1", "HTTP/1.1"},
		{"H4 H41", "b", "512", "512", "512"},
		{"H41", "B", "512", "512", "512"},
		{"H42", "f", "http://ref.example/", "http://ref.example/", "http://ref.example/"},
		{"H42", "a", "agent/1.0", "agent/1.0", "agent/1.0"},
		{"H43", "T", "1", "1", "1"},
		{"H44", "M", "1234", "-", "1234"},
		{"H45", "D", "1234567", "1234567", "1234567"},
		{"H46", "L", "1.234567", "1.234567", "1.234567"},
		{"H2 H47", "p", "8080", pid, pid},
		{"H2", "P", pid[1 : len(pid)-1], "-", "-"},
		{"H48", "{USER-agent}i", "agent/1.0", "agent/1.0", "agent/1.0"},
		{"H48", "{content-TYPE}o", "text/plain", "text/plain", "text/plain"},
		{"H48", "{missing}i", "-", "-", "-"},
		{"H48", "{missing}o", "-", "-", "-"},
		{"H9 H48", "{missing}e", "-", "-", "-"},
	} {
		for d, want := range []string{c.seed, c.hypercorn, c.gunicorn} {
			o := accesslog.FormatOptions{Dialect: accesslog.Dialect(d)}
			t.Run(fmt.Sprintf("%s %s %s", c.row, c.atom, o.Dialect), func(t *testing.T) {
				if got := line(t, "%("+c.atom+")s", o, answered()); got != want {
					t.Errorf("%q, want %q", got, want)
				}
			})
		}
	}
}

// TestExtendedAtoms has what the other servers do not.
func TestExtendedAtoms(t *testing.T) {
	for atom, want := range map[string]string{
		"trace_id": "0a000000000000000000000000000001", "span_id": "0b00000000000002", "trace_flags": "01",
		"request_id": "id-of-the-request", "connection_id": "7", "worker_id": "3", "request_index": "2",
		"route": "/{name}", "status_class": "2xx", "event": "ResponseCompleted", "code": "-",
		"bytes_received": "64", "head_bytes": "120", "duration_ms": "1234.567",
		"idle_ms": "5.000", "head_ms": "0.250", "queue_ms": "0.750", "handler_ms": "1233.000", "write_ms": "0.567",
	} {
		if got := line(t, "%({"+atom+"}x)s", accesslog.FormatOptions{}, answered()); got != want {
			t.Errorf("%s: %q, want %q", atom, got, want)
		}
	}
	for atom, want := range map[string]string{
		"trace_id": "-", "span_id": "-", "trace_flags": "-", "request_id": "-", "request_index": "-", "route": "-", "status_class": "4xx",
		"event": "RequestFailed", "code": "invalid_request_line", "duration_ms": "0.000", "idle_ms": "-", "handler_ms": "-",
	} {
		if got := line(t, "%({"+atom+"}x)s", accesslog.FormatOptions{}, unparsable()); got != want {
			t.Errorf("%s of an unparsable request: %q, want %q", atom, got, want)
		}
	}
}

// TestEdgeCases has what the rows say of values that are missing or odd.
func TestEdgeCases(t *testing.T) {
	const seed, hypercorn, gunicorn = accesslog.Seed, accesslog.Hypercorn, accesslog.Gunicorn
	for _, c := range []struct {
		name    string
		dialect accesslog.Dialect
		atom    string
		change  func(*lifecycle.ResponseCompleted)
		want    string
	}{
		{"H32 scheme in any case", gunicorn, "u", withField("Authorization", "BASIC YnJrMHY6"), "brk0v"},
		{"H32 absent", seed, "u", withField("Authorization", ""), "-"},
		{"H32 malformed base64", seed, "u", withField("Authorization", "Basic ixsTtkKzIpVTncfQjbBcrnoRNoDfbnaXG"), "-"},
		{"H32 not UTF-8", seed, "u", withField("Authorization", "Basic /zo="), "-"},
		{"H32 no colon", seed, "u", withField("Authorization", "Basic YnJrMHY="), "-"},
		{"H32 other scheme", seed, "u", withField("Authorization", "Bearer YnJrMHY6"), "-"},
		{"H34 no target", seed, "r", func(e *lifecycle.ResponseCompleted) { e.Target, e.HTTPVersion = "", "" }, "GET - -"},
		{"H34 nothing", seed, "r", func(e *lifecycle.ResponseCompleted) { e.Method, e.Target = "", "" }, "-"},
		{"H36 no status", seed, "s", withStatus(0), "-"},
		{"H36 no phrase", seed, "st", withStatus(0), "-"},
		{"H36 unknown status", seed, "st", withStatus(441), "-"},
		{"H36 unknown status", hypercorn, "st", withStatus(441), "<???441???>"},
		{"H36 no status", hypercorn, "st", withStatus(0), "-"},
		{"H39 empty query", seed, "q", withTarget("/"), ""},
		{"H39 empty query", hypercorn, "Uq", withTarget("/?"), "/"},
		{"H39 absolute form", seed, "U", withTarget("http://shop.example/x?y"), "/x"},
		{"H39 absolute form without a path", seed, "U", withTarget("http://shop.example?y"), "/"},
		{"H39 URL in a path", seed, "U", withTarget("/go/http://x"), "/go/http://x"},
		{"H39 asterisk", gunicorn, "U", withTarget("*"), "*"},
		{"H39 decoded newline", hypercorn, "U", withTarget("/%0aforged"), `/\x0aforged`},
		{"H39 decoded newline", gunicorn, "U", withTarget("/%0Aforged"), `/\x0aforged`},
		{"H39 no escape sequence", hypercorn, "U", withTarget("/%zz%4"), `/%zz%4`},
		{"H41 nothing sent", seed, "b", withBytes(0), "-"},
		{"H41 nothing sent", seed, "B", withBytes(0), "0"},
		{"H41 nothing sent", gunicorn, "b", withBytes(0), "0"},
		{"H4 H41 Content-Length that was not kept", hypercorn, "b", withBytes(3), "512"},
		{"H4 H41 no Content-Length", hypercorn, "B", func(e *lifecycle.ResponseCompleted) { e.ResponseFields = nil }, "-"},
		{"H42 empty", hypercorn, "f", withField("Referer", ""), ""},
		{"H42 empty", gunicorn, "a", withField("User-Agent", ""), ""},
		{"H42 absent", gunicorn, "a", func(e *lifecycle.ResponseCompleted) { e.Fields = lifecycletest.Fields{} }, "-"},
		{"H42 no fields", gunicorn, "a", func(e *lifecycle.ResponseCompleted) { e.Fields = nil }, "-"},
		{"H46 small", seed, "L", func(e *lifecycle.ResponseCompleted) { e.Duration = 23 * time.Microsecond }, "0.000023"},
		{"H48 duplicate: the last", hypercorn, "{a}i", twice, "2"},
		{"H48 duplicate: the last", gunicorn, "{A}i", twice, "2"},
		{"H48 duplicate: the first", seed, "{a}i", twice, "1"},
	} {
		t.Run(fmt.Sprintf("%s %s", c.name, c.dialect), func(t *testing.T) {
			e := answered()
			c.change(e)
			if got := line(t, "%("+c.atom+")s", accesslog.FormatOptions{Dialect: c.dialect}, e); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func withField(name, value string) func(*lifecycle.ResponseCompleted) {
	return func(e *lifecycle.ResponseCompleted) { e.Fields = lifecycletest.Fields{{name, value}} }
}

func twice(e *lifecycle.ResponseCompleted) { e.Fields = lifecycletest.Fields{{"a", "1"}, {"A", "2"}} }

func withStatus(status int) func(*lifecycle.ResponseCompleted) {
	return func(e *lifecycle.ResponseCompleted) { e.Status = status }
}

func withTarget(target string) func(*lifecycle.ResponseCompleted) {
	return func(e *lifecycle.ResponseCompleted) { e.Target = target }
}

func withBytes(n int64) func(*lifecycle.ResponseCompleted) {
	return func(e *lifecycle.ResponseCompleted) { e.BytesSent = n }
}

// TestH30ClientThatIsNotKnown: Hypercorn writes "None" there.
func TestH30ClientThatIsNotKnown(t *testing.T) {
	for _, d := range []accesslog.Dialect{accesslog.Seed, accesslog.Hypercorn, accesslog.Gunicorn} {
		for _, p := range []struct {
			peers lifecycle.Peers
			want  string
		}{
			{lifecycle.Peers{}, "-"},
			{lifecycle.Peers{ClientAddr: "unknown"}, "-"},
			{lifecycle.Peers{ClientAddr: "unix"}, "unix"},
		} {
			r, _ := accesslog.RecordOf(answered(), p.peers)
			f := accesslog.MustCompile("%(h)s", accesslog.FormatOptions{Dialect: d})
			if got := string(f.Append(nil, &r)); got != p.want {
				t.Errorf("%s: %q for %+v, want %q", d, got, p.peers, p.want)
			}
		}
	}
	r, _ := accesslog.RecordOf(answered(), lifecycle.Peers{ClientAddr: "::1", ClientPort: 80})
	f := accesslog.MustCompile("%(h)s", accesslog.FormatOptions{Dialect: accesslog.Hypercorn})
	if got := string(f.Append(nil, &r)); got != "::1:80" {
		t.Errorf("%q, want no brackets around an IPv6 address", got)
	}
}

// TestH33TimeIsThatOfTheRequest: the others write the time of logging.
func TestH33TimeIsThatOfTheRequest(t *testing.T) {
	zone := time.FixedZone("", -7*3600)
	e := answered()
	e.Duration = time.Hour
	e.Phases.FirstByte = e.TimestampNS - int64(time.Hour)
	want := lifecycle.WallTime(e.Phases.FirstByte).In(zone).Format("[02/Jan/2006:15:04:05 -0700]")
	for _, d := range []accesslog.Dialect{accesslog.Seed, accesslog.Hypercorn, accesslog.Gunicorn} {
		if got := line(t, "%(t)s", accesslog.FormatOptions{Dialect: d, Location: zone}, e); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
	e.Phases = lifecycle.Phases{}
	if got := line(t, "%(t)s", accesslog.FormatOptions{Location: zone}, e); got != want {
		t.Errorf("without phases: %q, want %q", got, want)
	}
	if got, want := line(t, "%({time}x)s", accesslog.FormatOptions{}, e), lifecycle.WallTime(e.TimestampNS-int64(time.Hour)).UTC().Format("2006-01-02T15:04:05.000000Z"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestH10OwnBrackets: the page's examples write [%(t)s], and t has brackets already.
func TestH10OwnBrackets(t *testing.T) {
	e := answered()
	stamp := lifecycle.WallTime(e.Phases.FirstByte).UTC().Format("02/Jan/2006:15:04:05 -0700")
	one, two := "x ["+stamp+"] y", "x [["+stamp+"]] y"
	for d, want := range map[accesslog.Dialect]string{accesslog.Seed: one, accesslog.Hypercorn: two, accesslog.Gunicorn: two} {
		if got := line(t, "x [%(t)s] y", accesslog.FormatOptions{Dialect: d, Location: time.UTC}, e); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
