// Package lifecycletest helps to test both ends of lifecycle events.
//
// Whoever emits events gives a [Recorder] to the server, waits with [Recorder.WaitFor] until something has
// happened, and has [CheckInvariants] judge the whole log. Whoever consumes events runs [TestCollector], the
// contract that every [lifecycle.Collector] keeps:
//
//	func TestContract(t *testing.T) {
//		lifecycletest.TestCollector(t, func(t *testing.T) lifecycle.Collector { return New() })
//	}
//
// Run it with -race, which notices a collector that holds on to a borrowed event. The strings of an event are
// overwritten with '#' after Record, so that what such a collector writes gives it away too.
package lifecycletest
