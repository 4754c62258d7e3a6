package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
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

// program is a Go command, which is built when the first test asks for it.
type program func() (path string, err error)

// The programs of the suite.
var (
	wirespanProgram  = newProgram("..", "./cmd/wirespan", wirespanEnv, wirespanFlags...)
	collectorProgram = newProgram(".", "./cmd/collector", nil)
	jaegerProgram    = newProgram("jaeger", "github.com/jaegertracing/jaeger/cmd/all-in-one", nil)
)

func newProgram(dir, pkg string, env []string, flags ...string) program {
	return sync.OnceValues(func() (string, error) {
		out := filepath.Join(work, filepath.Base(pkg))
		return out, process.Build(dir, pkg, out, env, flags...)
	})
}

// path returns where the program is.
func (p program) path(t *testing.T) string {
	t.Helper()
	path, err := p()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
