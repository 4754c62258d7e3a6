package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/wirespan/wirespan/e2e/internal/process"
)

// work is a directory for the programs that the suite builds.
var work string

func TestMain(m *testing.M) {
	var code int
	if err := inWorkDirectory(func() { code = m.Run() }); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// inWorkDirectory runs the tests, and checks that they leave nothing behind.
func inWorkDirectory(run func()) error {
	var err error
	if work, err = os.MkdirTemp("", "wirespan-e2e-"); err != nil {
		return err
	}
	defer os.RemoveAll(work)
	run()
	if err := shared.close(); err != nil {
		return err
	}
	return goleak.Find()
}

// program is a Go command that is built when the first test asks for it.
type program struct {
	dir, pkg string
	flags    []string
	built    func() (string, error)
}

// path returns where the program is, and builds it if need be.
func (p *program) path(t *testing.T) string {
	t.Helper()
	path, err := p.built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// The programs of the suite.
var (
	wirespanProgram  = newProgram("..", "./cmd/wirespan", raceFlags...)
	collectorProgram = newProgram(".", "./cmd/collector")
	jaegerProgram    = newProgram("jaeger", "github.com/jaegertracing/jaeger/cmd/all-in-one")
)

func newProgram(dir, pkg string, flags ...string) *program {
	p := &program{dir: dir, pkg: pkg, flags: flags}
	p.built = sync.OnceValues(func() (string, error) {
		path := filepath.Join(work, strings.ReplaceAll(filepath.Base(pkg), ".", "_"))
		return path, process.Build(p.dir, p.pkg, path, p.flags...)
	})
	return p
}
