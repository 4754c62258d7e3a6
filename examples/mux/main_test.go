package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/examples/internal/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestNotesAreKeptAndLoggedByRoute(t *testing.T) {
	example := exampletest.Start(t, nil)
	for _, step := range []struct {
		method, path, body string
		status             int
		answer             string
	}{
		{"GET", "/notes/first", "", http.StatusNotFound, "404 page not found\n"},
		{"PUT", "/notes/first", "buy milk", http.StatusNoContent, ""},
		{"GET", "/notes/first", "", http.StatusOK, "buy milk"},
		{"PUT", "/notes/long", strings.Repeat("x", 5<<10), http.StatusRequestEntityTooLarge, "a note has at most 4 KiB\n"},
		{"DELETE", "/notes/first", "", http.StatusMethodNotAllowed, "Method Not Allowed\n"},
		{"GET", "/healthz", "", http.StatusOK, ""},
	} {
		r, err := http.NewRequest(step.method, "http://mux"+step.path, strings.NewReader(step.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := example.Client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != step.status || string(answer) != step.answer || err != nil {
			t.Errorf("%s %s: %d %q, %v; want %d %q", step.method, step.path, resp.StatusCode, answer, err, step.status, step.answer)
		}
	}
	output, _ := example.Interrupt(t)
	if !strings.Contains(output, "route=/notes/{name}") {
		t.Errorf("no line names the route:\n%s", output)
	}
	if strings.Contains(output, "/healthz") {
		t.Errorf("the health check is in the log:\n%s", output)
	}
}
