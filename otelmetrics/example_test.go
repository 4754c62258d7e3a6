package otelmetrics_test

import (
	"context"
	"log"
	"net/http"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/otelcollector"
	"github.com/wirespan/wirespan/otelmetrics"
)

// Traces and metrics of one server, over OTLP, as the variables of OpenTelemetry say.
func Example() {
	ctx := context.Background()
	spans, err := otelcollector.New(ctx, otelcollector.Config{})
	if err != nil {
		log.Fatal(err)
	}
	server := &httpcore.Server{Addr: ":8080", Handler: http.NotFoundHandler()}
	metrics := otelmetrics.New(otelmetrics.Config{Backlog: server.Backlog})
	server.Collector = lifecycle.Tee(spans, metrics) // the spans first: exemplars name them

	exporter, err := otlpmetrichttp.New(ctx)
	if err != nil {
		log.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithResource(spans.Resource()),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(metrics))),
	)
	log.Print(server.ListenAndServe())
	for _, end := range []func(context.Context) error{provider.Shutdown, spans.Shutdown} {
		if err := end(ctx); err != nil {
			log.Print(err)
		}
	}
}
