package main

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/wirespan/wirespan/examples/internal/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

// awaitPage asks for the account until it matches.
func awaitPage(t *testing.T, client *http.Client, pattern string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for re, page := regexp.MustCompile(pattern), ""; !re.MatchString(page); {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://instrument/waits", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatalf("%s did not come: %v\n%s", pattern, err, page)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		page = string(text)
	}
}

func TestWaits(t *testing.T) {
	client := exampletest.Start(t, nil).Client
	body, write := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://instrument/upload", body)
	if err != nil {
		t.Fatal(err)
	}
	uploaded := make(chan error, 1)
	go func() {
		resp, err := client.Do(r)
		if err == nil {
			resp.Body.Close()
		}
		uploaded <- err
	}()
	awaitPage(t, client, `/upload: .* send \d+ times, 1 now`)
	write.Close()
	if err := <-uploaded; err != nil {
		t.Fatal(err)
	}
	awaitPage(t, client, `/upload: .* send [1-9]\d* times, 0 now, [^0].* at most, .* read 0 times, 0 now`)

	resp, err := client.Get("http://instrument/large")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	awaitPage(t, client, `/large: .* read \d+ times, 1 now`) // it does not fit into the socket's buffer
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	awaitPage(t, client, `/large: .* read [1-9]\d* times, 0 now`)
}
