package otelcollector

import (
	"strconv"

	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// scopeName is the instrumentation scope of the spans of requests and connections.
const scopeName = "github.com/wirespan/wirespan/otelcollector"

// Names of spans and events.
const (
	nameConnection = "HTTP connection"
	nameHandshake  = "TLS server handshake"
	nameException  = "exception"

	// methodOther is http.request.method of a method that is not known; nameOther is its span's name.
	methodOther = "_OTHER"
	nameOther   = "HTTP"
)

// Attributes of the conventions.
var (
	keyMethod          = otlp.NewKey("http.request.method")
	keyMethodOriginal  = otlp.NewKey("http.request.method_original")
	keyRequestBody     = otlp.NewKey("http.request.body.size")
	keyResponseBody    = otlp.NewKey("http.response.body.size")
	keyStatusCode      = otlp.NewKey("http.response.status_code")
	keyRoute           = otlp.NewKey("http.route")
	keyPath            = otlp.NewKey("url.path")
	keyQuery           = otlp.NewKey("url.query")
	keyScheme          = otlp.NewKey("url.scheme")
	keyErrorType       = otlp.NewKey("error.type")
	keyClientAddress   = otlp.NewKey("client.address")
	keyServerAddress   = otlp.NewKey("server.address")
	keyServerPort      = otlp.NewKey("server.port")
	keyPeerAddress     = otlp.NewKey("network.peer.address")
	keyPeerPort        = otlp.NewKey("network.peer.port")
	keyLocalAddress    = otlp.NewKey("network.local.address")
	keyLocalPort       = otlp.NewKey("network.local.port")
	keyTransport       = otlp.NewKey("network.transport")
	keyNetworkType     = otlp.NewKey("network.type")
	keyProtocolName    = otlp.NewKey("network.protocol.name")
	keyProtocolVersion = otlp.NewKey("network.protocol.version")
	keyUserAgent       = otlp.NewKey("user_agent.original")
	keyTLSName         = otlp.NewKey("tls.protocol.name")
	keyTLSVersion      = otlp.NewKey("tls.protocol.version")
	keyTLSCipher       = otlp.NewKey("tls.cipher")
	keyTLSResumed      = otlp.NewKey("tls.resumed")
	keyTLSNextProtocol = otlp.NewKey("tls.next_protocol")
)

// Attributes of an exception event.
const (
	exceptionType       = "exception.type"
	exceptionMessage    = "exception.message"
	exceptionStacktrace = "exception.stacktrace"
)

// rpcStatus is the attribute for the status of a gRPC call.
const rpcStatus = "rpc.response.status_code"

// Wirespan's own attributes, for which the conventions have none. Durations are in seconds, as in the conventions;
// timestamps are readings of lifecycle.MonotonicNS.
var (
	keyConnectionID       = otlp.NewKey("wirespan.connection.id")
	keyConnectionAge      = otlp.NewKey("wirespan.connection.age")
	keyConnectionReused   = otlp.NewKey("wirespan.connection.reused")
	keyConnectionRequests = otlp.NewKey("wirespan.connection.request_count")
	keyConnectionReason   = otlp.NewKey("wirespan.connection.close_reason")
	keyConnectionSent     = otlp.NewKey("wirespan.connection.sent_bytes")
	keyRequestIndex       = otlp.NewKey("wirespan.connection.request_index")
	keyWorkerID           = otlp.NewKey("wirespan.worker.id")
	keySamplingReason     = otlp.NewKey("wirespan.sampling.reason")
	keyTimestamp          = otlp.NewKey("wirespan.timestamp_ns")
	keyRequestID          = otlp.NewKey("wirespan.request.id")
	keyStreaming          = otlp.NewKey("wirespan.request.streaming")
	keyIdle               = otlp.NewKey("wirespan.request.idle.duration")
	keyHead               = otlp.NewKey("wirespan.request.head.duration")
	keyQueue              = otlp.NewKey("wirespan.request.queue.duration")
	keyHandler            = otlp.NewKey("wirespan.request.handler.duration")
	keyWrite              = otlp.NewKey("wirespan.request.write.duration")
)

// Beginnings of the attributes of captured headers.
const (
	prefixRequestHeader  = "http.request.header."
	prefixResponseHeader = "http.response.header."
)

// Values of wirespan.sampling.reason: why a request was exported although its sampler had decided against it.
const (
	reasonError = "error"
	reasonSlow  = "slow"
)

// The attribute that says what a link is for.
const (
	linkType           = "wirespan.link.type"
	linkTypeConnection = "connection"
)

// requestKeys are the keys that a request span may have from the server.
var requestKeys = keySet(
	keyMethod, keyMethodOriginal, keyRequestBody, keyResponseBody, keyStatusCode, keyRoute, keyPath, keyQuery, keyScheme,
	keyErrorType, keyClientAddress, keyServerAddress, keyServerPort, keyPeerAddress, keyPeerPort, keyProtocolVersion,
	keyUserAgent, keyTLSName, keyTLSVersion, keyTLSCipher, keyTLSResumed, keyTLSNextProtocol, keyConnectionID,
	keyConnectionAge, keyConnectionReused, keyRequestIndex, keyRequestID, keyWorkerID, keyTimestamp, keyStreaming, keySamplingReason, keyIdle, keyHead,
	keyQueue, keyHandler, keyWrite,
)

func keySet(keys ...*otlp.Key) map[string]bool {
	set := make(map[string]bool, len(keys))
	for _, k := range keys {
		set[k.Name()] = true
	}
	return set
}

// whole is an attribute of a span that is always the same, encoded in advance.
func whole(k *otlp.Key, v string) string {
	return string(k.AppendString(nil, otlp.SpanAttribute, v))
}

var (
	attrSchemeHTTP  = whole(keyScheme, "http")
	attrSchemeHTTPS = whole(keyScheme, "https")
	attrVersion10   = whole(keyProtocolVersion, "1.0")
	attrVersion11   = whole(keyProtocolVersion, "1.1")
	attrVersion2    = whole(keyProtocolVersion, "2")
	attrMethodOther = whole(keyMethod, methodOther)
)

// errorTypes are the error.type of the statuses from 500 to 599.
var errorTypes = func() (types [100]string) {
	for i := range types {
		types[i] = strconv.Itoa(500 + i)
	}
	return types
}()

func errorTypeOf(status int) string {
	if i := status - 500; i >= 0 && i < len(errorTypes) {
		return errorTypes[i]
	}
	return strconv.Itoa(status)
}
