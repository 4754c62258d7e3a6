package main

import (
	"net/url"
	"path"
	"strings"
)

// The protocols of OTLP, as OTEL_EXPORTER_OTLP_PROTOCOL names them.
const (
	protocolHTTP = "http/protobuf"
	protocolGRPC = "grpc"
)

// The variables that say where traces are sent; those for traces alone go first.
var (
	endpointVariables = []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"}
	protocolVariables = []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"}
)

// otlpTarget is where OTLP sends traces by the environment, which the exporters read for themselves: this is
// for telling it, and for refusing what they would silently pass over.
type otlpTarget struct {
	endpoint         *url.URL // with the path for traces, where there is one
	endpointVariable string   // empty: the default endpoint
	protocol         string
	protocolVariable string // empty: the default protocol
}

// configured reports whether the environment names an endpoint.
func (t *otlpTarget) configured() bool { return t.endpointVariable != "" }

// String returns the endpoint without a password.
func (t *otlpTarget) String() string { return t.endpoint.Redacted() }

// otlpFromEnvironment reads the endpoint and the protocol (OpenTelemetry specification, OTLP exporter configuration).
func otlpFromEnvironment(env environment) (otlpTarget, error) {
	t := otlpTarget{protocol: protocolHTTP}
	if name, text := env.first(protocolVariables...); text != "" {
		if text != protocolHTTP && text != protocolGRPC {
			return t, usagef("%s %q is not allowed: use %s or %s", name, text, protocolHTTP, protocolGRPC)
		}
		t.protocol, t.protocolVariable = text, name
	}
	name, text := env.first(endpointVariables...)
	if text == "" {
		t.endpoint = &url.URL{Scheme: "http", Host: "localhost:4318", Path: "/v1/traces"}
		if t.protocol == protocolGRPC {
			t.endpoint = &url.URL{Scheme: "https", Host: "localhost:4317"}
		}
		return t, nil
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || !t.allows(u) {
		// The text may hold a password, and this is for those who cannot parse it either.
		return t, usagef("%s %q is not allowed: use a URL such as %s", name, redactText(text), t.example())
	}
	switch {
	case t.protocol == protocolGRPC:
	case name == endpointVariables[0]:
		if u.Path == "" {
			u.Path = "/" // as it is: the specification adds nothing to this variable
		}
	default:
		u.Path = path.Join("/", u.Path, "v1/traces")
	}
	t.endpoint, t.endpointVariable = u, name
	return t, nil
}

func (t *otlpTarget) allows(u *url.URL) bool {
	switch u.Scheme {
	case "http", "https":
		return u.Hostname() != ""
	case "unix":
		return t.protocol == protocolGRPC && u.Path+u.Opaque != ""
	}
	return false
}

func (t *otlpTarget) example() string {
	if t.protocol == protocolGRPC {
		return "http://127.0.0.1:4317"
	}
	return "http://127.0.0.1:4318"
}
