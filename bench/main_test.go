package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMain makes the test binary play the roles that the measured one plays.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		main()
		return
	}
	m.Run()
}

// brief are the settings of a run that only shows that everything works.
var brief = []string{"-rounds", "1", "-duration", "1s", "-warm-up", "0s", "-connections", "8", "-idle", "200", "-crowd", "200", "-turns", "1", "-far", "1s", "-outage", "1s"}

// TestBriefRunOfEveryScenario runs two scenarios at a time on two processors: what they measure is of no use here.
func TestBriefRunOfEveryScenario(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "results.md")
			var page bytes.Buffer
			if err := run(t.Context(), append(brief, "-scenario", s.name, "-out", out), &page, t.Output()); err != nil {
				t.Fatal(err)
			}
			for _, c := range candidates {
				if got := strings.Contains(page.String(), "| "+c.title+" |"); got != slices.Contains(s.servers, c.name) {
					t.Errorf("%s has a row: %v, want %v, in\n%s", c.title, got, !got, &page)
				}
			}
			if !strings.Contains(page.String(), "\n## Goals\n") {
				t.Errorf("no goal is about it:\n%s", &page)
			}
			written, err := os.ReadFile(out)
			if string(written) != page.String() || err != nil {
				t.Errorf("the file is not what was printed: %s, %v", written, err)
			}
		})
	}
}

func TestFlagsThatMakeNoSense(t *testing.T) {
	for _, args := range []string{
		"-only apache", "-scenario teapot", "-only hertz -scenario upload", "-rounds 0", "-duration 1500ms", "-warm-up -1s", "-rounds x",
		"-connections 1", "-turns 0", "-far 0s", "-outage 0s", "-far 1500ms", "-idle 0", "-crowd 0", "-idle 1000000000", "now",
	} {
		if _, _, err := parse(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%s was taken", args)
		}
	}
}

func TestPageIsWrittenOnlyWhenItIsWhole(t *testing.T) {
	for args, want := range map[string]string{
		"":                   resultsFile,
		"-only nethttp":      "",
		"-scenario hello":    "",
		"-only x,net -out y": "y",
	} {
		o, _, err := parse(strings.Fields(args), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if o.out != want {
			t.Errorf("%q writes to %q, want %q", args, o.out, want)
		}
	}
}
