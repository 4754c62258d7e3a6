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
		if r, err = NewResource(ctx); err != nil {
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

// NewResource returns the resource that a Config without one gets, for an application whose metrics and logs are to carry the
// same: the attributes of OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME, telemetry.sdk.*, and a service.instance.id that is
// another one each time. An error says that OTEL_RESOURCE_ATTRIBUTES makes no sense.
func NewResource(ctx context.Context) (*resource.Resource, error) {
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
