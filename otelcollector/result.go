package otelcollector

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// attempt is what an attempt to upload has in its context, for the transport of the official clients.
type attempt struct {
	result
	handOver handOver
}

// attemptKey is the key of the *attempt.
type attemptKey struct{}

// attemptOf returns nil when the context is not that of an upload.
func attemptOf(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	return a
}

// result is how an attempt to upload ended. The transport of the official clients fills it in, since what they return
// tells neither whether another attempt may help nor how many spans were rejected; see result.judge for other clients.
type result struct {
	known    bool // by the transport
	accepted bool // the receiver has answered that it took the spans, or the part of them that it did not reject
	rejected int64
	warned   bool               // it has something to say beside that
	retry    bool               // another attempt may help
	after    time.Duration      // but not before
	told     bool               // the receiver asked for the pause in after
	why      DropReason         // when another attempt does not help; "" is DroppedInternal
	status   attribute.KeyValue // of the answer, as the metrics have it; not valid when there was none
	cause    error              // of there being none, as the transport has it; nil when that does not tell
	err      error
}

// judge completes the result with what UploadTraces returned.
func (r *result) judge(err error) {
	r.err = err
	if err == nil {
		r.accepted = true
	}
	if r.known || err == nil {
		return
	}
	if s, ok := status.FromError(err); ok {
		r.grpc(s)
		return
	}
	var network net.Error
	r.retry = errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network)
}

// reason says for what the spans are dropped that were refused for good.
func (r *result) reason() DropReason {
	if r.why == "" {
		return DroppedInternal
	}
	return r.why
}

// errorType is error.type of an upload: of one that was not accepted the status, or the kind of error when there was none; "" of
// one that was accepted as a whole, and without a warning, which is what the specification calls full success.
func (r *result) errorType() string {
	var network net.Error
	switch {
	case r.accepted && r.rejected > 0:
		return errorRejected
	case r.accepted && r.warned:
		return errorWarning
	case r.accepted:
		return ""
	case r.cause == nil && r.status.Valid():
		return r.status.Value.String()
	case errors.As(r.err, &network) && network.Timeout():
		return errorTimeout
	case r.cause != nil:
		return typeName(r.cause)
	}
	return typeName(r.err)
}

// Values of error.type of uploads that are no status: not answered in time; accepted with a warning.
const (
	errorTimeout = "timeout"
	errorWarning = "warning"
)

// partial takes what an answer that accepts says beside that.
func (r *result) partial(answer *collectorpb.ExportTraceServiceResponse) {
	p := answer.GetPartialSuccess()
	r.rejected, r.warned = p.GetRejectedSpans(), p.GetErrorMessage() != ""
}

// unwelcome reports that what was refused is not this batch but the sender, or that there is nobody to take it: later
// batches would fare the same.
func (r *result) unwelcome() bool { return r.why == DroppedAuth || r.why == DroppedConfig }

// grpc judges a status that is not OK, by the table of the OTLP specification.
func (r *result) grpc(s *status.Status) {
	delay, told := retryDelay(s)
	r.status = attribute.String(rpcStatus, code.Code(s.Code()).String())
	if strings.Contains(s.Message(), resetStream) {
		r.retry = true
		return
	}
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		r.retry, r.after, r.told = true, delay, told
	case codes.ResourceExhausted:
		if told {
			r.retry, r.after, r.told = true, delay, true
		} else {
			r.why = DroppedTooLarge
		}
	case codes.Unauthenticated, codes.PermissionDenied:
		r.why = DroppedAuth
	case codes.Unimplemented, codes.NotFound:
		r.why = DroppedConfig
	case codes.InvalidArgument, codes.FailedPrecondition, codes.AlreadyExists:
		r.why = DroppedInvalid
	}
}

// resetStream is what grpc says of a stream that was reset. The code is one that grpc has made of the reason then: the
// receiver has not answered, and INADEQUATE_SECURITY is no PermissionDenied of which it is sure.
const resetStream = "RST_STREAM"

// retryDelay returns how long the receiver asks to wait, and whether it does.
func retryDelay(s *status.Status) (time.Duration, bool) {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return max(info.GetRetryDelay().AsDuration(), 0), true
		}
	}
	return 0, false
}
