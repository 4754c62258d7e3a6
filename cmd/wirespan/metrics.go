package main

import (
	"errors"
	"fmt"
	"strings"
)

// metricOutlets are where metrics go, as --metrics has it. Wherever they go, the admin port has them as well.
type metricOutlets struct {
	auto       bool // let OTEL_METRICS_EXPORTER, or else the presence of an endpoint and an admin port, decide
	otlp       bool
	prometheus bool
}

// parseMetrics takes auto, none, or one or both of otlp and prometheus.
func parseMetrics(s string) (metricOutlets, error) {
	switch s {
	case "auto":
		return metricOutlets{auto: true}, nil
	case "none":
		return metricOutlets{}, nil
	}
	var o metricOutlets
	for item := range strings.SplitSeq(s, ",") {
		switch strings.TrimSpace(item) {
		case "otlp":
			o.otlp = true
		case "prometheus":
			o.prometheus = true
		default:
			return o, errors.New("use auto, otlp, prometheus, none, or otlp,prometheus")
		}
	}
	return o, nil
}

// metricDestination is what came of [metricOutlets] and the environment.
type metricDestination struct {
	page bool // /metrics of the admin port
	otlp *otlpTarget
	why  string // there are none
}

// made reports whether anything is counted at all.
func (d *metricDestination) made() bool { return d.page || d.otlp != nil }

// resolve decides where metrics go. An endpoint of all signals may be that of a receiver of traces alone, such as Jaeger, so
// left to itself OTLP takes one for metrics.
func (o metricOutlets) resolve(env environment, admin bool) (metricDestination, error) {
	if strings.EqualFold(env.get("OTEL_SDK_DISABLED"), "true") {
		return metricDestination{why: "OTEL_SDK_DISABLED is true"}, nil
	}
	target, err := otlpFromEnvironment(env, signalMetrics)
	if err != nil {
		return metricDestination{}, err
	}
	given := "--metrics"
	if name, text := env.first("OTEL_METRICS_EXPORTER"); o.auto && text != "" {
		if o, err = parseMetrics(text); err != nil || o.auto {
			return metricDestination{}, usagef("%s %q is not allowed: use otlp, prometheus, none, or otlp,prometheus", name, text)
		}
		given = name
	}
	switch {
	case o.auto:
		o.otlp = target.endpointVariable == signalMetrics.endpointVariable()
		o.prometheus = admin
	case o == metricOutlets{}:
		return metricDestination{why: "they are switched off (" + given + " none)"}, nil
	case o.prometheus && !admin:
		return metricDestination{}, usagef("%s prometheus needs the admin port, which answers /metrics: give --admin (WIRESPAN_ADMIN) an address", given)
	}
	d := metricDestination{page: admin}
	if o.otlp {
		d.otlp = &target
	}
	if !d.made() {
		d.why = "there is no admin port, and OTEL_METRICS_EXPORTER does not name otlp"
	}
	return d, nil
}

// describe says in words where metrics go.
func (d *metricDestination) describe(admin string) string {
	var places []string
	if d.page {
		places = append(places, admin+metricsPath)
	}
	if d.otlp != nil {
		places = append(places, fmt.Sprintf("%s (%s)", d.otlp, d.otlp.protocol))
	}
	if places == nil {
		return "none: " + d.why
	}
	return strings.Join(places, ", ")
}
