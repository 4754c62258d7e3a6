// Package conventions has what spans and metrics say alike: the version of the semantic conventions that both follow, and what
// these leave to whoever instruments a server.
package conventions

import "github.com/wirespan/wirespan/lifecycle"

// SchemaURL names the version of the semantic conventions.
const SchemaURL = "https://opentelemetry.io/schemas/1.43.0"

// Values of error.type that no event names.
const (
	ErrorClientDisconnect = "client_disconnect"
	ErrorHandshakeFailed  = "tls_handshake_failed"
)

// ConnectionError returns error.type of a connection that was closed for a reason: the one that its last request failed
// with, "" when it did not, else the reason. It is "" when the connection did not end badly: one that timed out without a
// request that failed was idle, and a limit on the number of requests is no error.
func ConnectionError(r lifecycle.Reason, lastRequest string) string {
	switch r {
	case lifecycle.ReasonTimeout, lifecycle.ReasonLimit:
		return lastRequest
	case lifecycle.ReasonError, lifecycle.ReasonBackpressure, lifecycle.ReasonClientDisconnect:
		if lastRequest != "" {
			return lastRequest
		}
		return string(r)
	}
	return ""
}

// RequestEnd returns when a request ended, a reading of lifecycle.MonotonicNS: with the last byte of its response, else with
// the event at that tells of its end.
func RequestEnd(at lifecycle.Stamp, o *lifecycle.Outcome, disconnected bool) int64 {
	p := &o.Phases
	if p.LastByte != 0 && p.LastByte >= p.HandlerEnd && !o.Streaming && !disconnected {
		return p.LastByte
	}
	return at.TimestampNS
}
