package main

import (
	"net/url"
	"strings"
)

// redacted stands where a secret stood.
const redacted = "REDACTED"

// redactURL returns the text of u for a span: user and password are replaced, and what redactQuery replaces
// (OpenTelemetry semantic conventions, url.full).
func redactURL(u *url.URL, redactQuery func(string) string) string {
	c := *u
	if c.User != nil {
		c.User = url.UserPassword(redacted, redacted)
	}
	c.RawQuery = redactQuery(c.RawQuery)
	return c.String()
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
