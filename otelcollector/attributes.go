package otelcollector

import (
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wirespan/wirespan/internal/forwarded"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector/internal/otlp"
)

// maxMethod is the length, in characters, of the longest http.request.method_original: of a head that could not be
// parsed, anything may be the method.
const maxMethod = 64

// appendAttributes appends the attributes of a request span, and its link to the connection.
func (r *requestSpan) appendAttributes(dst []byte) []byte {
	o, c := r.o, r.c
	from := c.origin(o.Fields)
	if c.stray {
		dst = appendIDs(dst, r.stamp)
	} else {
		dst = append(dst, c.constants.request(!from.Client.IsValid())...)
	}
	if from.Client.IsValid() {
		dst = r.text(dst, keyClientAddress, from.Client.String())
	}
	dst = r.appendMethod(dst)
	dst = r.appendURL(dst, &from)
	dst = r.appendVersion(dst)
	if o.Fields != nil {
		if agent := o.Fields.Get("User-Agent"); agent != "" {
			dst = r.text(dst, keyUserAgent, agent)
		}
	}
	limit := c.collector.limits.AttributeValueLengthLimit
	dst = appendCaptured(dst, r.settings.requestHeaders, o.Fields, limit)
	dst = appendCaptured(dst, r.settings.responseHeaders, o.ResponseFields, limit)
	if r.kept != "" {
		dst = keySamplingReason.AppendString(dst, otlp.SpanAttribute, r.kept)
	}
	if r.route != "" {
		dst = r.text(dst, keyRoute, r.route)
	}
	if o.Status != 0 {
		dst = keyStatusCode.AppendInt(dst, otlp.SpanAttribute, int64(o.Status))
		dst = keyResponseBody.AppendInt(dst, otlp.SpanAttribute, o.BytesSent)
	}
	if o.BytesReceived > 0 {
		dst = keyRequestBody.AppendInt(dst, otlp.SpanAttribute, o.BytesReceived)
	}
	if r.errorType != "" {
		dst = keyErrorType.AppendString(dst, otlp.SpanAttribute, r.errorType)
	}
	if o.Streaming {
		dst = keyStreaming.AppendBool(dst, otlp.SpanAttribute, true)
	}
	if o.Index > 0 {
		dst = keyRequestIndex.AppendInt(dst, otlp.SpanAttribute, int64(o.Index))
		dst = keyConnectionReused.AppendBool(dst, otlp.SpanAttribute, o.Index > 1)
	}
	if o.RequestID != "" {
		dst = r.text(dst, keyRequestID, o.RequestID)
	}
	return r.appendPhases(dst)
}

// text appends an attribute whose length somebody else determines.
func (r *requestSpan) text(dst []byte, k *otlp.Key, v string) []byte {
	return k.AppendString(dst, otlp.SpanAttribute, otlp.Truncate(v, r.c.collector.limits.AttributeValueLengthLimit))
}

func (r *requestSpan) appendMethod(dst []byte) []byte {
	if r.method != nil {
		return append(dst, r.method.attr...)
	}
	dst = append(dst, attrMethodOther...)
	if m := r.o.Method; m != "" {
		dst = r.text(dst, keyMethodOriginal, otlp.Truncate(m, maxMethod))
	}
	return dst
}

// appendURL appends what the request was for. The scheme and the host are those of the original request when a
// trusted proxy tells them.
func (r *requestSpan) appendURL(dst []byte, from *forwarded.Origin) []byte {
	o := r.o
	if o.Target != "" {
		path, query := splitTarget(o.Method, o.Target)
		dst = r.text(dst, keyPath, path)
		if query != "" {
			dst = r.text(dst, keyQuery, r.settings.redact(query))
		}
	}
	if r.c.scheme(o.Request, from) == "https" {
		dst = append(dst, attrSchemeHTTPS...)
	} else {
		dst = append(dst, attrSchemeHTTP...)
	}
	host := o.Host
	if from.Host != "" {
		host = from.Host
	}
	if host == "" {
		return dst
	}
	address, port := splitHost(host)
	dst = r.text(dst, keyServerAddress, address)
	if port != 0 {
		dst = keyServerPort.AppendInt(dst, otlp.SpanAttribute, int64(port))
	}
	return dst
}

