package otelcollector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/internal/forwarded"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// Collector is a [lifecycle.Collector] that makes spans of events and exports them. Make one with [New] and give it to
// one or more servers; who made it shuts it down, after the servers. In a [lifecycle.Tee] it comes first, so that the
// others find the trace id in the request. All methods may be called from any goroutine.
type Collector struct {
	disabled   bool // OTEL_SDK_DISABLED
	resource   *resource.Resource
	inForce    atomic.Pointer[settings] // loaded once for an event
	propagator propagator
	methods    []knownMethod
	trusted    forwarded.Proxies
	limits     sdktrace.SpanLimits

	pipeline *pipeline   // nil when nothing is exported
	provided *provided   // nil without Config.TracerProvider
	stray    *connection // stands in for connections that were not opened here
	provider func() trace.TracerProvider
}

var _ lifecycle.ConnectionCollector = (*Collector)(nil)

// New returns a Collector that runs until [Collector.Shutdown]. ctx is for the start only. An error says which variable
// or field makes no sense, and what would.
//
// With OTEL_SDK_DISABLED=true the Collector makes no spans; it still passes the caller's span and baggage on to
// handlers.
func New(ctx context.Context, cfg Config) (*Collector, error) {
	if cfg.TracerProvider != nil {
		return newProvided(&cfg)
	}
	cfg = cfg.withDefaults()
	c := &Collector{
		disabled: isDisabled(),
		methods:  knownMethods(cfg.KnownMethods),
		trusted:  slices.Clone(cfg.TrustedProxies),
	}
	c.provider = sync.OnceValue(c.newProvider)
	var err error
	if c.limits, err = limitsFromEnv(); err != nil {
		return nil, err
	}
	if c.resource, err = resourceOf(ctx, &cfg); err != nil {
		return nil, err
	}
	if err := c.Reconfigure(cfg.Settings); err != nil {
		return nil, err
	}
	if c.propagator, err = propagatorOf(&cfg); err != nil {
		return nil, err
	}
	if err := c.start(ctx, &cfg); err != nil {
		return nil, err
	}
	c.stray = &connection{collector: c, stray: true}
	if c.pipeline != nil {
		c.stray.shard = c.pipeline.worker(0)
	}
	return c, nil
}

func propagatorOf(cfg *Config) (propagator, error) {
	p := cfg.Propagator
	if p == nil {
		var err error
		if p, err = propagatorFromEnv(); err != nil {
			return propagator{}, err
		}
	}
	return newPropagator(p), nil
}

// start makes the pipeline, unless nothing is to be exported.
func (c *Collector) start(ctx context.Context, cfg *Config) error {
	if c.disabled || cfg.NoExport {
		return nil
	}
	client, err := clientOf(cfg)
	if client == nil || err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return fmt.Errorf("otelcollector: start client: %w", err)
	}
	if c.pipeline, err = newPipeline(client, newResource(c.resource), c.resource.SchemaURL(), cfg); err != nil {
		return errors.Join(err, client.Stop(ctx))
	}
	return nil
}

// clientOf returns nil when the environment says not to export.
func clientOf(cfg *Config) (otlptrace.Client, error) {
	if cfg.Client != nil {
		return cfg.Client, nil
	}
	if export, err := exporterFromEnv(); !export || err != nil {
		return nil, err
	}
	return clientFromEnv(cfg.Hooks)
}

func (cfg Config) withDefaults() Config {
	if cfg.MaxQueueBytes <= 0 {
		cfg.MaxQueueBytes = defaultMaxQueueBytes
	}
	if cfg.FlushInterval <= 0 {
		cfg.FlushInterval = defaultFlushInterval
	}
	cfg.Hooks = instrument.Guard(cfg.Hooks, nil)
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = otel.GetMeterProvider()
	}
	if cfg.ErrorHandler == nil {
		cfg.ErrorHandler = otel.Handle
	}
	return cfg
}

