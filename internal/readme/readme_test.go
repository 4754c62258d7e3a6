// Package readme_test keeps README.md to what the repository does: its commands are run, its code is that of the examples,
// its figures are the measured ones, and its links lead somewhere.
package readme_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const readmeFile = "README.md"

func TestCommandsRun(t *testing.T) {
	page := readPage(t, readmeFile)
	s := newSession(t)
	for _, line := range page.lines("sh") {
		switch {
		case line == "make test":
			// This is what runs now; that it stays so is for the script which checks every change.
			if !runByCI(t, line) {
				t.Errorf(".ci/run does not call %q", line)
			}
		case strings.HasPrefix(line, "docker compose up"):
			if exec.Command("docker", "compose", "version").Run() != nil {
				t.Logf("%s: there is no docker compose here", line)
				continue
			}
			s.enter("docker compose config --quiet")
		case line == "make run", strings.Contains(line, "wirespan demo"), strings.Contains(line, "wirespan proxy"), strings.Contains(line, "wirespan serve"):
			s.serve(line)
			s.enter("curl http://127.0.0.1:8080/")
		default:
			s.enter(line)
		}
	}
	s.interrupt()
	seen := shapes(s.output)
	for _, line := range page.lines("text") {
		if !slices.Contains(seen, shape(line)) {
			t.Errorf("%q did not show up; this did:\n%s", line, s.output)
		}
	}
}

func runByCI(t *testing.T, command string) bool {
	t.Helper()
	script, err := os.ReadFile(filepath.Join(root, ".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Contains(strings.Split(string(script), "\n"), "step "+command)
}

var (
	duration = regexp.MustCompile(`(\s)(-|[0-9.]+(ns|µs|ms|s))(\s|$)`)
	traceID  = regexp.MustCompile(`[0-9a-f]{32}`)
	number   = regexp.MustCompile(`conn \d+ #\d+`)
)

// shape leaves out of a line what differs from one request to the next.
func shape(line string) string {
	line = duration.ReplaceAllString(line, "$1 DURATION $4")
	line = traceID.ReplaceAllString(line, "TRACE")
	line = number.ReplaceAllString(line, "conn N")
	return strings.Join(strings.Fields(line), " ")
}

func shapes(output string) []string {
	var list []string
	for line := range strings.Lines(output) {
		list = append(list, shape(line))
	}
	return list
}

func TestCodeIsThatOfTheExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "examples", "*", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no examples: %v", err)
	}
	var code []string
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		code = append(code, unindented(string(text)))
	}
	for _, block := range readPage(t, readmeFile).blocks["go"] {
		if !slices.ContainsFunc(code, func(c string) bool { return strings.Contains(c, unindented(block)) }) {
			t.Errorf("no example has this code:\n%s", block)
		}
	}
}

func unindented(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimLeft(line, "\t "))
	}
	return b.String()
}

// README.md has the main table of the results, which comes first there, and may have others of them. Only tables of figures
// align columns to the right.
func TestFiguresAreThoseMeasured(t *testing.T) {
	measured := readPage(t, filepath.Join("bench", "RESULTS.md")).tables
	if len(measured) == 0 {
		t.Fatal("there are no results")
	}
	readme := readPage(t, readmeFile).tables
	if !slices.ContainsFunc(readme, func(table []string) bool { return slices.Equal(table, measured[0]) }) {
		t.Errorf("README.md does not have the main table of the last measurement:\n%s", strings.Join(measured[0], "\n"))
	}
	for _, table := range readme {
		isMeasured := slices.ContainsFunc(measured, func(m []string) bool { return slices.Equal(m, table) })
		if strings.Contains(table[1], "--:") && !isMeasured {
			t.Errorf("README.md has a table that was not measured last:\n%s", strings.Join(table, "\n"))
		}
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, target := range readPage(t, readmeFile).links {
		if strings.Contains(target, "://") {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, target)); err != nil {
			t.Errorf("a link leads nowhere: %v", err)
		}
	}
}
