package faults_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/wirespan/wirespan/e2e/internal/faults"
)

// request has a span for each number.
func request(serials ...int) *collectorpb.ExportTraceServiceRequest {
	var spans []*tracepb.Span
	for _, n := range serials {
		spans = append(spans, &tracepb.Span{
			TraceId: fmt.Appendf(nil, "%16d", n), SpanId: fmt.Appendf(nil, "%8d", n), Name: "GET", StartTimeUnixNano: 1, EndTimeUnixNano: 2,
			Attributes: []*commonpb.KeyValue{text("url.path", fmt.Sprint(faults.Serial, n))},
		})
	}
	return &collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "s")}},
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}},
	}}}
}

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

// dial makes an official client; nil credentials are none.
func dial(t *testing.T, addr string, secure credentials.TransportCredentials) collectorpb.TraceServiceClient {
	t.Helper()
	if secure == nil {
		secure = insecure.NewCredentials()
	}
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(secure))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return collectorpb.NewTraceServiceClient(conn)
}

// post exports over HTTP.
func post(t *testing.T, addr string, r *collectorpb.ExportTraceServiceRequest) (*http.Response, error) {
	t.Helper()
	body, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post("http://"+addr+"/v1/traces", "application/x-protobuf", bytes.NewReader(body))
	if err == nil {
		resp.Body.Close()
	}
	return resp, err
}

func open(t *testing.T, o faults.Options) *faults.Receiver {
	t.Helper()
	r, err := faults.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Shut)
	return r
}
