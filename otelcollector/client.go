package otelcollector

import (
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// clientFromEnv makes an official client. Its own retry is switched off: it would hold a batch for ten seconds at
// most, and its error does not tell what has happened. The hooks are told of its connections.
func clientFromEnv(h *instrument.Hooks) (otlptrace.Client, error) {
	for _, check := range [...]func() error{checkEndpoint, checkHeaders, checkCompression} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	protocol, err := protocolFromEnv()
	if err != nil {
		return nil, err
	}
	timeout, err := timeoutFromEnv()
	if err != nil {
		return nil, err
	}
	secure, err := tlsFromEnv()
	if err != nil {
		return nil, err
	}
	if protocol == protocolGRPC { // which reads these two again
		return grpcClient(h), nil
	}
	return httpClient(h, timeout, secure), nil
}
