package otelcollector_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/wirespan/wirespan/lifecycle"
)

// The limits for spans beat those for all signals (OpenTelemetry specification, attribute limits).
func TestGeneralLimits(t *testing.T) {
	for _, c := range []struct {
		name          string
		env           map[string]string
		count, length int
	}{
		{"none", nil, 128, -1},
		{"general", map[string]string{"OTEL_ATTRIBUTE_COUNT_LIMIT": "3", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5"}, 3, 5},
		{"of spans", map[string]string{
			"OTEL_ATTRIBUTE_COUNT_LIMIT": "3", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5",
			"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "4", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "6",
		}, 4, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			text := strings.Repeat("ä", 200)
			span := served(t, 200, func(s trace.Span) {
				for i := range 200 {
					s.SetAttributes(attribute.String("mine."+strings.Repeat("i", i), text))
				}
			})
			count := 0
			for _, kv := range span.Attributes {
				if strings.HasPrefix(kv.Key, "mine.") {
					count++
					if n := utf8.RuneCountInString(kv.Value.GetStringValue()); c.length >= 0 && n != c.length || c.length < 0 && n != 200 {
						t.Fatalf("a value has %d characters, want %d", n, c.length)
					}
				}
			}
			if count != c.count || int(span.DroppedAttributesCount) != 200-c.count {
				t.Errorf("%d attributes and %d dropped, want %d", count, span.DroppedAttributesCount, c.count)
			}
		})
	}
}

// Whatever a client sends, in all the places where it can: no batch is lost to a string that is not UTF-8, which the
// receiver here refuses, and no value is longer than allowed, nor cut within a character.
func TestStringsOfTheClient(t *testing.T) {
	const limit = 5
	t.Setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "5")
	for _, hostile := range []string{"\xff", "\xff\xfe\xfd\xfc\xfb\xfa\xf9", "a\xc3", "äöüßéàè", "ab\xe2\x82xyz", "abcd€€", "\xed\xa0\x80\xed\xa0\x80\xed\xa0\x80"} {
		s := &sink{}
		cfg := quiet(t, s)
		cfg.KeepErrors = true
		cfg.CaptureRequestHeaders, cfg.CaptureResponseHeaders = []string{"X-A"}, []string{"X-A"}
		c := newCollector(t, cfg)
		w := dial(t, c, func(e *lifecycle.ConnectionOpened) { e.TLS = &tls.ConnectionState{ServerName: hostile} })
		x := w.start(hostile, "/"+hostile+"?"+hostile+"&sig="+hostile,
			[2]string{"User-Agent", hostile}, [2]string{"X-A", hostile}, [2]string{"x-a", "b" + hostile},
			[2]string{"traceparent", traceparent + "01"}, [2]string{"tracestate", "a=" + hostile},
			[2]string{"X-Forwarded-For", hostile}, [2]string{"Forwarded", "host=" + hostile})
		x.request.Host = hostile + ":80"
		x.fail(200, "code", errors.New(hostile), route("/"+hostile), func(o *lifecycle.Outcome) { o.ResponseFields = x.request.Fields })
		w.to.Record(&lifecycle.RequestFailed{Stamp: w.stamp, Code: "invalid_request_line", Err: errors.New(hostile), Outcome: lifecycle.Outcome{
			Request: &lifecycle.Request{Method: strings.Repeat(hostile, 100), Target: hostile, Host: hostile}, Status: 400,
		}})
		w.close(lifecycle.ReasonComplete)
		spans := received(t, c, s)
		if len(spans) != 3 {
			t.Fatalf("%d spans came with %q, want 3", len(spans), hostile)
		}
		checked := map[string]bool{}
		for _, span := range spans {
			for _, kv := range span.Attributes {
				for _, v := range append(kv.Value.GetArrayValue().GetValues(), kv.Value) {
					checkHostile(t, hostile, kv.Key, v, limit, checked)
				}
			}
		}
		for _, key := range []string{
			"http.request.method_original", "url.path", "url.query", "server.address", "user_agent.original", "http.route",
			"http.request.header.x-a", "http.response.header.x-a",
		} {
			if !checked[key] {
				t.Errorf("%s did not come", key)
			}
		}
	}
}

// checkHostile checks a value that a client determined; those of the server's own choice are longer.
func checkHostile(t *testing.T, hostile, key string, v *commonpb.AnyValue, limit int, checked map[string]bool) {
	t.Helper()
	switch key {
	case "network.transport", "network.local.address", "network.peer.address", "client.address", "wirespan.connection.close_reason",
		"error.type", "http.request.method", "tls.cipher", "wirespan.sampling.reason":
		return
	}
	checked[key] = true
	if text := v.GetStringValue(); !utf8.ValidString(text) || utf8.RuneCountInString(text) > limit {
		t.Errorf("of %q, %s became %q", hostile, key, text)
	}
}
