package httpcore

import (
	"errors"
	"net/http"

	"github.com/wirespan/wirespan/httpcore/internal/http1"
)

// ErrServerClosed is returned by the Serve methods after Shutdown or Close. It is [http.ErrServerClosed].
var ErrServerClosed = http.ErrServerClosed

// The codes that the server itself gives to a request or a connection that it ends: the value of
// X-Wirespan-Error, of RequestFailed.Code and ConnectionRejected.Code, and so of the span's error.type.
// The parser adds its own, listed in internal/http1/codes.go. Names are Kestrel's where it has one.
const (
	codeBodyTooLarge          = "max_request_body_size_exceeded"
	codeHeadTimeout           = "request_headers_timeout"
	codeBodyTimeout           = "request_body_timeout"
	codeBodyRate              = "min_request_body_data_rate"
	codeResponseTimeout       = "response_timeout"
	codeResponseRate          = "min_response_data_rate"
	codeBodyCutShort          = "unexpected_end_of_request_content"
	codeHeadCutShort          = "unexpected_end_of_request_head"
	codePanic                 = "handler_panic"
	codeAborted               = "aborted_by_app"
	codeContentLengthMismatch = "response_content_length_mismatch"
	codeTooManyConnections    = "max_concurrent_connections_exceeded"
	codeTooManyBlocked        = "max_blocked_handlers_exceeded"
	codeDraining              = "server_draining"
	codeNoDescriptor          = "out_of_descriptors"
	codeWriteCanceled         = "write_canceled"
	codeNotTLS                = "tls_expected"
)

// refusal is why the server answers a request itself: a value with a status, a code and a reason.
type refusal struct {
	status int
	code   string
	reason string // goes to the client, so it names no internals
	err    error  // goes to the collectors
}

// refuse turns a parser's verdict into an answer.
func refuse(e *http1.Error) refusal {
	return refusal{status: e.Status, code: e.Code, reason: e.Reason, err: e}
}

var (
	errHeadTimeout  = errors.New("the head of the request did not arrive in time")
	errBodyTimeout  = errors.New("the body of the request did not arrive in time")
	errBodyRate     = errors.New("the body of the request arrives more slowly than 240 bytes a second")
	errWriteTimeout = errors.New("the client stopped reading the response")
	errWriteRate    = errors.New("the client reads the response more slowly than 240 bytes a second")
	errHeadCutShort = errors.New("the connection ended within the head of the request")
	errClosed       = errors.New("the server closed the connection")
	errShortBody    = errors.New("the handler wrote less than its Content-Length")
	errGoexit       = errors.New("the handler ended its goroutine")
)
