package otlpenv_test

import (
	"net/url"
	"testing"

	"github.com/wirespan/wirespan/internal/otlpenv"
)

func TestIsEndpoint(t *testing.T) {
	for text, want := range map[string]struct{ http, grpc bool }{
		"http://localhost:4318":    {true, true},
		"HTTPS://collector":        {true, true},
		"https://[::1]:65535/otlp": {true, true},
		"http://localhost:":        {true, true},
		"unix:///run/otlp.sock":    {false, true},
		"unix:otlp.sock":           {false, true},
		"unix://":                  {},
		"localhost:4318":           {},
		"//localhost:4318":         {},
		"http://":                  {},
		"http://:4318":             {},
		"http://localhost:0":       {},
		"http://localhost:65536":   {},
		"http://localhost:99999":   {},
		"grpc://localhost:4317":    {},
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if http, grpc := otlpenv.IsEndpoint(u, false), otlpenv.IsEndpoint(u, true); http != want.http || grpc != want.grpc {
			t.Errorf("%s: over HTTP %v, over gRPC %v, want %v", text, http, grpc, want)
		}
	}
}
