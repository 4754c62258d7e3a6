package otelcollector

import (
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// clientFromEnv makes an official client. Its own retry is switched off: it would hold a batch for ten seconds at
// most, and its error does not tell what has happened. The hooks are told of its connections.
func clientFromEnv(h *instrument.Hooks) (otlptrace.Client, error) {
	if err := checkEndpoint(); err != nil {
		return nil, err
	}
	protocol, err := protocolFromEnv()
	switch {
	case err != nil:
		return nil, err
	case protocol == protocolGRPC:
		return grpcClient(h), nil
	}
	return httpClient(h)
}
