// Package otelmetrics makes OpenTelemetry metrics of lifecycle events.
//
//	metrics := otelmetrics.New(otelmetrics.Config{})
//	exporter, err := otlpmetrichttp.New(ctx)
//	reader := sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(metrics))
//	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
//	server := &httpcore.Server{Handler: mux, Collector: lifecycle.Tee(spans, metrics)}
//
// A [Collector] is both ends: a [lifecycle.Collector] that counts, and an [sdkmetric.Producer] that a reader of the SDK asks
// for the counts when it collects, the Prometheus exporter's as well. Between the two there is no instrument: a request
// takes an uncontended lock of its worker twice, and allocates nothing.
//
// # Metrics
//
// By the semantic conventions for HTTP servers, v1.43:
//
//	http.server.request.duration     s           histogram
//	http.server.request.body.size    By          histogram
//	http.server.response.body.size   By          histogram, of requests that were answered
//	http.server.active_requests      {request}   up-down counter
//
// and of connections, for which the conventions have none, after those of Kestrel:
//
//	wirespan.connection.duration     s             histogram
//	wirespan.connection.count        {connection}  up-down counter, by wirespan.connection.state: idle, active, upgraded, queued
//	wirespan.connection.rejected     {connection}  counter
//	wirespan.tls_handshake.duration  s             histogram
//
// A request takes as long as its span: from the first byte of its head to the last byte of its response handed to the kernel.
// One that took its connection over (101 Switching Protocols, CONNECT) lasts until its response began: the rest is in
// wirespan.connection.duration. One whose response was streamed has wirespan.request.streaming, so that it can be
// left out where durations are to say how fast the server is.
//
// Each bucket of http.server.request.duration has an exemplar: the trace of the last sampled request in it. For that the
// collector that starts the spans comes first in the [lifecycle.Tee]. OTEL_METRICS_EXEMPLAR_FILTER=always_off makes none.
//
// # Attributes
//
// None has a value that a client can choose freely. An http.request.method that is not known is _OTHER; http.route is the
// pattern of the server's own router; error.type is the code of [lifecycle.RequestFailed], client_disconnect, or the status of
// a response from 500 on, as on the span; url.scheme is that of the connection. There is no server.address, which a client
// chooses by its Host, and no address of a client. What a handler does to its span, such as giving it another route or the
// status Ok, is not known here. Where an application has more routes than it should, what is beyond [Config.MaxSeries] is
// counted together, with otel.metric.overflow.
//
// # Limits
//
// What a Producer makes is cumulative, whatever temporality an exporter prefers, and the views of a MeterProvider do not
// apply to it.
package otelmetrics
