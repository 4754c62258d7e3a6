// Package statsd holds what lifecycle/statsd sends against others' programs: Datadog's client, whose lines are to be the same
// in that dialect, and Etsy's StatsD, which is to understand the others. Its tests are all there is in it.
//
// It is a module of its own because it requires Wirespan's module, which the other end-to-end tests must not: they
// run the Collector with the versions of its release.
package statsd
