package otelcollector

import (
	"testing"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wirespan/wirespan/internal/conventions"
	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// The keys are written out, so that they are encoded once; here they are held against the conventions.
func TestKeysAreThoseOfTheConventions(t *testing.T) {
	if semconv.SchemaURL != conventions.SchemaURL {
		t.Errorf("schema URL is %s, that of the conventions %s", conventions.SchemaURL, semconv.SchemaURL)
	}
	for _, c := range []struct {
		ours   *otlp.Key
		theirs attribute.Key
	}{
		{keyMethod, semconv.HTTPRequestMethodKey},
		{keyMethodOriginal, semconv.HTTPRequestMethodOriginalKey},
		{keyRequestBody, semconv.HTTPRequestBodySizeKey},
		{keyResponseBody, semconv.HTTPResponseBodySizeKey},
		{keyStatusCode, semconv.HTTPResponseStatusCodeKey},
		{keyRoute, semconv.HTTPRouteKey},
		{keyPath, semconv.URLPathKey},
		{keyQuery, semconv.URLQueryKey},
		{keyScheme, semconv.URLSchemeKey},
		{keyErrorType, semconv.ErrorTypeKey},
		{keyClientAddress, semconv.ClientAddressKey},
		{keyServerAddress, semconv.ServerAddressKey},
		{keyServerPort, semconv.ServerPortKey},
		{keyPeerAddress, semconv.NetworkPeerAddressKey},
		{keyPeerPort, semconv.NetworkPeerPortKey},
		{keyLocalAddress, semconv.NetworkLocalAddressKey},
		{keyLocalPort, semconv.NetworkLocalPortKey},
		{keyTransport, semconv.NetworkTransportKey},
		{keyNetworkType, semconv.NetworkTypeKey},
		{keyProtocolName, semconv.NetworkProtocolNameKey},
		{keyProtocolVersion, semconv.NetworkProtocolVersionKey},
		{keyUserAgent, semconv.UserAgentOriginalKey},
		{keyTLSName, semconv.TLSProtocolNameKey},
		{keyTLSVersion, semconv.TLSProtocolVersionKey},
		{keyTLSCipher, semconv.TLSCipherKey},
		{keyTLSResumed, semconv.TLSResumedKey},
		{keyTLSNextProtocol, semconv.TLSNextProtocolKey},
		{otlp.NewKey(exceptionType), semconv.ExceptionTypeKey},
		{otlp.NewKey(exceptionMessage), semconv.ExceptionMessageKey},
		{otlp.NewKey(exceptionStacktrace), semconv.ExceptionStacktraceKey},
		{otlp.NewKey(rpcStatus), semconv.RPCResponseStatusCodeKey},
		{otlp.NewKey(string(serviceName)), semconv.ServiceNameKey},
		{otlp.NewKey(string(serviceInstanceID)), semconv.ServiceInstanceIDKey},
	} {
		if c.ours.Name() != string(c.theirs) {
			t.Errorf("%s should be %s", c.ours.Name(), c.theirs)
		}
	}
}
