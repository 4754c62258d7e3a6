// Package parity_test keeps docs/parity.md from naming tests that are not there.
package parity_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the top level of the repository, seen from here.
var root = filepath.Join("..", "..")

func TestEachRowNamesItsTests(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "parity.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows, problems := check(string(page))
	for _, p := range problems {
		t.Error("docs/parity.md, " + p)
	}
	if rows < 100 {
		t.Errorf("only %d rows were found: has the form of the tables changed?", rows)
	}
}

// What is wrong with a table is found.
func TestCheck(t *testing.T) {
	const page = "## Here: `internal/parity`\n" +
		"Tests are there, and in [e2e/statsd](../e2e/statsd).\n\n" +
		"| Row | What | Test |\n|---|---|---|\n" +
		"| A1 | all is well | `TestCheck`, `TestEtsyUnderstands`, `httpcore: TestHooksOfTasks`, `TestHooksOfTLS` |\n" +
		"| A2 | a bar \\| in a cell | `TestCheck` |\n" +
		"| A3 | no such test | `TestCheck`, `TestNone` |\n" +
		"| A4 | not in that directory | `httpcore: TestEtsyUnderstands` |\n" +
		"| A5 | no such directory | `nowhere: TestCheck` |\n" +
		"| A6 | none at all | |\n" +
		"| A7 | what is no test | `Check` |\n" +
		"| A8 | too few cells |\n"
	rows, problems := check(page)
	want := []string{
		"row A3: there is no TestNone in internal/parity, e2e/statsd",
		"row A4: there is no TestEtsyUnderstands in httpcore",
		"row A5: there is no directory nowhere",
		"row A6 names no test",
		"row A7: `Check` is no test: write `TestName`, or `directory: TestName`",
		"row A8 has 2 cells, and its table 3",
	}
	if rows != 8 || !slices.Equal(problems, want) {
		t.Errorf("%d rows; the problems are\n%s\nwant\n%s", rows, strings.Join(problems, "\n"), strings.Join(want, "\n"))
	}
}

// section is what a heading and the text below it say about the table that follows.
type section struct {
	dirs  []string // where its tests are
	cells int      // of a row; 0 outside of a table
}

var (
	heading = regexp.MustCompile(`^#+ `)
	rule    = regexp.MustCompile(`^\|[-:| ]+\|$`)
	cellBar = regexp.MustCompile(`(^|[^\\])\|`) // \| is a bar in a cell
	named   = regexp.MustCompile("`([^`]+)`|\\]\\(\\.\\./([^)]+)\\)")
	code    = regexp.MustCompile("`([^`]+)`")
	aTest   = regexp.MustCompile(`^(?:([\w/]+): )?((?:Test|Benchmark|Fuzz|Example)\w*)$`)
)

// check goes through the tables of a page, whose last column names tests.
func check(page string) (rows int, problems []string) {
	var s section
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		isRow := strings.HasPrefix(line, "|")
		switch {
		case heading.MatchString(line):
			s = section{dirs: dirsIn(line)}
		case !isRow:
			s.dirs, s.cells = append(s.dirs, dirsIn(line)...), 0
		case s.cells == 0: // the head of a table
			s.cells = len(cellsOf(line))
		case !rule.MatchString(line):
			rows++
			problems = append(problems, s.checkRow(cellsOf(line))...)
		}
	}
	return rows, problems
}

func cellsOf(row string) []string {
	cells := strings.Split(cellBar.ReplaceAllString(row, "$1\n"), "\n")
	return cells[1 : len(cells)-1]
}

// dirsIn returns the directories that a text names or links to.
func dirsIn(text string) (dirs []string) {
	for _, m := range named.FindAllStringSubmatch(text, -1) {
		if dir := m[1] + m[2]; isDir(dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

func isDir(dir string) bool {
	info, err := os.Stat(filepath.Join(root, dir))
	return err == nil && info.IsDir()
}

// checkRow looks for the tests of a row. One with a directory before it is there, that of the module or below the section's;
// the names that follow it are there or where the others are.
func (s *section) checkRow(cells []string) (problems []string) {
	row := "row " + strings.TrimSpace(cells[0])
	if len(cells) != s.cells {
		return []string{fmt.Sprintf("%s has %d cells, and its table %d", row, len(cells), s.cells)}
	}
	names := code.FindAllStringSubmatch(cells[len(cells)-1], -1)
	if len(names) == 0 {
		return []string{row + " names no test"}
	}
	var last []string // the directory that was named last
	for _, name := range names {
		m := aTest.FindStringSubmatch(name[1])
		if m == nil {
			problems = append(problems, row+": "+name[0]+" is no test: write `TestName`, or `directory: TestName`")
			continue
		}
		dirs := slices.Concat(last, s.dirs)
		if m[1] != "" {
			if last = s.resolve(m[1]); last == nil {
				problems = append(problems, row+": there is no directory "+m[1])
				continue
			}
			dirs = last
		}
		if !slices.ContainsFunc(dirs, func(dir string) bool { return hasTest(dir, m[2]) }) {
			problems = append(problems, row+": there is no "+m[2]+" in "+strings.Join(dirs, ", "))
		}
	}
	return problems
}

func (s *section) resolve(dir string) []string {
	for _, parent := range append([]string{"."}, s.dirs...) {
		if d := filepath.ToSlash(filepath.Join(parent, dir)); isDir(d) {
			return []string{d}
		}
	}
	return nil
}

// hasTest reports whether a test file of the directory declares this function.
func hasTest(dir, name string) bool {
	files, _ := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains("\n"+string(text), "\nfunc "+name+"(")
	})
}
