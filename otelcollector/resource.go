package otelcollector

import (
	"context"
	"fmt"
	"os"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

const (
	serviceName       = attribute.Key("service.name")
	serviceInstanceID = attribute.Key("service.instance.id")
)

// resourceOf returns the resource of the spans.
func resourceOf(ctx context.Context, cfg *Config) (*resource.Resource, error) {
	r := cfg.Resource
	if r == nil {
		var err error
		if r, err = resourceFromEnv(ctx); err != nil {
			return nil, err
		}
	}
	if cfg.ServiceName == "" {
		return r, nil
	}
	r, err := resource.Merge(r, resource.NewSchemaless(serviceName.String(cfg.ServiceName)))
	if err != nil {
		return nil, fmt.Errorf("otelcollector: resource: %w", err)
	}
	return r, nil
}

func resourceFromEnv(ctx context.Context) (*resource.Resource, error) {
	r, err := resource.New(ctx,
		resource.WithAttributes(serviceName.String(defaultServiceName), serviceInstanceID.String(uuid.NewString())),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", wrong(envResource, os.Getenv(envResource), "a list such as key=value,key=value"), err)
	}
	return r, nil
}
