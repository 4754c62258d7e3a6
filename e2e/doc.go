// Package e2e checks Wirespan as a user would run it, with the programs that a user would run beside it: the command as a
// process, the OpenTelemetry Collector with this repository's otel-collector.yaml, Jaeger, and curl. Its tests are
// all there is in it.
//
// The Collector sends to a sink of the test's own, which keeps the spans as they came off the wire; one test has it
// send to Jaeger instead, and asks Jaeger's query API. Jaeger is a module of its own, in jaeger/, because of what
// it requires; building it takes a minute or two the first time, and after that the build cache has it.
//
// Tests whose names begin with F and a number kill, suspend, overrun and end servers that keep their spans in a spool, or take its
// disk away. They send to the receivers of internal/faults. In each of them every span that was made has arrived in the end, or is
// counted as lost, with the reason; a line of figures says so. WIRESPAN_E2E_KILLS is how often servers are killed, and
// WIRESPAN_E2E_SUSPEND for how long they are suspended, when that is to be more than a quick run has time for.
//
// All listen on loopback, on free ports. A process is ended by the test that started it, which waits for its end.
package e2e
