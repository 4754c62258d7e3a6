package otelcollector

import "strings"

// redacted takes the place of a value that must not be stored.
const redacted = "REDACTED"

// isSecret reports whether the conventions have the value of this query parameter redacted. Names are case-sensitive.
func isSecret(key string) bool {
	switch key {
	case "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature":
		return true
	}
	return false
}

// redactQuery returns the query with the values of secret parameters replaced. It allocates only when there are any.
func redactQuery(query string) string {
	if !hasSecret(query) {
		return query
	}
	var b strings.Builder
	b.Grow(len(query))
	for rest, more := query, true; more; {
		var pair string
		pair, rest, more = strings.Cut(rest, "&")
		key, value, _ := strings.Cut(pair, "=")
		if value != "" && isSecret(key) {
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

func hasSecret(query string) bool {
	for more := true; more; {
		var pair string
		pair, query, more = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		if value != "" && isSecret(key) {
			return true
		}
	}
	return false
}
