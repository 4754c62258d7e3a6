// Package otlp encodes spans in the wire format of OTLP, opentelemetry.proto.trace.v1.Span, by appending to a buffer.
//
// It makes no object of a span, and does not allocate unless the buffer has to grow:
//
//	dst, span := otlp.Open(dst, otlp.ScopeSpansSpan)
//	dst = otlp.AppendHead(dst, &head)
//	dst = path.AppendString(dst, otlp.SpanAttribute, "/users/42")
//	dst = otlp.AppendStatus(dst, otlp.StatusError, "")
//	dst = otlp.Close(dst, span)
//
// The fields of a protobuf message may come in any order, and here they do. Two things the format is strict about are
// kept by every function: lengths are in the shortest form, and a string is valid UTF-8, because receivers refuse a whole
// request for one that is not. What is not valid becomes U+FFFD, as [strings.ToValidUTF8] does it.
package otlp
