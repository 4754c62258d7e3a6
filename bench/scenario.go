package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// scenario is something that servers are put through.
type scenario struct {
	name  string
	title string

	// application returns what the servers do, given the workspace's directory; nil is the greeting, which every server knows.
	application func(dir string) http.Handler
	// servers names those that take part; nil is all of them.
	servers []string
	// measure is what is done to a server that has just been started.
	measure func(context.Context, *options, *process) (sample, error)
	// crowded says that it needs more descriptors than a process may have.
	crowded bool
}

// handlers are the servers that are compared where the question is what becomes of an http.Handler.
var handlers = []string{netHTTP, untracedHandler}

// keepers are the servers that are compared by what they keep for a connection.
var keepers = []string{netHTTP, fastHTTP, hertzServer, untracedHandler, tracedHandler}

// The scenarios by the names that the goals have for them.
const (
	hellos        = "hello"
	idleMemory    = "idle"
	allBlock      = "blocking"
	besideSlow    = "beside-slow"
	pipelined     = "pipelined"
	mostlyIdle    = "mostly-idle"
	responses64K  = "response-64k"
	responses1M   = "response-1m"
	uploads1M     = "upload-1m"
	staticFiles1M = "file-1m"
)

// scenarios in the order of the report.
var scenarios = []scenario{
	{name: hellos, title: "the greeting", measure: withWrk(wrk{})},
	{name: idleMemory, title: "idle connections", servers: keepers, measure: idle, crowded: true},
	{name: allBlock, title: "all handlers block 5 ms", servers: handlers, application: blocking, measure: withWrk(wrk{})},
	{name: besideSlow, title: "16 fast connections beside 32 that block 5 ms", servers: handlers, application: mixed, measure: beside},
	{name: pipelined, title: "pipelining, 16 deep", servers: handlers, measure: withWrk(wrk{script: pipelineScript})},
	{name: mostlyIdle, title: "many connections, 1 % active at a time", servers: handlers, measure: inCrowd, crowded: true},
	{name: responses64K, title: "responses of 64 KiB", servers: handlers, application: responses(64 * kibibyte), measure: withWrk(wrk{})},
	{name: responses1M, title: "responses of 1 MiB", servers: handlers, application: responses(mebibyte), measure: withWrk(wrk{})},
	{name: uploads1M, title: "uploads of 1 MiB", servers: handlers, application: uploads, measure: withWrk(wrk{script: uploadScript})},
	{name: staticFiles1M, title: "http.FileServer, a file of 1 MiB", servers: handlers, application: files, measure: withWrk(wrk{path: "/" + staticFile})},
}

func (s *scenario) has(c candidate) bool {
	return s.servers == nil || slices.Contains(s.servers, c.name)
}

// handler returns the application as an http.Handler.
func (s *scenario) handler(dir string) http.Handler {
	if s.application == nil {
		return http.HandlerFunc(hello)
	}
	return s.application(dir)
}

// plan returns what the flags choose, in order, without samples yet.
func plan(o *options) []result {
	var chosen []result
	for _, s := range scenarios {
		for _, c := range candidates {
			if s.has(c) && names(s.name, o.scenario) && names(c.name, o.only) {
				chosen = append(chosen, result{scenario: s, server: c})
			}
		}
	}
	return chosen
}

// names says whether a name contains one of the parts between commas.
func names(name, parts string) bool {
	return slices.ContainsFunc(strings.Split(parts, ","), func(p string) bool { return strings.Contains(name, p) })
}
