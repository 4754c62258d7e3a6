// Package layering_test keeps the borders between the packages: it compares what go list says with one table.
package layering_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/wirespan/wirespan"

// rule says what a package may import beside the internal packages that are its own. All are patterns: a path, or one that
// ends in "/..." for what is below it. Paths of ours are relative to the module.
type rule struct {
	packages string   // whose rule it is
	may      []string // of ours
	only     []string // of other modules; nil is any
	not      []string // of the standard library
	never    []string // of all that it depends on, directly or not
}

// none allows no module but the standard library.
var none = []string{}

// rules are looked through from the top: the first that matches a package is its rule.
var rules = []rule{
	{packages: "lifecycle/instrument", only: none, never: []string{"net/http"}},
	{packages: "lifecycle/accesslog", may: []string{"lifecycle"}},
	{packages: "lifecycle/statsd", may: []string{"lifecycle"}, only: none, never: []string{"net/http"}},
	{packages: "lifecycle/statistics", may: []string{"lifecycle"}, only: []string{"github.com/HdrHistogram/hdrhistogram-go"}},
	{packages: "lifecycle/statistics/boltstore", may: []string{"lifecycle/statistics"}, only: []string{"go.etcd.io/bbolt"}},
	{packages: "lifecycle/statistics/redisstore", may: []string{"lifecycle/statistics"}, only: []string{"github.com/redis/go-redis/v9", "github.com/redis/go-redis/v9/..."}},
	{packages: "lifecycle/statistics/statisticstest", may: []string{"lifecycle/statistics"}, only: none},
	{packages: "lifecycle/nethttp", may: []string{"lifecycle"}, only: none},
	{packages: "lifecycle/lifecycletest", may: []string{"lifecycle"}, never: []string{"net/http"}},
	{packages: "lifecycle", only: none, never: []string{"net/http"}},

	{packages: "httpcore/internal/http1", only: none, not: []string{"net", "os", "sync", "syscall", "time"}},
	{packages: "httpcore/internal/...", only: []string{"golang.org/x/sys/..."}},
	{
		packages: "httpcore", may: []string{"lifecycle", "lifecycle/instrument"}, only: []string{"golang.org/x/sys/..."},
		never: []string{module + "/otelcollector", "go.opentelemetry.io/..."},
	},

	{packages: "otelcollector/internal/..."},
	{
		packages: "otelcollector", may: []string{"lifecycle", "lifecycle/instrument", "internal/forwarded", "internal/otlpenv", "internal/conventions"},
		never: []string{module + "/httpcore"},
	},

	{
		packages: "otelmetrics", may: []string{"lifecycle", "internal/conventions"},
		never: []string{module + "/httpcore", module + "/otelcollector", "google.golang.org/..."},
	},

	{packages: "traceview/...", may: []string{"lifecycle"}},
	{packages: "traceview", may: []string{"lifecycle"}},

	{packages: "internal/forwarded", only: none},
	{packages: "internal/otlpenv", only: none},
	{packages: "internal/conventions", may: []string{"lifecycle"}, only: none},

	{packages: "limit", may: []string{"internal/forwarded"}, only: []string{"golang.org/x/time/rate"}},

	{packages: "cmd/wirespan", may: []string{"lifecycle/...", "lifecycle", "httpcore", "limit", "otelcollector", "otelmetrics", "traceview", "internal/forwarded", "internal/otlpenv"}},
	{packages: "examples/...", may: []string{"lifecycle/...", "lifecycle", "httpcore", "limit", "otelcollector", "otelmetrics", "traceview"}},

	{packages: "internal/..."}, // tests of the repository as a whole
}

// listed is what go list says of a package.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Standard   bool
}

func TestImportsFollowTheTable(t *testing.T) {
	all := list(t, "-deps", "./...")
	standard := map[string]bool{"C": true, "unsafe": true}
	for _, p := range all {
		standard[p.ImportPath] = p.Standard
	}
	for _, p := range all {
		name, ours := below(p.ImportPath)
		if !ours {
			continue
		}
		i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.packages, name) })
		if i < 0 {
			t.Errorf("%s has no rule: which packages may it import?", name)
			continue
		}
		for _, problem := range rules[i].problems(name, p, standard) {
			t.Error(problem)
		}
	}
}

