// Package reliability has the receiver of the spans fail in every way that is known, one test a way, and checks what becomes of
// the spans: the Collector of package otelcollector runs in the test's process with the official OTLP client, against the
// receivers of e2e/internal/faults. Its tests are all there is in it.
//
// Each prints a line of figures: the accounts of the sender, those of the receiver, and what else the row is about. In every
// one the accounts balance at any time, nothing arrives that was not made, nothing counts as exported that did not arrive,
// nothing arrives twice unless an answer was lost, and no goroutine and no descriptor stays behind.
//
// It is a module of its own for the same reason as e2e/statsd. Outages last seconds here: longer waits are tested in
// otelcollector itself, with a clock that does not take any time.
package reliability
