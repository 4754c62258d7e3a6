package nethttp

import (
	"errors"
	"net"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/wirespan/wirespan/lifecycle"
)

// The values of RequestFailed.Code, named as in package httpcore.
const (
	codePanic                 = "handler_panic"
	codeAborted               = "aborted_by_app"
	codeResponseTimeout       = "response_timeout"
	codeWriteCanceled         = "write_canceled"
	codeContentLengthMismatch = "response_content_length_mismatch"
)

var (
	errGone      = errors.New("the client closed the connection before it was answered")
	errClosed    = errors.New("the server closed the connection")
	errGoexit    = errors.New("the handler ended its goroutine")
	errShortBody = errors.New("the handler wrote less than its Content-Length")
)

// failure is why the server had to end a request; code is empty when it had not.
type failure struct {
	code string
	err  error
}

// panicked returns the failure of a handler that panicked with value; nil is one that ended its goroutine.
func panicked(value any) failure {
	if value == nil {
		return failure{codePanic, errGoexit}
	}
	if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return failure{codeAborted, http.ErrAbortHandler}
	}
	return failure{codePanic, &lifecycle.PanicError{Value: value, Stack: debug.Stack()}}
}

// blame says that the response could not be sent, or nobody would have had it, because of err.
func (x *exchange) blame(err error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.failure = failure{codeResponseTimeout, err}
	case errors.Is(err, net.ErrClosed):
		x.failure = failure{codeWriteCanceled, errClosed}
	default:
		x.gone = err
	}
}

// reason returns for what reason the stream of x ends, and the connection where x ends it.
func (x *exchange) reason() lifecycle.Reason {
	switch x.failure.code {
	case "":
		if x.gone != nil {
			return lifecycle.ReasonClientDisconnect
		}
		return lifecycle.ReasonComplete
	case codeResponseTimeout:
		return lifecycle.ReasonTimeout
	case codeWriteCanceled:
		return lifecycle.ReasonDrain
	}
	return lifecycle.ReasonError
}
