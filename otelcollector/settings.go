package otelcollector

import (
	"slices"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Settings are the part of a [Config] that may change while the Collector runs; see [Collector.Reconfigure]. The zero
// value is the default of each.
type Settings struct {
	// Sampler decides for each request and each connection, before it is known how they end. The samplers of package
	// sdktrace are decided without calling them, and so without an allocation. A RecordOnly decision counts as Drop:
	// no processor is there to see such a span. nil follows OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG, and
	// samples everything that its caller did not decide against when they are not set either.
	Sampler sdktrace.Sampler

	// KeepErrors exports the span of a request that failed, although it was not sampled: one whose status is Error or that
	// has an error.type, and a head that could not be parsed. It says so by the attribute wirespan.sampling.reason,
	// "error", and its connection is exported with it. Its trace-flags stay "not sampled", since that is what the
	// caller and everything below the request was told: spans of theirs may be missing in the trace.
	KeepErrors bool

	// KeepSlowerThan exports the span of a request that took longer, in the same way; its reason is "slow". Of a streamed
	// response or a tunnel only the time to the first byte counts. 0 keeps no slow requests.
	KeepSlowerThan time.Duration

	// IgnorePaths are the paths whose requests are not traced, such as those of health checks: "/healthz" is that path,
	// "/internal/*" all that begin with /internal/. They are compared with the path as it was sent, without the query; one
	// in which a star stands for ".." or "%" is traced, because it may lead elsewhere. An ignored request has no span and no
	// ids, however it ends; its handler's context has the span of its caller. A connection with no other requests has no
	// span either.
	IgnorePaths []string

	// CaptureRequestHeaders and CaptureResponseHeaders are the header fields that become attributes of the request span:
	// X-Request-Id is http.request.header.x-request-id, an array with the value of each line. Nothing is captured that is
	// not named here. What is named is exported as it is: Authorization, Proxy-Authorization, Cookie and Set-Cookie too,
	// which hold secrets.
	CaptureRequestHeaders, CaptureResponseHeaders []string

	// SensitiveQueryParameters are the query parameters whose value is replaced by REDACTED in url.query; the name stays.
	// Names are compared as they were sent, and by case. nil takes those of the conventions: X-Amz-Signature,
	// X-Amz-Credential, X-Amz-Security-Token, AWSAccessKeyId, Signature, sig and X-Goog-Signature. A list that is empty
	// but not nil leaves every value as it was sent.
	SensitiveQueryParameters []string
}

// SettingError is the error for a value in [Settings] that makes no sense.
type SettingError struct {
	// Setting is the name of the field of Settings.
	Setting string
	// Value is what is not allowed: of a list, the one element.
	Value string
	// Allowed says what is, in words that follow "has to be".
	Allowed string
}

// Error implements error.
func (e *SettingError) Error() string { return wrong(e.Setting, e.Value, e.Allowed).Error() }

// Validate returns a [*SettingError] for the first value that makes no sense, else nil. [New] and
// [Collector.Reconfigure] do it themselves.
func (s Settings) Validate() error {
	_, err := s.compile()
	return err
}

// Settings returns the settings in force, with what they have taken from the environment and from the conventions in
// place of nil.
func (c *Collector) Settings() Settings { return c.inForce.Load().of.clone() }

// Reconfigure replaces the settings, all of them: to change one, change what [Collector.Settings] returns. Every event
// after it follows them, on open connections too; a request under way keeps the decision that its sampler has made. An
// error is a [*SettingError], or is about a variable of the environment, and leaves the settings as they were.
func (c *Collector) Reconfigure(s Settings) error {
	if own, ok := s.Sampler.(follower); ok && own.collector == c {
		s.Sampler = c.inForce.Load().of.Sampler // which it stands for
	}
	next, err := c.settingsOf(s)
	if err != nil {
		return err
	}
	c.inForce.Store(next)
	return nil
}

// settings are Settings in the form that events need. They do not change; others take their place.
type settings struct {
	of              Settings
	sampler         sampler
	ignored         pathFilter
	requestHeaders  []capture
	responseHeaders []capture
}

// settingsOf completes s and checks it.
func (c *Collector) settingsOf(s Settings) (_ *settings, err error) {
	switch {
	case c.provided != nil:
		err = s.checkProvided()
	case s.Sampler == nil:
		s.Sampler, err = samplerFromEnv()
	}
	if err != nil {
		return nil, err
	}
	if s.SensitiveQueryParameters == nil {
		s.SensitiveQueryParameters = conventionSecrets
	}
	return s.clone().compile()
}

// compile returns what events need of s. It leaves out the sampler when that is nil.
func (s Settings) compile() (c *settings, err error) {
	c = &settings{of: s}
	if s.Sampler != nil {
		c.sampler = newSampler(s.Sampler)
	}
	if err := checkSlow(s.KeepSlowerThan); err != nil {
		return nil, err
	}
	if c.ignored, err = newPathFilter(s.IgnorePaths); err != nil {
		return nil, err
	}
	if c.requestHeaders, err = newCaptures("CaptureRequestHeaders", prefixRequestHeader, s.CaptureRequestHeaders); err != nil {
		return nil, err
	}
	if c.responseHeaders, err = newCaptures("CaptureResponseHeaders", prefixResponseHeader, s.CaptureResponseHeaders); err != nil {
		return nil, err
	}
	return c, checkSecrets(s.SensitiveQueryParameters)
}

// clone copies what could be changed from outside.
func (s Settings) clone() Settings {
	for _, list := range []*[]string{&s.IgnorePaths, &s.CaptureRequestHeaders, &s.CaptureResponseHeaders, &s.SensitiveQueryParameters} {
		*list = slices.Clone(*list)
	}
	return s
}
