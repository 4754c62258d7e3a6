package main

import (
	"errors"
	"strings"
)

// outlets are where traces go, as --traces has it.
type outlets struct {
	auto    bool // let OTEL_TRACES_EXPORTER, or else the presence of an endpoint and a terminal, decide
	otlp    bool
	console bool
}

// parseTraces takes auto, none, or one or both of otlp and console.
func parseTraces(s string) (outlets, error) {
	switch s {
	case "auto":
		return outlets{auto: true}, nil
	case "none":
		return outlets{}, nil
	}
	var o outlets
	for item := range strings.SplitSeq(s, ",") {
		switch strings.TrimSpace(item) {
		case "otlp":
			o.otlp = true
		case "console":
			o.console = true
		default:
			return o, errors.New("use auto, otlp, console, none, or otlp,console")
		}
	}
	return o, nil
}

// destination is what came of an [outlets] and the environment.
type destination struct {
	made    bool // spans are made at all
	console bool // a line a request on standard output
	otlp    *otlpTarget
	missing bool // no endpoint is configured
	why     string
}

// resolve decides where traces go.
func (o outlets) resolve(env environment, terminal bool) (destination, error) {
	if strings.EqualFold(env.get("OTEL_SDK_DISABLED"), "true") {
		return destination{console: o.console, why: "OTEL_SDK_DISABLED is true"}, nil
	}
	target, err := otlpFromEnvironment(env, signalTraces)
	if err != nil {
		return destination{}, err
	}
	if name, text := env.first("OTEL_TRACES_EXPORTER"); o.auto && text != "" {
		if o, err = parseTraces(text); err != nil || o.auto {
			return destination{}, usagef("%s %q is not allowed: use otlp, console, none, or otlp,console", name, text)
		}
		if o == (outlets{}) {
			return destination{why: "OTEL_TRACES_EXPORTER is none"}, nil
		}
	}
	if o == (outlets{}) {
		return destination{why: "they are switched off (--traces none)"}, nil
	}
	d := destination{made: true, console: o.console, missing: !target.configured()}
	if o.auto {
		d.console = d.missing && terminal
	}
	if o.otlp || o.auto && !d.missing {
		d.otlp = &target
	}
	return d, nil
}
