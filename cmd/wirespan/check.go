package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// checkOptions are the flags of check.
type checkOptions struct{ timeout time.Duration }

func (a *app) checkCommand() *cobra.Command {
	var o checkOptions
	cmd := a.command("check", "Send one test span to the configured endpoint, and say what happened",
		"Send one test span to where OTEL_EXPORTER_OTLP_ENDPOINT points, and say in plain words what happened and what\n"+
			"to change. The exit code is 0 when the span was accepted, and 1 when it was not.", 0,
		func(*cobra.Command, []string) error {
			// net/http tells the standard logger, in its own words, what the report says in better ones.
			defer log.SetOutput(log.Writer())
			log.SetOutput(io.Discard)
			return check(context.Background(), a.stdout, a.env, o)
		})
	setting(cmd.Flags(), &o.timeout, "timeout", "10s", "duration", "how long to wait for the answer", parseTimeout)
	return cmd
}

// check sends a span the way that a server would and writes what came of it to w.
func check(ctx context.Context, w io.Writer, env environment, o checkOptions) error {
	target, err := otlpFromEnvironment(env, signalTraces)
	if err != nil {
		return err
	}
	if !target.configured() {
		report(w, "result", "no OTLP endpoint is configured: nothing is sent")
		report(w, "change", "set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318, or with OTEL_EXPORTER_OTLP_PROTOCOL=grpc to http://127.0.0.1:4317")
		return errReported
	}
	report(w, "endpoint", fmt.Sprintf("%s, from %s", &target, target.endpointVariable))
	report(w, "protocol", target.protocol+from(target.protocolVariable))
	config, err := tlsFromEnvironment(env)
	if err != nil {
		return err
	}
	id, spans := testSpan()
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	sent := target.send(ctx, config, spans)
	took := time.Since(begin).Round(time.Millisecond)
	if sent.err == nil {
		report(w, "result", fmt.Sprintf("the test span was accepted after %v; its trace is %s", took, id))
		return nil
	}
	// The upload may have used up its time: finding out why has its own.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), min(o.timeout, probeTimeout))
	defer cancel()
	d := diagnose(&target, sent, func() peer { return inspect(ctx, target.endpoint, config.RootCAs) })
	report(w, "result", fmt.Sprintf("%s (after %v)", d.happened, took))
	report(w, "change", d.change)
	return errReported
}

func from(variable string) string {
	if variable == "" {
		return ", the default"
	}
	return ", from " + variable
}

func report(w io.Writer, what, text string) {
	fmt.Fprintf(w, "%-9s %s\n", what, appendPrintable(nil, text, len(text)))
}

// testSpan returns a span to send, and the id of its trace.
func testSpan() (trace.TraceID, []*tracepb.ResourceSpans) {
	var traceID trace.TraceID
	var spanID trace.SpanID
	rand.Read(traceID[:])
	rand.Read(spanID[:])
	now := uint64(time.Now().UnixNano())
	text := func(key, value string) *commonpb.KeyValue {
		return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
	}
	return traceID, []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "wirespan-check")}},
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: tracerName, Version: versionOf().Version},
			Spans: []*tracepb.Span{{
				TraceId: traceID[:], SpanId: spanID[:], Flags: 1,
				Name: "wirespan check", Kind: tracepb.Span_SPAN_KIND_INTERNAL,
				StartTimeUnixNano: now, EndTimeUnixNano: now + uint64(time.Millisecond),
			}},
		}},
	}}
}
