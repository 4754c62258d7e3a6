package accesslog_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/accesslog"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// at is answered, begun at a known moment: 10 October 2000, 13:55:36, seven hours west of Greenwich.
func at() (*lifecycle.ResponseCompleted, *time.Location) {
	zone := time.FixedZone("", -7*3600)
	e := answered()
	e.Phases = lifecycle.Phases{}
	begun := time.Date(2000, time.October, 10, 13, 55, 36, 0, zone)
	e.TimestampNS = begun.UnixNano() - lifecycle.UnixNano(0) + int64(e.Duration)
	return e, zone
}

// TestH25DefaultFormats compares whole lines with what the originals document.
func TestH25DefaultFormats(t *testing.T) {
	for _, c := range []struct {
		name    string
		dialect accesslog.Dialect
		format  string
		want    string
	}{
		{
			"Common", accesslog.Seed, accesslog.Common,
			`203.0.113.5 - brk0v [10/Oct/2000:13:55:36 -0700] "GET /a%20b?c=d HTTP/1.1" 200 512`,
		},
		{
			"Combined", accesslog.Seed, accesslog.Combined,
			`203.0.113.5 - brk0v [10/Oct/2000:13:55:36 -0700] "GET /a%20b?c=d HTTP/1.1" 200 512 "http://ref.example/" "agent/1.0"`,
		},
		{
			"Hypercorn's", accesslog.Hypercorn, accesslog.Hypercorn.DefaultFormat(),
			`203.0.113.5:50123 - - [10/Oct/2000:13:55:36 -0700] "GET /a b 1.1" 200 512 "http://ref.example/" "agent/1.0"`,
		},
		{
			"Gunicorn's", accesslog.Gunicorn, accesslog.Gunicorn.DefaultFormat(),
			`203.0.113.5 - brk0v [10/Oct/2000:13:55:36 -0700] "GET /a%20b?c=d HTTP/1.1" 200 512 "http://ref.example/" "agent/1.0"`,
		},
		{ // H10 H12: the examples of the page
			"the page's Common", accesslog.Seed, `%(h)s - %(u)s [%(t)s] "%(r)s" %(s)s %(b)s`,
			`203.0.113.5 - brk0v [10/Oct/2000:13:55:36 -0700] "GET /a%20b?c=d HTTP/1.1" 200 512`,
		},
		{ // H2
			"the page's timing", accesslog.Seed, `%(h)s "%(r)s" %(s)s %(b)s %(T)s pid=%(P)s port=%(p)s`,
			`203.0.113.5 "GET /a%20b?c=d HTTP/1.1" 200 512 1 pid=` + pid[1:len(pid)-1] + ` port=8080`,
		},
		{ // H11
			"the page's JSON", accesslog.Seed,
			`{"timestamp": "%(t)s", "client_ip": "%(h)s", "method": "%(m)s", "path": "%(U)s", "status": %(s)s, "bytes": %(b)s, "duration": %(T)s, "user_agent": "%(a)s"}`,
			`{"timestamp": "[10/Oct/2000:13:55:36 -0700]", "client_ip": "203.0.113.5", "method": "GET", "path": "/a%20b", "status": 200, "bytes": 512, "duration": 1, "user_agent": "agent/1.0"}`,
		},
		{
			"JSON", accesslog.Seed, accesslog.JSON,
			`{"timestamp":"2000-10-10T20:55:36.000000Z","client_addr":"203.0.113.5","user":"brk0v","method":"GET","path":"/a%20b",` +
				`"query":"c=d","protocol":"HTTP/1.1","host":"shop.example","route":"/{name}","status":200,"bytes_sent":512,` +
				`"duration_ms":1234.567,"referer":"http://ref.example/","user_agent":"agent/1.0","event":"ResponseCompleted","code":null,` +
				`"trace_id":"0a000000000000000000000000000001","span_id":"0b00000000000002","trace_flags":"01","connection_id":7,"worker_id":3}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, zone := at()
			if got := line(t, c.format, accesslog.FormatOptions{Dialect: c.dialect, Location: zone}, e); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

func TestWidthsAndPercentSigns(t *testing.T) {
	for format, want := range map[string]string{
		"%(s)6s|": "   200|", "%(s)-6d|": "200   |", "%(l)3s|": "  -|", "%(h)2s": "203.0.113.5", "100%%%(s)s%%": "100%200%", "": "",
	} {
		if got := line(t, format, accesslog.FormatOptions{}, answered()); got != want {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
	}
}

// TestWrongFormats: what is wrong, where, and what is allowed.
func TestWrongFormats(t *testing.T) {
	for _, c := range []struct {
		format  string
		offset  int
		problem string
	}{
		{"%(h)s %(zz)s", 6, `unknown atom "zz": allowed are B, D, H, L, M, P, R, S, T, U, Uq, a, b, f, h, l, m, p, q, r, s, st, t, u and {name}i, {name}o`},
		{"%(H )s", 0, "unknown atom"},
		{"%({a}z)s", 0, "allowed behind the braces are i"},
		{"%({}i)s", 0, "allowed in braces is a name"},
		{"%({a)s", 0, "allowed in braces is a name"},
		{"x%({nope}x)s", 1, "allowed before the x are bytes_received, code, connection_id"},
		{"%h", 0, "%(h)s"},
		{"100%", 3, "written %%"},
		{"%(h", 0, "not closed"},
		{"%(h)", 0, "ends in s or d"},
		{"%(h)x", 0, "ends in s or d"},
		{"%(h)--3s", 0, `the width is "--3"`},
		{"%(h)300s", 0, "from -256 to 256"},
		{"%(h)s\n%(s)s", 5, "control character"},
		{`{"a": %(h)s,}`, 12, "one JSON object"},
		{`{"a": 1%(s)s}`, 7, "one JSON object"},
		{`{"a": %(s)s%(b)s}`, 11, "one JSON object"},
		{`{"a": 1, %(h)s: 2}`, 9, "one JSON object"},
		{`{"a": "\%(h)s"}`, 8, "one JSON object"},
		{`{"a": "\u00%(h)s"}`, 11, "one JSON object"},
		{`{"a": "%(h)s`, 11, "one JSON object"},
		{`{"a": "%(h)s"} %(s)s`, 15, "one JSON object"},
	} {
		_, err := accesslog.Compile(c.format, accesslog.FormatOptions{})
		var wrong *accesslog.FormatError
		if !errors.As(err, &wrong) || wrong.Format != c.format || wrong.Offset != c.offset || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v, want an error at byte %d with %q", c.format, err, c.offset, c.problem)
		}
	}
	if _, err := accesslog.ParseDialect("apache"); err == nil || !strings.Contains(err.Error(), "seed, hypercorn and gunicorn") {
		t.Errorf("a dialect that is not known: %v", err)
	}
	if d, err := accesslog.ParseDialect("gunicorn"); d != accesslog.Gunicorn || err != nil {
		t.Errorf("%v, %v", d, err)
	}
}

// TestNoRequestForgesALine: H39 and what else a client can put into a request.
func TestNoRequestForgesALine(t *testing.T) {
	e := answered()
	const evil = "a\r\nb\"c\\d\x00\x1b[31m\x7f\xc2\x85\xe2\x80\xa8\xff"
	e.Fields = lifecycletest.Fields{{"User-Agent", evil}}
	const want = `"a\x0d\x0ab\x22c\x5cd\x00\x1b[31m\x7f\xc2\x85\xe2\x80\xa8\xff"`
	if got := line(t, `"%(a)s"`, accesslog.FormatOptions{}, e); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestH11JSONIsJSON: the originals break the line at a quote.
func TestH11JSONIsJSON(t *testing.T) {
	e := answered()
	const evil = "a\r\nb\"c\\d\x00\x1b\x7f\u0085\u2028\u202eé😀\U000e0001\xff"
	e.Fields = lifecycletest.Fields{{"User-Agent", evil}}
	got := line(t, `{"s": "<%(a)s>", "v": %(a)s, "f": "%(f)s", "n": %(f)s, "status": %(s)s}`, accesslog.FormatOptions{}, e)
	const escaped = `a\u000d\u000ab\"c\\d\u0000\u001b\u007f\u0085\u2028\u202eé😀\udb40\udc01\ufffd`
	if want := `{"s": "<` + escaped + `>", "v": "` + escaped + `", "f": "-", "n": null, "status": 200}`; got != want {
		t.Fatalf("%s\nwant %s", got, want)
	}
	var v struct{ S, V string }
	if err := json.Unmarshal([]byte(got), &v); err != nil {
		t.Fatal(err)
	}
	if want := strings.ToValidUTF8(evil, "\ufffd"); v.V != want || v.S != "<"+want+">" {
		t.Errorf("%q was read back as %q and %q", want, v.V, v.S)
	}
	got = line(t, `{"a\"%(a)s\\": "\\%(a)s\"%(m)s\\", "c": %(a)s}`, accesslog.FormatOptions{}, e)
	if want := `{"a\"` + escaped + `\\": "\\` + escaped + `\"GET\\", "c": "` + escaped + `"}`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := line(t, `{"s": %(s)s, "b": %(b)s, "p": "%%"}`, accesslog.FormatOptions{}, aborted()); got != `{"s": null, "b": null, "p": "%"}` {
		t.Errorf("%s, want null for what there is not", got)
	}
}

func TestLongValuesAreCut(t *testing.T) {
	e := answered()
	e.Fields = lifecycletest.Fields{{"User-Agent", strings.Repeat("é", 10_000)}}
	if got, want := line(t, "%(a)s", accesslog.FormatOptions{}, e), strings.Repeat(`\xc3\xa9`, 8<<10)+"..."; got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	if got := line(t, accesslog.JSON, accesslog.FormatOptions{}, e); !json.Valid([]byte(got)) {
		t.Errorf("not JSON: %s", got)
	}
}

// TestH52AbortedStatus: "-", or 499 by option, and only for a client that left before it had a status.
func TestH52AbortedStatus(t *testing.T) {
	if got := line(t, "%(s)s %(st)s", accesslog.FormatOptions{}, aborted()); got != "- -" {
		t.Errorf("%q, want no status", got)
	}
	if got := line(t, "%(s)s %(st)s", accesslog.FormatOptions{AbortedStatus: 499}, aborted()); got != "499 -" {
		t.Errorf("%q, want 499", got)
	}
	midway := aborted()
	midway.Status = 200
	if got := line(t, "%(s)s", accesslog.FormatOptions{AbortedStatus: 499}, midway); got != "200" {
		t.Errorf("%q, want the status that was sent", got)
	}
}

// TestOwnAtoms: H20, the override point.
func TestOwnAtoms(t *testing.T) {
	o := accesslog.FormatOptions{Atoms: map[string]accesslog.Atom{
		"h":    func(dst []byte, r *accesslog.Record) []byte { return append(dst, "[hidden]\n"...) },
		"team": func(dst []byte, r *accesslog.Record) []byte { return append(dst, r.Header("Host")[:4]...) },
		"none": func(dst []byte, _ *accesslog.Record) []byte { return dst },
		"nil":  func([]byte, *accesslog.Record) []byte { return nil },
		"boom": func([]byte, *accesslog.Record) []byte { panic("boom") },
	}}
	if got, want := line(t, "%(h)s %(team)s %(none)s %(nil)s %(boom)s %(s)s", o, answered()), `[hidden]\x0a shop - - - 200`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
