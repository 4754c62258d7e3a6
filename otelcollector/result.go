package otelcollector

import (
	"context"
	"errors"
	"net"
	"time"

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
	retry    bool          // another attempt may help
	after    time.Duration // but not before
	err      error
}

// judge completes the result with what UploadTraces returned.
func (r *result) judge(err error) {
	r.err = err
	if r.known || err == nil {
		return
	}
	if s, ok := status.FromError(err); ok {
		r.grpc(s)
		return
	}
	var timeout net.Error
	r.retry = errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout)
}

// grpc judges a status that is not OK, by the table of the OTLP specification.
func (r *result) grpc(s *status.Status) {
	delay, told := retryDelay(s)
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		r.retry, r.after = true, delay
	case codes.ResourceExhausted:
		r.retry, r.after = told, delay
	}
}

// retryDelay returns how long the receiver asks to wait, and whether it does.
func retryDelay(s *status.Status) (time.Duration, bool) {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return max(info.GetRetryDelay().AsDuration(), 0), true
		}
	}
	return 0, false
}
