package deploy_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// stages reads the Dockerfile as "docker build" does. What its linter objects to is an error.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	f, err := os.Open(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parsed, err := parser.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range parsed.Warnings {
		t.Errorf("Dockerfile: %s", w.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, at []parser.Range) {
		t.Errorf("Dockerfile: %s: %s %v", rule, message, at)
	}})
	list, _, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// commands returns the instructions of one kind in a stage.
func commands[T instructions.Command](s instructions.Stage) []T {
	var list []T
	for _, c := range s.Commands {
		if c, ok := c.(T); ok {
			list = append(list, c)
		}
	}
	return list
}

func variables(s instructions.Stage) map[string]string {
	env := map[string]string{}
	for _, c := range commands[*instructions.EnvCommand](s) {
		for _, kv := range c.Env {
			env[kv.Key] = kv.Value
		}
	}
	return env
}

// dockerfilePorts returns the ports of the image, which are those that its variables make it listen on.
func dockerfilePorts(t *testing.T) []int {
	t.Helper()
	list := stages(t)
	final := list[len(list)-1]
	var ports []int
	for _, c := range commands[*instructions.ExposeCommand](final) {
		for _, text := range c.Ports {
			port, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			ports = append(ports, port)
		}
	}
	env := variables(final)
	want := []int{openPort(t, env["WIRESPAN_ADDR"]), openPort(t, env["WIRESPAN_ADMIN"])}
	slices.Sort(want)
	slices.Sort(ports)
	if !slices.Equal(ports, want) {
		t.Errorf("exposed are %v, and it listens on %v", ports, want)
	}
	return ports
}

func TestImage(t *testing.T) {
	list := stages(t)
	if len(list) != 2 {
		t.Fatalf("%d stages, want one to build in and one to run in", len(list))
	}
	build, final := list[0], list[1]

	if !regexp.MustCompile(`^gcr\.io/distroless/static-debian\d+:nonroot@sha256:[0-9a-f]{64}$`).MatchString(final.BaseName) {
		t.Errorf("the image is made from %s", final.BaseName)
	}
	if want := "golang:" + goVersion(t); !strings.HasPrefix(build.BaseName, want) {
		t.Errorf("it is built in %s, and go.mod wants %s", build.BaseName, want)
	}
	var script []string
	for _, c := range commands[*instructions.RunCommand](build) {
		script = append(script, c.CmdLine...)
	}
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath", "./cmd/wirespan"} {
		if !strings.Contains(strings.Join(script, "\n"), want) {
			t.Errorf("it is built without %s: %q", want, script)
		}
	}

	users := commands[*instructions.UserCommand](final)
	if len(users) != 1 || !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(users[0].User) {
		t.Errorf("want one user, by number, and not root: %+v", users)
	}
	copies := commands[*instructions.CopyCommand](final)
	if len(copies) != 1 || copies[0].From != build.Name {
		t.Fatalf("want one file in the image, from the stage %s: %+v", build.Name, copies)
	}
	entry := commands[*instructions.EntrypointCommand](final)
	if len(entry) != 1 || entry[0].PrependShell || !slices.Equal(entry[0].CmdLine, []string{copies[0].DestPath}) {
		t.Errorf("want the entry point %s, without a shell: %+v", copies[0].DestPath, entry)
	}
}

// goVersion returns major and minor version of the Go that go.mod asks for.
func goVersion(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(text)
	if match == nil {
		t.Fatal("go.mod names no version of Go")
	}
	return string(match[1])
}

// What the build needs is not left out of its context.
func TestBuildContextIsComplete(t *testing.T) {
	f, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	patterns, err := ignorefile.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(sources(t), "go.mod", "go.sum") {
		if out, err := ignored.MatchesOrParentMatches(file); err != nil || out {
			t.Errorf(".dockerignore leaves %s out: %v", file, err)
		}
	}
	for _, file := range []string{".git/config", "e2e/go.mod", "README.md", "httpcore/server_test.go"} {
		if out, err := ignored.MatchesOrParentMatches(file); err != nil || !out {
			t.Errorf(".dockerignore lets %s in: %v", file, err)
		}
	}
}

// sources returns the files of this module that the command is made of.
func sources(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=Dir,Module,GoFiles,EmbedFiles,SFiles", "./cmd/wirespan")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Dir                         string
			Module                      *struct{ Main bool }
			GoFiles, EmbedFiles, SFiles []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.EmbedFiles, p.SFiles) {
			file, err := filepath.Rel(root, filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, filepath.ToSlash(file))
		}
	}
	if len(files) < 20 {
		t.Fatalf("only %d files: %v", len(files), files)
	}
	return files
}
