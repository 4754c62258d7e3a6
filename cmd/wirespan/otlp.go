package main

import (
	"net/url"
	"path"
	"strings"

	"github.com/wirespan/wirespan/internal/otlpenv"
)

// The protocols of OTLP, as OTEL_EXPORTER_OTLP_PROTOCOL names them.
const (
	protocolHTTP = "http/protobuf"
	protocolGRPC = "grpc"
)

// endpointVariable is the endpoint of all signals.
const endpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT"

// otlpSignal is one of the things that OTLP carries.
type otlpSignal struct {
	name string // in variables
	path string // that is added to the endpoint of all signals
}

var (
	signalTraces  = otlpSignal{"TRACES", "v1/traces"}
	signalMetrics = otlpSignal{"METRICS", "v1/metrics"}
	signalLogs    = otlpSignal{"LOGS", "v1/logs"}
)

// endpointVariable is that of this signal alone, which goes first.
func (s otlpSignal) endpointVariable() string { return "OTEL_EXPORTER_OTLP_" + s.name + "_ENDPOINT" }

// protocolVariables are in the order in which they count.
func (s otlpSignal) protocolVariables() []string {
	return []string{"OTEL_EXPORTER_OTLP_" + s.name + "_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"}
}

// otlpTarget is where OTLP sends a signal by the environment, which the exporters read for themselves: this is
// for telling it, and for refusing what they would silently pass over.
type otlpTarget struct {
	endpoint         *url.URL // with the path for the signal, where there is one
	endpointVariable string   // empty: the default endpoint
	protocol         string
	protocolVariable string // empty: the default protocol
}

// configured reports whether the environment names an endpoint.
func (t *otlpTarget) configured() bool { return t.endpointVariable != "" }

// String returns the endpoint without a password.
func (t *otlpTarget) String() string { return t.endpoint.Redacted() }

// otlpFromEnvironment reads the endpoint and the protocol (OpenTelemetry specification, OTLP exporter configuration).
func otlpFromEnvironment(env environment, of otlpSignal) (otlpTarget, error) {
	t := otlpTarget{protocol: protocolHTTP}
	if name, text := env.first(of.protocolVariables()...); text != "" {
		if text != protocolHTTP && text != protocolGRPC {
			return t, usagef("%s %q is not allowed: use %s or %s", name, text, protocolHTTP, protocolGRPC)
		}
		t.protocol, t.protocolVariable = text, name
	}
	if name, list := env.first("OTEL_EXPORTER_OTLP_"+of.name+"_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"); list != "" {
		if entry := otlpenv.WrongHeader(list); entry > 0 { // which may hold a secret
			return t, usagef("entry %d of %s is not allowed: use key=value, with a value that is percent-encoded", entry, name)
		}
	}
	name, text := env.first(of.endpointVariable(), endpointVariable)
	if text == "" {
		t.endpoint = &url.URL{Scheme: "http", Host: "localhost:4318", Path: "/" + of.path}
		if t.protocol == protocolGRPC {
			t.endpoint = &url.URL{Scheme: "https", Host: "localhost:4317"}
		}
		return t, nil
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || !otlpenv.IsEndpoint(u, t.protocol == protocolGRPC) {
		// The text may hold a password, and this is for those who cannot parse it either.
		return t, usagef("%s %q is not allowed: use a URL such as %s", name, redactText(text), t.example())
	}
	switch {
	case t.protocol == protocolGRPC:
	case name == of.endpointVariable():
		if u.Path == "" {
			u.Path = "/" // as it is: the specification adds nothing to this variable
		}
	default:
		u.Path = path.Join("/", u.Path, of.path)
	}
	t.endpoint, t.endpointVariable = u, name
	return t, nil
}

func (t *otlpTarget) example() string {
	if t.protocol == protocolGRPC {
		return "http://127.0.0.1:4317"
	}
	return "http://127.0.0.1:4318"
}
