// Package e2e checks Wirespan as a user would run it, with the programs that a user would run beside it: the command as a
// process, the OpenTelemetry Collector with this repository's otel-collector.yaml, Jaeger, and curl. Its tests are
// all there is in it.
//
// The Collector sends to a sink of the test's own, which keeps the spans as they came off the wire; one test has it
// send to Jaeger instead, and asks Jaeger's query API. Jaeger is a module of its own, in jaeger/, because of what
// it requires; building it takes a minute or two the first time, and after that the build cache has it.
//
// All listen on loopback, on free ports. A process is ended by the test that started it, which waits for its end.
package e2e
