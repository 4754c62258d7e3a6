package otelcollector

import (
	"cmp"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
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

// receiverFromEnv is where an official client sends to, for the metrics.
func receiverFromEnv(protocol string) []attribute.KeyValue {
	address, port := "localhost", 4318
	if protocol == protocolGRPC {
		port = 4317
	}
	_, endpoint := firstSet(envTracesEndpoint, envEndpoint)
	if u, err := url.Parse(endpoint); err == nil && endpoint != "" {
		address = cmp.Or(u.Hostname(), u.Path, u.Opaque) // the latter two of a Unix socket
		port, err = strconv.Atoi(u.Port())
		switch {
		case err == nil:
		case u.Scheme == "unix":
			return []attribute.KeyValue{attribute.String(keyServerAddress.Name(), address)}
		case protocol == protocolHTTP && u.Scheme == "http":
			port = 80
		default:
			port = 443 // of grpc for http, too
		}
	}
	return []attribute.KeyValue{attribute.String(keyServerAddress.Name(), address), attribute.Int(keyServerPort.Name(), port)}
}
