package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wirespan/wirespan/otelcollector"
)

// registerSettings adds a flag for each setting of the traces that may change while the server runs.
func registerSettings(fs *pflag.FlagSet, s *otelcollector.Settings) {
	setting(fs, &s.Sampler, "sampler", "", "name", "which requests are traced, such as parentbased_traceidratio=0.1; else OTEL_TRACES_SAMPLER says it", parseSampler)
	switchSetting(fs, &s.KeepErrors, "keep-errors", "send the spans of failed requests, although they are not sampled")
	setting(fs, &s.KeepSlowerThan, "keep-slower-than", "", "duration", "send the spans of requests that take longer, although they are not sampled", parseSlower)
	setting(fs, &s.IgnorePaths, "ignore-paths", "", "list", "paths that are not traced, such as /healthz,/internal/*", listOf(checkIgnored))
	setting(fs, &s.CaptureRequestHeaders, "capture-request-headers", "", "list", "header fields of requests that become attributes, secrets too if named", listOf(checkHeaders))
	setting(fs, &s.CaptureResponseHeaders, "capture-response-headers", "", "list", "header fields of responses that become attributes, secrets too if named", listOf(checkHeaders))
	setting(fs, &s.SensitiveQueryParameters, "sensitive-query-parameters", "", "list", "query parameters that are redacted, instead of those of the conventions", listOf(checkParameters))
}

// liveSetting is a setting by its name in JSON: a field of the settings file, and of what the admin port takes and gives.
type liveSetting struct {
	name string
	set  func(*otelcollector.Settings, json.RawMessage) error
	get  func(*otelcollector.Settings) any
}

var liveSettings = []liveSetting{
	{
		"sampler",
		fromJSON(func(s *otelcollector.Settings) *sdktrace.Sampler { return &s.Sampler }, "text such as \"parentbased_traceidratio=0.1\"", parseSampler),
		func(s *otelcollector.Settings) any { return otelcollector.SamplerName(s.Sampler) },
	},
	{
		"keep_errors",
		fromJSON(func(s *otelcollector.Settings) *bool { return &s.KeepErrors }, "true or false", func(b bool) (bool, error) { return b, nil }),
		func(s *otelcollector.Settings) any { return s.KeepErrors },
	},
	{
		"keep_slower_than",
		fromJSON(func(s *otelcollector.Settings) *time.Duration { return &s.KeepSlowerThan }, "text such as \"500ms\", or \"0s\" to keep none", parseSlower),
		func(s *otelcollector.Settings) any { return s.KeepSlowerThan.String() },
	},
	liveList("ignore_paths", func(s *otelcollector.Settings) *[]string { return &s.IgnorePaths }, checkIgnored),
	liveList("capture_request_headers", func(s *otelcollector.Settings) *[]string { return &s.CaptureRequestHeaders }, checkHeaders),
	liveList("capture_response_headers", func(s *otelcollector.Settings) *[]string { return &s.CaptureResponseHeaders }, checkHeaders),
	liveList("sensitive_query_parameters", func(s *otelcollector.Settings) *[]string { return &s.SensitiveQueryParameters }, checkParameters),
}

func liveList(name string, field func(*otelcollector.Settings) *[]string, check func([]string) error) liveSetting {
	return liveSetting{
		name,
		fromJSON(field, "a list of texts", func(list []string) ([]string, error) { return list, check(list) }),
		func(s *otelcollector.Settings) any { return append([]string{}, *field(s)...) }, // never null
	}
}

// fromJSON returns what sets a field from JSON of the form J, which allowed describes.
func fromJSON[J, T any](field func(*otelcollector.Settings) *T, allowed string, parse func(J) (T, error)) func(*otelcollector.Settings, json.RawMessage) error {
	return func(s *otelcollector.Settings, text json.RawMessage) error {
		var j *J // null leaves it nil
		if err := json.Unmarshal(text, &j); err != nil || j == nil {
			return errors.New("use " + allowed)
		}
		t, err := parse(*j)
		if err != nil {
			return err
		}
		*field(s) = t
		return nil
	}
}

// mergeSettings returns s with the fields of a JSON object in place of its own.
func mergeSettings(s otelcollector.Settings, text []byte) (otelcollector.Settings, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		return s, fmt.Errorf("it is not a JSON object such as {\"keep_errors\": true}%s", position(err))
	}
	for _, l := range liveSettings {
		value, ok := object[l.name]
		if !ok {
			continue
		}
		if err := l.set(&s, value); err != nil {
			return s, fmt.Errorf("%s %.200s is not allowed: %w", l.name, value, err)
		}
		delete(object, l.name)
	}
	for _, unknown := range slices.Sorted(maps.Keys(object)) {
		return s, fmt.Errorf("%.200q is not a setting: use %s", unknown, settingNames())
	}
	return s, nil
}

// position says where JSON ceased to be JSON.
func position(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf(": %v at byte %d", syntax, syntax.Offset)
	}
	return ""
}

func settingNames() string {
	var names []string
	for _, l := range liveSettings {
		names = append(names, l.name)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// settingsJSON returns all of s as mergeSettings takes it.
func settingsJSON(s otelcollector.Settings) []byte {
	object := map[string]any{}
	for _, l := range liveSettings {
		object[l.name] = l.get(&s)
	}
	text, err := json.MarshalIndent(object, "", "  ")
	if err != nil {
		panic(err) // texts, numbers and lists of them
	}
	return append(text, '\n')
}

// readSettings returns s with what the settings file says in its place.
func readSettings(s otelcollector.Settings, file string) (otelcollector.Settings, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return s, err
	}
	return mergeSettings(s, text)
}

func parseSampler(text string) (sdktrace.Sampler, error) {
	s, err := otelcollector.ParseSampler(text)
	return s, allowed(err)
}

func parseSlower(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errors.New("use a duration such as 500ms or 2s, or 0s to keep none")
	}
	return d, nil
}

func checkIgnored(list []string) error {
	return allowed(otelcollector.Settings{IgnorePaths: list}.Validate())
}

func checkHeaders(list []string) error {
	return allowed(otelcollector.Settings{CaptureRequestHeaders: list}.Validate())
}

func checkParameters(list []string) error {
	return allowed(otelcollector.Settings{SensitiveQueryParameters: list}.Validate())
}

// allowed turns the error of a setting into what a refusal says after the setting and its value.
func allowed(err error) error {
	var e *otelcollector.SettingError
	if errors.As(err, &e) {
		return errors.New("use " + e.Allowed)
	}
	return err
}

// listOf returns a parser for a list with commas.
func listOf(check func([]string) error) func(string) ([]string, error) {
	return func(text string) ([]string, error) {
		list := []string{}
		if text != "" {
			list = strings.Split(text, ",")
		}
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		return list, check(list)
	}
}
