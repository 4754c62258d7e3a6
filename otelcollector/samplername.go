package otelcollector

import (
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// What samplerNamed does not know, and what is allowed.
var (
	errSamplerName  = errors.New("always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or parentbased_traceidratio")
	errSamplerRatio = errors.New("a number from 0 to 1")
)

// samplerNamed returns the sampler of OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG.
func samplerNamed(name, arg string) (s sdktrace.Sampler, err error) {
	root, parentBased := strings.CutPrefix(strings.ToLower(name), "parentbased_")
	switch root {
	case "always_on":
		s = sdktrace.AlwaysSample()
	case "always_off":
		s = sdktrace.NeverSample()
	case "traceidratio":
		ratio := 1.0
		if arg != "" {
			if ratio, err = strconv.ParseFloat(arg, 64); err != nil || math.IsNaN(ratio) || ratio < 0 || ratio > 1 {
				return nil, errSamplerRatio
			}
		}
		s = sdktrace.TraceIDRatioBased(ratio)
	default:
		return nil, errSamplerName
	}
	if parentBased {
		s = sdktrace.ParentBased(s)
	}
	return s, nil
}

const samplerTexts = "always_on, always_off, traceidratio=RATIO, parentbased_always_on, parentbased_always_off or " +
	"parentbased_traceidratio=RATIO, with a ratio from 0 to 1"

// ParseSampler returns the sampler with a name of OTEL_TRACES_SAMPLER. The ratio of traceidratio and
// parentbased_traceidratio, from 0 to 1, comes after an equals sign: "parentbased_traceidratio=0.1". Without it, it is 1.
// An error is a [*SettingError].
func ParseSampler(text string) (sdktrace.Sampler, error) {
	name, arg, hasArg := strings.Cut(text, "=")
	s, err := samplerNamed(name, arg)
	if err != nil || hasArg && (arg == "" || !strings.HasSuffix(strings.ToLower(name), "traceidratio")) {
		return nil, &SettingError{"Sampler", text, samplerTexts}
	}
	return s, nil
}

// SamplerName returns the text from which [ParseSampler] makes s; of another sampler, its description.
func SamplerName(s sdktrace.Sampler) string {
	d := s.Description()
	prefix := ""
	if root, ok := strings.CutPrefix(d, "ParentBased{root:"); ok {
		root, _, _ = strings.Cut(root, ",remoteParentSampled:")
		prefix, d = "parentbased_", root
	}
	switch ratio, isRatio := strings.CutPrefix(d, "TraceIDRatioBased{"); {
	case isRatio:
		d = "traceidratio=" + strings.TrimSuffix(ratio, "}")
	case d == sdktrace.AlwaysSample().Description():
		d = "always_on"
	case d == sdktrace.NeverSample().Description():
		d = "always_off"
	}
	if like, err := ParseSampler(prefix + d); err != nil || !reflect.DeepEqual(like, s) {
		return s.Description()
	}
	return prefix + d
}