// OpenConnection implements [lifecycle.ConnectionCollector]. What it returns is a [lifecycle.ContextProvider].
func (c *Collector) OpenConnection(e *lifecycle.ConnectionOpened) lifecycle.Collector {
	if c.disabled {
		return passOn{&c.propagator}
	}
	if c.provided != nil {
		return c.openProvided(e)
	}
	return c.open(e)
}

// Record implements [lifecycle.Collector], for events that belong to no open connection. The events of a connection
// that was not opened with OpenConnection become request spans without a connection span and without a live span for
// the handler.
func (c *Collector) Record(e lifecycle.Event) {
	if c.disabled {
		return
	}
	if c.provided != nil {
		c.recordProvided(e)
		return
	}
	switch e := e.(type) {
	case *lifecycle.ConnectionRejected:
		c.rejected(e)
	case *lifecycle.TLSHandshakeFailed:
		c.handshakeFailed(e)
	default:
		c.stray.Record(e)
	}
}

// ForceFlush sends all spans that ended before the call. It returns when each was exported or dropped, or is in the spool
// because it cannot be sent now, or with an error when ctx ends first. With [Config.TracerProvider] it calls the provider's
// ForceFlush, if that has one.
func (c *Collector) ForceFlush(ctx context.Context) error {
	if c.provided != nil {
		return c.provided.flush(ctx)
	}
	if c.pipeline == nil {
		return nil
	}
	return c.pipeline.flush(ctx)
}

// Shutdown sends what is left, ends all goroutines and stops the client. With a spool, what cannot be sent until shortly
// before ctx ends stays there for the next Collector, and the error matches [ErrSpooled]. Without one, it is tried a few
// times more and given up when ctx ends; an error says how many spans that were. Later calls wait for the first and
// return its error. Spans that end after Shutdown are dropped and counted.
//
// With [Config.TracerProvider] it is a ForceFlush: who made the provider shuts it down.
func (c *Collector) Shutdown(ctx context.Context) error {
	if c.provided != nil {
		return c.provided.flush(ctx)
	}
	if c.pipeline == nil {
		return nil
	}
	return c.pipeline.shutdown(ctx)
}

// Receiver returns how it stands with the receiver. Without an exporter it is the zero value.
func (c *Collector) Receiver() Receiver {
	if c.pipeline == nil {
		return Receiver{}
	}
	return c.pipeline.receiver.report()
}

// Stats returns the accounts of all spans so far, all read at the same moment. Without an exporter they are zero, and with
// [Config.TracerProvider] as well: its own processors know.
func (c *Collector) Stats() Stats {
	if c.pipeline == nil {
		return Stats{}
	}
	s, _ := c.pipeline.accounts()
	return s
}

// Resource returns the resource of the spans, for an application that configures an SDK of its own. It is nil with
// [Config.TracerProvider], whose resource the spans carry.
func (c *Collector) Resource() *resource.Resource { return c.resource }

// Propagator returns the propagator, for a client that passes the trace on.
func (c *Collector) Propagator() propagation.TextMapPropagator { return c.propagator.all }

// Sampler returns a sampler that decides as that of the settings in force, also when they have changed since: for an
// application that configures an SDK of its own. It is nil with [Config.TracerProvider], whose own decides.
func (c *Collector) Sampler() sdktrace.Sampler {
	if c.provided != nil {
		return nil
	}
	return follower{c}
}

// newProvider makes what a live span returns as its TracerProvider.
func (c *Collector) newProvider() trace.TracerProvider {
	return sdktrace.NewTracerProvider(
		sdktrace.WithResource(c.resource),
		sdktrace.WithSampler(c.Sampler()),
		sdktrace.WithSpanProcessor(c.SpanProcessor()),
	)
}

// passOn is what remains of a disabled Collector.
type passOn struct{ propagator *propagator }

var _ lifecycle.ContextProvider = passOn{}

// Record implements [lifecycle.Collector].
func (passOn) Record(lifecycle.Event) {}

// Context implements [lifecycle.ContextProvider].
func (p passOn) Context(parent context.Context, e *lifecycle.RequestStarted) context.Context {
	return p.propagator.context(parent, e.Request)
}
