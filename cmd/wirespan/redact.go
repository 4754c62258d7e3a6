package main

import (
	"net/url"
	"strings"
)

// redacted stands where a secret stood.
const redacted = "REDACTED"

// redactURL returns the text of u for a span: user and password, and the values of the query parameters that
// sign a request, are replaced (OpenTelemetry semantic conventions, url.full and url.query).
func redactURL(u *url.URL) string {
	c := *u
	if c.User != nil {
		c.User = url.UserPassword(redacted, redacted)
	}
	c.RawQuery = redactQuery(c.RawQuery)
	return c.String()
}

// redactQuery replaces the values of sensitive parameters; all else stays as it was sent.
func redactQuery(query string) string {
	if query == "" {
		return query
	}
	params := strings.Split(query, "&")
	for i, p := range params {
		if name, _, ok := strings.Cut(p, "="); ok && isSensitive(name) {
			params[i] = name + "=" + redacted
		}
	}
	return strings.Join(params, "&")
}

// isSensitive compares with the names that the semantic conventions list, by case.
func isSensitive(name string) bool {
	switch name {
	case "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token",
		"AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature":
		return true
	}
	return false
}

// redactText hides what stands before an @ in a text that may be a URL with a password.
func redactText(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s
	}
	scheme := ""
	if i := strings.Index(s, "://"); i >= 0 && i < at {
		scheme = s[:i+3]
	}
	return scheme + redacted + s[at:]
}
