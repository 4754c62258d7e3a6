package otelcollector

import (
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wirespan/wirespan/internal/otlpenv"
)

// The environment variables that are read here. The others of the specification are read by the official clients
// and by package resource.
const (
	envDisabled       = "OTEL_SDK_DISABLED"
	envSampler        = "OTEL_TRACES_SAMPLER"
	envSamplerArg     = "OTEL_TRACES_SAMPLER_ARG"
	envPropagators    = "OTEL_PROPAGATORS"
	envExporter       = "OTEL_TRACES_EXPORTER"
	envProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	envTracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	envEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	envInsecure       = "OTEL_EXPORTER_OTLP_INSECURE"
	envTracesInsecure = "OTEL_EXPORTER_OTLP_TRACES_INSECURE"
	envResource       = "OTEL_RESOURCE_ATTRIBUTES"
	envKnownMethods   = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"
)

// env returns the value of a variable; "" means unset (OpenTelemetry specification, environment variables).
func env(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// wrong is the error for a variable whose value makes no sense.
func wrong(name, value, allowed string) error {
	return fmt.Errorf("otelcollector: %s is %q, but has to be %s", name, value, allowed)
}

// isDisabled reads a boolean as the specification has it: everything but "true" is false.
func isDisabled() bool { return strings.EqualFold(env(envDisabled), "true") }

func samplerFromEnv() (sdktrace.Sampler, error) {
	name, arg := env(envSampler), env(envSamplerArg)
	if name == "" {
		return sdktrace.ParentBased(sdktrace.AlwaysSample()), nil
	}
	s, err := samplerNamed(name, arg)
	switch err {
	case nil:
		return s, nil
	case errSamplerRatio:
		return nil, wrong(envSamplerArg, arg, err.Error())
	}
	return nil, wrong(envSampler, name, err.Error())
}

// limitVariables bound what is on a span; see "Limits" in the documentation of the package.
var limitVariables = [...]string{
	"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT",
	"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
}

// limitsFromEnv has the SDK read them, and refuses what that would pass over.
func limitsFromEnv() (sdktrace.SpanLimits, error) {
	for _, name := range limitVariables {
		if value := env(name); value != "" {
			if _, err := strconv.Atoi(os.Getenv(name)); err != nil {
				return sdktrace.SpanLimits{}, wrong(name, value, "a number, or -1 for no limit")
			}
		}
	}
	return sdktrace.NewSpanLimits(), nil
}

const propagators = "a comma-separated list of tracecontext, baggage, b3, b3multi, jaeger, xray, ottrace, or none"

func propagatorFromEnv() (propagation.TextMapPropagator, error) {
	list := env(envPropagators)
	if list == "" {
		return propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}), nil
	}
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	p, err := autoprop.TextMapPropagator(names...)
	if err != nil {
		return nil, wrong(envPropagators, list, propagators)
	}
	return p, nil
}

// exporterFromEnv reports whether spans are to be exported at all.
func exporterFromEnv() (bool, error) {
	switch name := env(envExporter); name {
	case "", "otlp":
		return true, nil
	case "none":
		return false, nil
	default:
		return false, wrong(envExporter, name, "otlp or none")
	}
}

const (
	protocolGRPC = "grpc"
	protocolHTTP = "http/protobuf"
)

func protocolFromEnv() (string, error) {
	name, value := firstSet(envTracesProtocol, envProtocol)
	switch value {
	case "":
		return protocolHTTP, nil
	case protocolGRPC, protocolHTTP:
		return value, nil
	}
	return "", wrong(name, value, "grpc or http/protobuf")
}

// checkEndpoint refuses what the official clients would take for something else, such as "localhost:4317".
func checkEndpoint() error {
	name, value := firstSet(envTracesEndpoint, envEndpoint)
	if value == "" {
		return nil
	}
	protocol, _ := protocolFromEnv()
	if u, err := url.Parse(value); err != nil || !otlpenv.IsEndpoint(u, protocol == protocolGRPC) {
		return wrong(name, value, "a URL such as http://localhost:4318")
	}
	return nil
}

// checkHeaders does not tell the value: it may hold a secret.
func checkHeaders() error {
	name, value := firstSet("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
	if entry := otlpenv.WrongHeader(value); entry > 0 {
		return fmt.Errorf("otelcollector: entry %d of %s has to be key=value, with a value that is percent-encoded", entry, name)
	}
	return nil
}

// checkCompression refuses what the official clients would not compress at all.
func checkCompression() error {
	name, value := firstSet("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION")
	switch value {
	case "", "none", "gzip":
		return nil
	}
	return wrong(name, value, "gzip or none")
}

// firstSet returns the first of the variables that is set, and its value.
func firstSet(names ...string) (name, value string) {
	for _, n := range names {
		if v := env(n); v != "" {
			return n, v
		}
	}
	return "", ""
}