func (c *connection) scheme(r *lifecycle.Request, from *forwarded.Origin) string {
	switch {
	case from.Scheme != "":
		return from.Scheme
	case r.Scheme != "":
		return r.Scheme
	case c.secure:
		return "https"
	}
	return "http"
}

func (r *requestSpan) appendVersion(dst []byte) []byte {
	switch v := r.o.HTTPVersion; v {
	case "":
		return dst
	case "1.1":
		return append(dst, attrVersion11...)
	case "1.0":
		return append(dst, attrVersion10...)
	default:
		return keyProtocolVersion.AppendString(dst, otlp.SpanAttribute, v)
	}
}

// appendPhases appends the durations of the phases that the request came to, and the age of the connection.
func (r *requestSpan) appendPhases(dst []byte) []byte {
	p := &r.o.Phases
	if p.FirstByte != 0 {
		dst = keyTimestamp.AppendInt(dst, otlp.SpanAttribute, p.FirstByte)
		if accepted := r.c.acceptedNS; accepted != 0 && accepted <= p.FirstByte {
			dst = appendSeconds(dst, keyConnectionAge, time.Duration(p.FirstByte-accepted))
		}
	}
	if p.IdleSince != 0 && p.FirstByte != 0 && p.HeadParsed != 0 && p.HandlerStart != 0 && p.HandlerEnd != 0 && p.LastByte != 0 {
		return allPhases.Append(dst, seconds(p.Idle()), seconds(p.Head()), seconds(p.Queue()), seconds(p.Handler()), seconds(p.Write()))
	}
	return appendSomePhases(dst, p)
}

// allPhases are the attributes of a request that came to its end, as most do.
var allPhases = otlp.NewDoubles(otlp.SpanAttribute, keyIdle, keyHead, keyQueue, keyHandler, keyWrite)

// appendSomePhases is for the others.
func appendSomePhases(dst []byte, p *lifecycle.Phases) []byte {
	if p.IdleSince != 0 && p.FirstByte != 0 {
		dst = appendSeconds(dst, keyIdle, p.Idle())
	}
	if p.FirstByte != 0 && p.HeadParsed != 0 {
		dst = appendSeconds(dst, keyHead, p.Head())
	}
	if p.HeadParsed != 0 && p.HandlerStart != 0 {
		dst = appendSeconds(dst, keyQueue, p.Queue())
	}
	if p.HandlerStart != 0 && p.HandlerEnd != 0 {
		dst = appendSeconds(dst, keyHandler, p.Handler())
	}
	if p.HandlerEnd != 0 && p.LastByte != 0 {
		dst = appendSeconds(dst, keyWrite, p.Write())
	}
	return dst
}

func appendSeconds(dst []byte, k *otlp.Key, d time.Duration) []byte {
	return k.AppendDouble(dst, otlp.SpanAttribute, seconds(d))
}

// seconds is d.Seconds() in one division.
func seconds(d time.Duration) float64 { return float64(d) / float64(time.Second) }

// samplingAttributes are the name and the attributes that the conventions want a sampler to see. They may be kept.
func (c *connection) samplingAttributes(s *settings, r *lifecycle.Request) (name string, attrs []attribute.KeyValue) {
	from := c.origin(r.Fields)
	add := func(k *otlp.Key, v string) {
		if v != "" {
			attrs = append(attrs, attribute.String(k.Name(), cloned(v)))
		}
	}
	method := methodOther
	name = nameOther
	if m := c.collector.method(r.Method); m != nil {
		method, name = m.name, m.name
	}
	add(keyMethod, method)
	path, query := splitTarget(r.Method, r.Target)
	add(keyPath, path)
	add(keyQuery, s.redact(query))
	add(keyScheme, c.scheme(r, &from))
	host := r.Host
	if from.Host != "" {
		host = from.Host
	}
	address, port := splitHost(host)
	add(keyServerAddress, address)
	if port != 0 {
		attrs = append(attrs, attribute.Int(keyServerPort.Name(), port))
	}
	if from.Client.IsValid() {
		add(keyClientAddress, from.Client.String())
	}
	add(keyUserAgent, r.Header("User-Agent"))
	return name, append(attrs, capturedAttributes(s.requestHeaders, r.Fields)...)
}

// cloned copies a string of an event, so that it may be kept.
func cloned(s string) string { return strings.Clone(s) }
