package faults

import (
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// Call is a request that came. It is the script's until that returns.
type Call struct {
	N     int // from 1
	At    time.Time
	Spans []*sink.Span
	Bytes int // of the request

	size  int // in spans
	taken bool
}

func newCall(bytes int) *Call { return &Call{At: time.Now(), Bytes: bytes} }

// First returns the number of the call's first request, which tells batches apart; see [Serial].
func (c *Call) First() int { return serial(c.Spans[0]) }

// Has reports whether the span of a numbered request is in the call.
func (c *Call) Has(n int) bool {
	return slices.ContainsFunc(c.Spans, func(s *sink.Span) bool { return serial(s) == n })
}

// Script decides on each call. It is called from several goroutines at once.
type Script func(*Call) Answer

// Answer is what a receiver does with a call: first it waits, then the first of Break, Status and HTTP that is set says how the
// call fails. What does not fail is taken.
type Answer struct {
	// Delay is how long it waits.
	Delay time.Duration
	// Until is waited for as well, unless the client gives up before. nil does not wait.
	Until <-chan struct{}

	// Break ends the connection with RST.
	Break bool
	// Status is the gRPC status of a call that is refused; nil, and OK, is none.
	Status *status.Status
	// HTTP is the status code of an OTLP/HTTP request that is refused; 0 is none.
	HTTP int
	// RetryAfter is the value of that header; "" sends none.
	RetryAfter string

	// Lose takes the spans and then ends the connection with RST instead of answering.
	Lose bool
	// Rejected and Message are the answer's partial success. The spans that are rejected are the first of the call.
	Rejected int64
	Message  string
}

// OK takes the call.
func OK(*Call) Answer { return Answer{} }

// Refuse answers with a status.
func Refuse(code codes.Code) Answer { return Answer{Status: status.New(code, "as the script has it")} }

// RefuseFor answers with a status that asks to wait, in a RetryInfo.
func RefuseFor(code codes.Code, delay time.Duration) Answer {
	s, err := status.New(code, "as the script has it").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	if err != nil {
		panic(err) // only for codes.OK
	}
	return Answer{Status: s}
}
