package otelcollector_test

import (
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/wirespan/wirespan/otelcollector"
)

func TestVariablesThatMakeNoSense(t *testing.T) {
	for _, c := range []struct{ name, value, allowed string }{
		{"OTEL_TRACES_SAMPLER", "sometimes", "always_on"},
		{"OTEL_TRACES_SAMPLER", "parentbased_", "always_on"},
		{"OTEL_TRACES_SAMPLER", "jaeger_remote", "always_on"},
		{"OTEL_TRACES_SAMPLER_ARG", "10%", "from 0 to 1"},
		{"OTEL_TRACES_SAMPLER_ARG", "1.5", "from 0 to 1"},
		{"OTEL_TRACES_SAMPLER_ARG", "NaN", "from 0 to 1"},
		{"OTEL_PROPAGATORS", "tracecontext,pigeon", "b3multi"},
		{"OTEL_TRACES_EXPORTER", "zipkin", "otlp or none"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "udp", "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317", "http://localhost:4318"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "http://localhost:4318"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:99999", "http://localhost:4318"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://a b", "http://localhost:4318"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "unix:///run/otlp.sock", "http://localhost:4318"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "milliseconds"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem", "no such file"},
		{"OTEL_EXPORTER_OTLP_CLIENT_KEY", "/nowhere.pem", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"},
		{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/nowhere.pem", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY"},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "gzip or none"},
		{"OTEL_RESOURCE_ATTRIBUTES", "novalue", "key=value"},
		{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "a number"},
		{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1KiB", "-1 for no limit"},
		{"OTEL_SPAN_EVENT_COUNT_LIMIT", "1.5", "a number"},
		{"OTEL_SPAN_LINK_COUNT_LIMIT", "0x10", "a number"},
		{"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "ten", "a number"},
		{"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "99999999999999999999", "a number"},
		{"OTEL_ATTRIBUTE_COUNT_LIMIT", "no", "a number"},
		{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "unlimited", "a number"},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			if c.name == "OTEL_TRACES_SAMPLER_ARG" {
				t.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
			}
			t.Setenv(c.name, c.value)
			col, err := otelcollector.New(t.Context(), otelcollector.Config{})
			if err == nil {
				t.Cleanup(func() { _ = col.Shutdown(t.Context()) })
				t.Fatal("New returned no error")
			}
			for _, part := range []string{c.name, c.value, c.allowed} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not mention %q", err, part)
				}
			}
		})
	}
}

// What stands in a header may be a secret, and what follows a comma that should have been encoded may be the rest of one.
func TestHeadersThatMakeNoSense(t *testing.T) {
	for _, c := range []struct{ name, value, entry string }{
		{"OTEL_EXPORTER_OTLP_HEADERS", "secret", "entry 1"},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api-key=some,secret", "entry 2"},
	} {
		t.Setenv(c.name, c.value)
		_, err := otelcollector.New(t.Context(), otelcollector.Config{})
		if err == nil {
			t.Fatal("New returned no error")
		}
		if text := err.Error(); !strings.Contains(text, c.entry+" of "+c.name) || strings.Contains(text, "secret") {
			t.Errorf("the error is %q", text)
		}
	}
}

func TestSamplerFromEnvironment(t *testing.T) {
	for _, c := range []struct{ sampler, arg, want string }{
		{"", "", "ParentBased{root:AlwaysOnSampler,"},
		{"always_on", "", "AlwaysOnSampler"},
		{"Always_Off", "", "AlwaysOffSampler"},
		{" traceidratio ", "0.25", "TraceIDRatioBased{0.25}"},
		{"traceidratio", "", "TraceIDRatioBased{1}"},
		{"parentbased_always_on", "", "ParentBased{root:AlwaysOnSampler,"},
		{"parentbased_always_off", "", "ParentBased{root:AlwaysOffSampler,"},
		{"parentbased_traceidratio", "0.5", "ParentBased{root:TraceIDRatioBased{0.5},"},
	} {
		t.Setenv("OTEL_TRACES_SAMPLER", c.sampler)
		t.Setenv("OTEL_TRACES_SAMPLER_ARG", c.arg)
		col := newCollector(t, otelcollector.Config{NoExport: true})
		if got := col.Sampler().Description(); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s with %q is %s, want %s", c.sampler, c.arg, got, c.want)
		}
	}
}

func TestResource(t *testing.T) {
	for _, c := range []struct {
		name          string
		service, list string
		cfg           otelcollector.Config
		want          map[attribute.Key]string
	}{
		{name: "nothing", want: map[attribute.Key]string{"service.name": "wirespan", "telemetry.sdk.language": "go"}},
		{
			name: "OTEL_RESOURCE_ATTRIBUTES", list: "service.name=a,k=v%20w,service.instance.id=7",
			want: map[attribute.Key]string{"service.name": "a", "k": "v w", "service.instance.id": "7"},
		},
		{name: "OTEL_SERVICE_NAME", service: "b", list: "service.name=a", want: map[attribute.Key]string{"service.name": "b"}},
		{name: "configuration", service: "b", list: "k=v", cfg: otelcollector.Config{ServiceName: "c"}, want: map[attribute.Key]string{"service.name": "c", "k": "v"}},
		{
			name: "resource", service: "b", cfg: otelcollector.Config{Resource: resource.NewSchemaless(attribute.String("service.name", "d"))},
			want: map[attribute.Key]string{"service.name": "d", "telemetry.sdk.language": ""},
		},
		{
			name: "resource and name", cfg: otelcollector.Config{ServiceName: "c", Resource: resource.NewSchemaless(attribute.String("service.name", "d"), attribute.String("k", "v"))},
			want: map[attribute.Key]string{"service.name": "c", "k": "v"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("OTEL_SERVICE_NAME", c.service)
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", c.list)
			s := &sink{}
			c.cfg.Client = s
			col := newCollector(t, c.cfg)
			dial(t, col).start("GET", "/").complete(200)
			received(t, col, s)
			sent := attrs(t, s.requests[0].ResourceSpans[0].Resource.Attributes)
			for k, want := range c.want {
				got, _ := col.Resource().Set().Value(k)
				onWire, _ := sent[string(k)].(string)
				if got.AsString() != want || onWire != want {
					t.Errorf("%s is %q, and %q on the wire, want %q", k, got.AsString(), onWire, want)
				}
			}
		})
	}
}

func TestInstancesDiffer(t *testing.T) {
	id := func() string {
		v, _ := newCollector(t, otelcollector.Config{NoExport: true}).Resource().Set().Value("service.instance.id")
		return v.AsString()
	}
	if a, b := id(), id(); a == "" || a == b {
		t.Errorf("service.instance.id %q and %q, want two that differ", a, b)
	}
}
