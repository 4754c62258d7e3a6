package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func get(t *testing.T, h http.Handler, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Errorf("%s is answered with %d", path, w.Code)
	}
	return w.Body.String()
}

func TestApplicationsDoWhatTheyAreNamedFor(t *testing.T) {
	dir, err := newWorkspace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, c := range []struct {
		scenario, path string
		size           int
	}{
		{hellos, "/", len(greeting)},
		{allBlock, "/", len(greeting)},
		{besideSlow, "/", len(greeting)},
		{besideSlow, slowPath, len(greeting)},
		{responses64K, "/", 64 * kibibyte},
		{responses1M, "/", mebibyte},
		{uploads1M, "/", len(greeting)},
		{staticFiles1M, "/" + staticFile, mebibyte},
	} {
		if got := len(get(t, scenarioNamed(t, c.scenario).handler(dir), c.path)); got != c.size {
			t.Errorf("%s answers with %d bytes on %s, want %d", c.scenario, got, c.path, c.size)
		}
	}
}

func scenarioNamed(t *testing.T, name string) *scenario {
	t.Helper()
	for i := range scenarios {
		if scenarios[i].name == name {
			return &scenarios[i]
		}
	}
	t.Fatalf("there is no scenario %s", name)
	return nil
}

func TestMixedBlocksOnOnePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := mixed("")
		for path, want := range map[string]time.Duration{"/": 0, slowPath: blockFor} {
			begin := time.Now()
			get(t, h, path)
			if took := time.Since(begin); took != want {
				t.Errorf("%s took %v, want %v", path, took, want)
			}
		}
	})
}

func TestUploadsReadTheWholeBody(t *testing.T) {
	body := strings.NewReader(strings.Repeat("x", mebibyte))
	uploads("").ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", body))
	if body.Len() != 0 {
		t.Errorf("%d bytes are left", body.Len())
	}
}
