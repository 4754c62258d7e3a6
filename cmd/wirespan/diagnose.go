package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"

	"google.golang.org/grpc/codes"
)

// diagnosis is what happened to an upload and what to change, each in a sentence.
type diagnosis struct{ happened, change string }

// diagnose says why u failed. It asks inspect what sits at the endpoint only where the answer alone does not say it.
func diagnose(t *otlpTarget, u upload, inspect func() peer) diagnosis {
	host := t.hostPort()
	if d, ok := diagnoseStatus(t, u); ok {
		return d
	}
	if d, ok := diagnoseCode(t, u); ok {
		return d
	}
	p := inspect()
	switch secure := t.endpoint.Scheme == "https"; {
	case p.lookup != nil:
		return diagnosis{
			fmt.Sprintf("the name %s has no address", t.endpoint.Hostname()),
			fmt.Sprintf("correct the host in %s, or the name service of this machine or container", t.endpointVariable),
		}
	case errors.Is(p.dial, syscall.ECONNREFUSED):
		return diagnosis{
			fmt.Sprintf("nothing listens on %s: the connection was refused", host),
			fmt.Sprintf("start the collector, or set %s to where it listens; inside a container localhost is the container itself", t.endpointVariable),
		}
	case isTimeout(p.dial):
		return diagnosis{
			fmt.Sprintf("%s does not answer: the connection was not made in time", host),
			"let the firewalls between here and there pass this port, or correct the address in " + t.endpointVariable,
		}
	case p.dial != nil:
		return diagnosis{fmt.Sprintf("%s cannot be reached: %v", host, plainError(p.dial)), "correct the address in " + t.endpointVariable}
	case p.tls && !secure:
		return diagnosis{
			fmt.Sprintf("%s speaks TLS, and the endpoint says %s", host, t.endpoint.Scheme),
			fmt.Sprintf("write https:// in %s", t.endpointVariable),
		}
	case !p.tls && p.speaks != "" && secure:
		return diagnosis{
			fmt.Sprintf("%s does not speak TLS, and the endpoint says https", host),
			fmt.Sprintf("write http:// in %s, or switch TLS on at the collector", t.endpointVariable),
		}
	case p.trust != nil:
		return diagnosis{
			fmt.Sprintf("the certificate of %s is not trusted: %v", host, p.trust),
			"set OTEL_EXPORTER_OTLP_CERTIFICATE to the file of the authority that signed it, and use the name that it is for",
		}
	case p.speaks == "HTTP/2" && t.protocol == protocolHTTP:
		return t.speaksGRPC()
	case p.speaks == "HTTP/1" && t.protocol == protocolGRPC:
		return t.speaksHTTP()
	case p.tls && p.speaks == "":
		return diagnosis{
			fmt.Sprintf("%s ended the TLS handshake: %v", host, rootCause(u.err)),
			"if the collector wants a certificate of its clients, set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY",
		}
	case isTimeout(u.err) || u.grpc == codes.DeadlineExceeded:
		return diagnosis{
			fmt.Sprintf("%s took the connection and did not answer in time", host),
			"see whether that port is the collector's, and what its log says; --timeout waits longer",
		}
	}
	return diagnosis{fmt.Sprintf("the span was not accepted: %v", rootCause(u.err)), "see what the collector's log says"}
}

// diagnoseStatus judges an answer over http/protobuf.
func diagnoseStatus(t *otlpTarget, u upload) (diagnosis, bool) {
	said := ""
	if u.text != "" {
		said = ": " + u.text
	}
	answered := fmt.Sprintf("%s answered %d %s%s", t.hostPort(), u.http, http.StatusText(u.http), said)
	switch u.http {
	case 0:
		return diagnosis{}, false
	case http.StatusUnauthorized, http.StatusForbidden:
		return t.denied(answered), true
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		change := fmt.Sprintf("correct the path in %s: a collector takes traces at /v1/traces", t.endpointVariable)
		if t.endpointVariable == endpointVariable {
			change += ", which is added to this variable, so leave it out there"
		} else {
			change += ", and nothing is added to this variable"
		}
		return diagnosis{fmt.Sprintf("%s; the path was %s", answered, t.endpoint.Path), change}, true
	case http.StatusUnsupportedMediaType:
		return t.speaksGRPC(), true
	case http.StatusRequestEntityTooLarge:
		return diagnosis{answered, "raise the receiver's limit on the size of a request"}, true
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return diagnosis{answered, "the collector, or what it sends to, is overloaded or down: see its log, and try again"}, true
	case http.StatusBadRequest:
		return diagnosis{}, false // also what a TLS port answers to plain text
	}
	if errors.Is(u.err, errNoReceiver) {
		change := fmt.Sprintf("set %s to the collector's address: it takes OTLP over HTTP at port 4318 unless it is told otherwise", t.endpointVariable)
		return diagnosis{fmt.Sprintf("%s answered %d, but %v", t.hostPort(), u.http, u.err), change}, true
	}
	if u.http < 300 {
		return diagnosis{fmt.Sprintf("%s answered %d, and took the span in part: %v", t.hostPort(), u.http, rootCause(u.err)), "see what the collector's log says"}, true
	}
	return diagnosis{answered, "see what the collector's log says, and whether that port is the collector's"}, true
}

// diagnoseCode judges an answer over grpc.
func diagnoseCode(t *otlpTarget, u upload) (diagnosis, bool) {
	answered := fmt.Sprintf("%s answered %v: %s", t.hostPort(), u.grpc, u.text)
	switch u.grpc {
	case codes.Unauthenticated, codes.PermissionDenied:
		return t.denied(answered), true
	case codes.Unimplemented:
		return diagnosis{
			answered,
			"that port speaks gRPC or HTTP/2, but takes no traces by gRPC: switch on the receiver otlp with its protocol grpc there, or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		}, true
	case codes.ResourceExhausted:
		return diagnosis{answered, "the collector is overloaded: see its log, and try again"}, true
	}
	return diagnosis{}, false
}

func (t *otlpTarget) denied(answered string) diagnosis {
	return diagnosis{answered, "set OTEL_EXPORTER_OTLP_HEADERS to what the receiver wants, such as authorization=Bearer%20TOKEN, or correct the token there"}
}

func (t *otlpTarget) speaksGRPC() diagnosis {
	return diagnosis{
		fmt.Sprintf("%s speaks gRPC, and the protocol is http/protobuf", t.hostPort()),
		"set OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or use the collector's port for HTTP, usually 4318",
	}
}

func (t *otlpTarget) speaksHTTP() diagnosis {
	return diagnosis{
		fmt.Sprintf("%s speaks HTTP/1.1, and the protocol is grpc", t.hostPort()),
		"set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or use the collector's port for gRPC, usually 4317",
	}
}

// hostPort names the endpoint's address for a sentence.
func (t *otlpTarget) hostPort() string {
	if t.endpoint.Scheme == "unix" {
		return t.endpoint.Opaque + t.endpoint.Path
	}
	return net.JoinHostPort(t.endpoint.Hostname(), strconv.Itoa(portOf(t.endpoint)))
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// rootCause leaves out what was attempted: the sentence around it says that.
func rootCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