func (r *rule) problems(name string, p listed, standard map[string]bool) []string {
	var found []string
	for _, imported := range p.Imports {
		other, ours := below(imported)
		switch {
		case ours && !isInternalOf(other, name) && !matchesAny(r.may, other):
			found = append(found, name+" imports "+other+": it may not")
		case !ours && !standard[imported] && r.only != nil && !matchesAny(r.only, imported):
			found = append(found, name+" imports "+imported+": its dependencies are to stay few")
		case matchesAny(r.not, imported):
			found = append(found, name+" imports "+imported+": it may not")
		}
	}
	for _, d := range p.Deps {
		if matchesAny(r.never, d) {
			found = append(found, name+" depends on "+d+", if only by way of others: it never may")
		}
	}
	return found
}

// below returns the path of one of our packages without the module's.
func below(importPath string) (name string, ours bool) {
	return strings.CutPrefix(importPath, module+"/")
}

// isInternalOf reports whether imported is an internal package of the package called name.
func isInternalOf(imported, name string) bool {
	owner, _, internal := strings.Cut(imported, "/internal/")
	return internal && owner == name
}

func matches(pattern, name string) bool {
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return strings.HasPrefix(name, tree+"/")
	}
	return pattern == name
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

// list asks go list about the packages of the module.
func list(t *testing.T, args ...string) []listed {
	t.Helper()
	command := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps,Standard"}, args...)...)
	command.Dir = path.Join("..", "..")
	command.Env = append(command.Environ(), "GOOS=linux") // the system that has all of the files
	text, err := command.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Fatalf("go list: %s", failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(text))); ; {
		var p listed
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages
		case err != nil:
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestRulesFindWhatTheyForbid(t *testing.T) {
	standard := map[string]bool{"net": true, "net/http": true, "time": true}
	for _, c := range []struct {
		name string
		p    listed
		want int
	}{
		{"lifecycle", listed{Imports: []string{"net"}}, 0},
		{"lifecycle", listed{Imports: []string{module + "/httpcore"}}, 1},
		{"lifecycle", listed{Deps: []string{"net/http"}}, 1},
		{"lifecycle", listed{Imports: []string{"golang.org/x/sys/unix"}}, 1},
		{"httpcore", listed{Imports: []string{"golang.org/x/sys/unix", module + "/lifecycle", module + "/httpcore/internal/http1"}}, 0},
		{"httpcore", listed{Imports: []string{module + "/otelcollector"}}, 1},
		{"httpcore", listed{Deps: []string{"go.opentelemetry.io/otel/trace"}}, 1},
		{"httpcore/internal/http1", listed{Imports: []string{"time"}}, 1},
		{"httpcore/internal/http1", listed{Imports: []string{"net/http"}}, 0},
		{"httpcore/internal/poll", listed{Imports: []string{module + "/httpcore/internal/http1"}}, 1},
		{"otelcollector", listed{Imports: []string{"go.opentelemetry.io/otel", module + "/otelcollector/internal/otlp"}}, 0},
		{"otelcollector", listed{Imports: []string{module + "/httpcore/internal/http1"}}, 1},
		{"otelmetrics", listed{Imports: []string{"go.opentelemetry.io/otel/sdk/metric", module + "/lifecycle"}}, 0},
		{"otelmetrics", listed{Imports: []string{module + "/otelcollector"}}, 1},
		{"lifecycle/accesslog", listed{Imports: []string{module + "/lifecycle/statsd"}}, 1},
		{"examples/hello", listed{Imports: []string{module + "/httpcore", module + "/lifecycle/accesslog"}}, 0},
	} {
		i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.packages, c.name) })
		if i < 0 {
			t.Fatalf("%s has no rule", c.name)
		}
		if got := rules[i].problems(c.name, c.p, standard); len(got) != c.want {
			t.Errorf("%s importing %v %v: %d problems, want %d: %q", c.name, c.p.Imports, c.p.Deps, len(got), c.want, got)
		}
	}
}
