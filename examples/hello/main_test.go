package main

import (
	"io"
	"testing"

	"github.com/wirespan/wirespan/examples/internal/exampletest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestHello(t *testing.T) {
	example := exampletest.Start(t, nil)
	resp, err := example.Client.Get("http://hello/World")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if got, want := string(body), "Hello, World!\n"; got != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}
