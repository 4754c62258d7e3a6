package accesslog_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/accesslog"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// FuzzLine: whatever is in a request, one line is one line of printable ASCII, its quotes are those of the format, and JSON is
// JSON with the request's own words in it.
func FuzzLine(f *testing.F) {
	f.Add("GET", "/a?b", "1.1", "agent", "Basic YTpi", 200)
	f.Add("", "", "", "", "", 0)
	f.Add("G\"T", "/%0a%22\n?\\\"", "1.1\r\n", "\u2028\xff\xc3", "Basic Ii06Ig==", 599)
	dialects := []accesslog.Dialect{accesslog.Seed, accesslog.Hypercorn, accesslog.Gunicorn}
	const quoted = `"%(r)s" "%(R)s" "%(U)s" "%(Uq)s" "%(q)s" "%(u)s" "%(a)s" "%({x}o)s" "%({route}x)s" "%(H)9s" "%({own}e)s"`
	var texts, objects []*accesslog.Format
	for _, d := range dialects {
		o := accesslog.FormatOptions{Dialect: d, Env: map[string]string{"own": "\n\""}}
		texts = append(texts, accesslog.MustCompile(quoted, o))
		objects = append(objects, accesslog.MustCompile(accesslog.JSON, o),
			accesslog.MustCompile(`{"%(m)s": [%(s)s, %(b)s, %(B)s, %(u)s, %(r)s, %(p)s], "r\"%(a)s\\": "\"%(R)-9s\\%(U)s"}`, o))
	}
	f.Fuzz(func(t *testing.T, method, target, version, agent, authorization string, status int) {
		e := answered()
		e.Method, e.Target, e.HTTPVersion, e.Route, e.Status = method, target, version, target, status
		e.Fields = lifecycletest.Fields{{"User-Agent", agent}, {"Authorization", authorization}}
		e.ResponseFields = lifecycletest.Fields{{"X", agent}, {"Content-Length", agent}}
		r, _ := accesslog.RecordOf(e, lifecycle.Peers{ClientAddr: method, ServerPort: status})
		for _, format := range texts {
			line := string(format.Append(nil, &r))
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%q is not printable", line)
			}
			if got, want := strings.Count(line, `"`), strings.Count(quoted, `"`); got != want {
				t.Errorf("%s has %d quotes, want %d", line, got, want)
			}
		}
		for _, format := range objects {
			line := format.Append(nil, &r)
			var object map[string]any
			if err := json.Unmarshal(line, &object); err != nil {
				t.Errorf("%s is not JSON: %v", line, err)
			}
			if got, ok := object["user_agent"].(string); ok && len(agent) <= 16<<10 && got != string([]rune(agent)) {
				t.Errorf("%q was written as %q", agent, got)
			}
		}
	})
}
