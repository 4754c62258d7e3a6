package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// received is what a receiver has been sent.
type received struct {
	ServerSpans uint64 `json:"server_spans"` // one a request, whichever server sent it
	Spans       uint64 `json:"spans"`        // with those of connections

	keep bool // the spans, too
	kept []arrival
}

// receiver is an OTLP receiver that only counts. It does so without decoding, so that it leaves as much of the machine as
// can be to the server that is measured.
type receiver struct {
	delay              time.Duration
	serverSpans, spans atomic.Uint64
	arrivals           *arrivals // nil when it only counts

	addr string
	stop func() // takes no more spans, and ends the uploads that are under way
}

// runReceiver is a process that takes spans.
func runReceiver(_ context.Context, args []string, questions io.Reader, answers io.Writer) error {
	var r receiver
	fs := flag.NewFlagSet(roleReceiver, flag.ContinueOnError)
	fs.DurationVar(&r.delay, "delay", 0, "how long to wait before an answer")
	fs.StringVar(&r.addr, "addr", loopback, "where to listen")
	ids := fs.Bool("ids", false, "tell spans apart by their ids")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *ids {
		r.arrivals = newArrivals()
	}
	if err := r.listen(); err != nil {
		return err
	}
	defer func() { r.stop() }()
	return answer(questions, answers, r.addr, r.answer)
}

// listen takes spans, always at the same address.
func (r *receiver) listen() error {
	l, err := net.Listen("tcp", r.addr)
	if err != nil {
		return err
	}
	g := r.server()
	r.addr, r.stop = l.Addr().String(), g.Stop
	go g.Serve(l) //nolint:errcheck // it serves until it is stopped
	return nil
}

func (r *receiver) answer(question string) (any, error) {
	switch {
	case question == askAccount:
		return received{ServerSpans: r.serverSpans.Load(), Spans: r.spans.Load()}, nil
	case question == askAway:
		r.stop()
		return true, nil
	case question == askBack && r.arrivals != nil:
		r.arrivals.expect(time.Now())
		return true, r.listen()
	case question == askArrived && r.arrivals != nil:
		return r.arrivals.account(), nil
	}
	return nil, fmt.Errorf("%q is no question", question)
}

// server returns the receiver as a gRPC server.
func (r *receiver) server() *grpc.Server {
	g := grpc.NewServer(grpc.ForceServerCodecV2(countingCodec{}))
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: "opentelemetry.proto.collector.trace.v1.TraceService",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Export",
			Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				return r.export(ctx, decode)
			},
		}},
	}, nil)
	return g
}

func (r *receiver) export(ctx context.Context, decode func(any) error) (*received, error) {
	n := received{keep: r.arrivals != nil}
	if err := decode(&n); err != nil {
		return nil, err
	}
	if r.delay > 0 {
		select {
		case <-time.After(r.delay):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r.serverSpans.Add(n.ServerSpans)
	r.spans.Add(n.Spans)
	if r.arrivals != nil {
		r.arrivals.add(n.kept, time.Now())
	}
	return &n, nil
}

// countingCodec decodes a request to a *received, and encodes that as the empty answer that means success.
type countingCodec struct{}

// Name implements [encoding.CodecV2].
func (countingCodec) Name() string { return "proto" }

// Marshal implements [encoding.CodecV2].
func (countingCodec) Marshal(any) (mem.BufferSlice, error) { return nil, nil }

// Unmarshal implements [encoding.CodecV2].
func (countingCodec) Unmarshal(data mem.BufferSlice, v any) error {
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	return v.(*received).count(buffer.ReadOnlyData())
}

// The fields on the way from an ExportTraceServiceRequest to the kind of a span.
const (
	resourceSpansOfRequest = 1
	scopeSpansOfResource   = 2
	spansOfScope           = 2
	idOfSpan               = 2
	kindOfSpan             = 6
	endOfSpan              = 8
	serverKind             = 2
)

func (n *received) count(request []byte) error {
	return each(request, resourceSpansOfRequest, func(resource []byte) error {
		return each(resource, scopeSpansOfResource, func(scope []byte) error {
			return each(scope, spansOfScope, n.span)
		})
	})
}

func (n *received) span(span []byte) error {
	n.Spans++
	var a arrival
	for len(span) > 0 {
		number, kind, size := protowire.ConsumeTag(span)
		if size < 0 {
			return fmt.Errorf("read a tag of a span: %w", protowire.ParseError(size))
		}
		span = span[size:]
		switch {
		case number == kindOfSpan && kind == protowire.VarintType:
			value, _ := protowire.ConsumeVarint(span)
			a.server = value == serverKind
		case number == idOfSpan && kind == protowire.BytesType && n.keep:
			value, _ := protowire.ConsumeBytes(span)
			copy(a.id[:], value)
		case number == endOfSpan && kind == protowire.Fixed64Type && n.keep:
			value, _ := protowire.ConsumeFixed64(span)
			a.end = time.Unix(0, int64(value))
		}
		if size = protowire.ConsumeFieldValue(number, kind, span); size < 0 {
			return fmt.Errorf("read field %d of a span: %w", number, protowire.ParseError(size))
		}
		span = span[size:]
	}
	if a.server {
		n.ServerSpans++
	}
	if n.keep {
		n.kept = append(n.kept, a)
	}
	return nil
}

// each calls f for each message in the field with this number.
func each(message []byte, number protowire.Number, f func([]byte) error) error {
	for len(message) > 0 {
		found, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return fmt.Errorf("read a tag: %w", protowire.ParseError(size))
		}
		message = message[size:]
		if size = protowire.ConsumeFieldValue(found, kind, message); size < 0 {
			return fmt.Errorf("read field %d: %w", found, protowire.ParseError(size))
		}
		if found == number && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			if err := f(value); err != nil {
				return err
			}
		}
		message = message[size:]
	}
	return nil
}
