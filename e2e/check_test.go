package e2e_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/e2e/internal/process"
	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// runCheck runs "wirespan check" and returns its exit code and what it wrote.
func runCheck(t *testing.T, env ...string) (code int, output string) {
	t.Helper()
	p, err := process.Start("wirespan check", wirespanProgram.path(t), environment(env...), "check")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	code, err = p.Wait(patience)
	if err != nil {
		t.Fatal(err)
	}
	return code, p.Output()
}

func TestCheckSendsASpan(t *testing.T) {
	t.Parallel()
	p := shared.get(t)
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		code, output := runCheck(t, exporting(p.collector, protocol, t.Name())...)
		if code != 0 || !strings.Contains(output, "accepted") {
			t.Errorf("%s: exit code %d:\n%s", protocol, code, output)
		}
		id := regexp.MustCompile(`\b[0-9a-f]{32}\b`).FindString(output)
		await(t, p.sink, "wirespan-check", "the test span of "+output, func(spans []*sink.Span) bool {
			return first(spans, func(s *sink.Span) bool { return s.TraceID() == id }) != nil
		})
	}
}

func TestCheckSaysWhatToChange(t *testing.T) {
	t.Parallel()
	c := shared.get(t).collector
	nobody, err := process.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		protocol, endpoint string
		want               string
	}{
		"gRPC port by HTTP":  {"http/protobuf", c.grpc, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"},
		"HTTP port by gRPC":  {"grpc", c.http, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"},
		"nobody there, HTTP": {"http/protobuf", localURL(nobody[0]), "nothing listens"},
		"nobody there, gRPC": {"grpc", localURL(nobody[0]), "nothing listens"},
		"no TLS there, HTTP": {"http/protobuf", strings.Replace(c.http, "http:", "https:", 1), "http://"},
		"no TLS there, gRPC": {"grpc", strings.Replace(c.grpc, "http:", "https:", 1), "http://"},
		"another path":       {"http/protobuf", c.http + "/elsewhere", "/v1/traces"},
		"not a receiver":     {"http/protobuf", c.health, "answered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, output := runCheck(t, "OTEL_EXPORTER_OTLP_PROTOCOL="+test.protocol, "OTEL_EXPORTER_OTLP_ENDPOINT="+test.endpoint)
			if code != 1 || !strings.Contains(output, test.want) {
				t.Errorf("exit code %d, want 1 and %q:\n%s", code, test.want, output)
			}
		})
	}
}
