package statistics

import "github.com/wirespan/wirespan/lifecycle"

// Collector returns the [lifecycle.Collector] that counts the requests of a server. A request counts when it ends: as
// failed or finished by [Options.Failed], with the status that was sent, and, when it is a [lifecycle.RequestFailed], in
// [Statistics.Errors]; also one whose head could not be parsed. While the Statistics is not active, nothing is counted.
//
// Recording allocates nothing and takes no lock that another worker takes, but for a RequestFailed: its error is counted
// under a lock of the tracker, and takes memory when it is the first of its kind.
func (s *Statistics) Collector() lifecycle.Collector { return collector{s} }

type collector struct{ statistics *Statistics }

var _ lifecycle.ConnectionCollector = collector{}

// OpenConnection implements [lifecycle.ConnectionCollector].
func (c collector) OpenConnection(e *lifecycle.ConnectionOpened) lifecycle.Collector {
	return c.statistics.worker(e.WorkerID)
}

// Record implements [lifecycle.Collector].
func (c collector) Record(e lifecycle.Event) { c.statistics.worker(e.When().WorkerID).Record(e) }
