package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/examples/internal/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func get(ctx context.Context, client *http.Client, path string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://collector"+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestAccounts(t *testing.T) {
	example := exampletest.Start(t, nil)
	if _, err := get(t.Context(), example.Client, "/slow/20ms"); err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := get(impatient, example.Client, "/slow/1h"); err == nil {
		t.Fatal("an hour was over before the client left")
	}
	for want := `"/slow/{duration}": 2 requests, 1 clients left`; ; {
		page, err := get(t.Context(), example.Client, "/accounts")
		if err != nil {
			t.Fatalf("%q did not come: %v", want, err)
		}
		if strings.Contains(page, want) {
			break
		}
	}
}
