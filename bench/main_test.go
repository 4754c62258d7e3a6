package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain makes the test binary play the roles that the measured one plays.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == roleServer || os.Args[1] == roleReceiver) {
		main()
		return
	}
	m.Run()
}

func TestOneShortRoundOfAllServers(t *testing.T) {
	out := filepath.Join(t.TempDir(), "results.md")
	var table bytes.Buffer
	if err := run(t.Context(), []string{"-rounds", "1", "-duration", "1s", "-out", out}, &table, t.Output()); err != nil {
		t.Fatal(err)
	}
	for _, c := range candidates {
		if strings.Count(table.String(), "| "+c.title+" |") != 1 {
			t.Errorf("%s has not one row in\n%s", c.title, &table)
		}
	}
	written, err := os.ReadFile(out)
	if string(written) != table.String() || err != nil {
		t.Errorf("the file is not what was printed: %s, %v", written, err)
	}
}

func TestOnlyChoosesByName(t *testing.T) {
	for only, want := range map[string]string{
		"":              strings.Join(names(candidates), " "),
		"nethttp":       "nethttp nethttp-otelhttp",
		"fasthttp,sync": "fasthttp wirespan-sync wirespan-sync-traced",
	} {
		if got := strings.Join(names(choose(only)), " "); got != want {
			t.Errorf("-only %q chooses %s, want %s", only, got, want)
		}
	}
}

func TestFlagsThatMakeNoSense(t *testing.T) {
	for _, args := range []string{"-only apache", "-rounds 0", "-duration 1500ms", "-warm-up 0s", "-rounds x", "now"} {
		if _, _, err := parse(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%s was taken", args)
		}
	}
}
