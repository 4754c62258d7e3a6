package otelmetrics

import (
	"os"
	"strings"
)

// Config configures a [Collector]. The zero value is ready to use.
type Config struct {
	// KnownMethods are the methods that become http.request.method; every other one becomes "_OTHER". They are
	// case-sensitive. nil takes the comma-separated list in OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS, else the
	// conventions' own.
	KnownMethods []string

	// MaxSeries bounds the sets of attributes that a metric may have. Beyond it, requests and connections with new ones are
	// counted in one more, which has otel.metric.overflow alone. 0: 2000, as in the SDK.
	MaxSeries int

	// Backlog, if not nil, returns how many connections wait to be accepted, such as httpcore's Server.Backlog; it becomes the
	// wirespan.connection.count of the state queued. A negative one means that nobody knows. It is called when metrics are
	// collected, from any goroutine.
	Backlog func() int
}

const (
	defaultMaxSeries = 2000

	// envKnownMethods is the variable that the conventions demand where methods are told apart.
	envKnownMethods = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"
	// envExemplars is the specification's: always_off makes none.
	envExemplars = "OTEL_METRICS_EXEMPLAR_FILTER"
)

func (cfg Config) withDefaults() Config {
	if cfg.MaxSeries <= 0 {
		cfg.MaxSeries = defaultMaxSeries
	}
	if cfg.KnownMethods == nil {
		cfg.KnownMethods = conventionMethods
		if list := os.Getenv(envKnownMethods); list != "" {
			cfg.KnownMethods = strings.Split(list, ",")
		}
	}
	return cfg
}

// conventionMethods are the methods of RFC 9110, PATCH and QUERY; the commonest first.
var conventionMethods = []string{"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "CONNECT", "TRACE", "QUERY"}

func trimmed(names []string) []string {
	var list []string
	for _, n := range names {
		if n = strings.TrimSpace(n); n != "" {
			list = append(list, n)
		}
	}
	return list
}
