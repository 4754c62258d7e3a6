package otelcollector

import (
	"slices"
	"strings"
)

// redacted takes the place of a value that must not be stored.
const redacted = "REDACTED"

// conventionSecrets are the query parameters whose values the conventions have redacted.
var conventionSecrets = []string{
	"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature",
}

// checkSecrets refuses a name that no query parameter can have.
func checkSecrets(names []string) error {
	for _, n := range names {
		if n == "" || strings.ContainsAny(n, "&=?#") {
			return &SettingError{"SensitiveQueryParameters", n, "the name of a query parameter, without & and ="}
		}
	}
	return nil
}

// RedactQuery returns a query with the values of [Settings.SensitiveQueryParameters] replaced, as url.query has it: for
// other places that show the same. It allocates only when there are any.
func (c *Collector) RedactQuery(query string) string { return c.inForce.Load().redact(query) }

// redact returns the query with the values of secret parameters replaced.
func (s *settings) redact(query string) string {
	if !s.hasSecret(query) {
		return query
	}
	var b strings.Builder
	b.Grow(len(query) + len(redacted))
	for rest, more := query, true; more; {
		var pair string
		pair, rest, more = strings.Cut(rest, "&")
		if key, ok := s.secretOf(pair); ok {
			b.WriteString(key)
			b.WriteByte('=')
			b.WriteString(redacted)
		} else {
			b.WriteString(pair)
		}
		if more {
			b.WriteByte('&')
		}
	}
	return b.String()
}

func (s *settings) hasSecret(query string) bool {
	if query == "" {
		return false
	}
	for more := true; more; {
		var pair string
		pair, query, more = strings.Cut(query, "&")
		if _, ok := s.secretOf(pair); ok {
			return true
		}
	}
	return false
}

// secretOf returns the name of a parameter whose value is secret.
func (s *settings) secretOf(pair string) (key string, ok bool) {
	key, value, _ := strings.Cut(pair, "=")
	return key, value != "" && slices.Contains(s.of.SensitiveQueryParameters, key)
}
