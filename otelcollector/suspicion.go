package otelcollector

const (
	// poisonTries is how often a batch fails, and poisonOthers how many others are accepted meanwhile, until it is the batch
	// that is taken for the cause.
	poisonTries  = 8
	poisonOthers = 8
)

// suspicion is what speaks for it that an upload fails for its batch: others are accepted between its failures. One that
// follows another with nothing accepted in between says nothing, since the receiver may be away. The zero value is that of
// a batch which has not failed.
type suspicion struct {
	failures    int    // those that say something
	first, last uint64 // uploads that were accepted before the first of them, and before the last
}

// failed notes a failure after so many uploads that were accepted. It says whether that may be the fault of the batch, and
// whether that was so often enough for it to be poison.
func (s *suspicion) failed(accepted uint64) (suspected, poison bool) {
	switch {
	case s.failures == 0:
		s.first = accepted
	case s.last == accepted:
		return false, false
	default:
		suspected = true
	}
	s.failures++
	s.last = accepted
	return suspected, s.failures >= poisonTries && accepted-s.first >= poisonOthers
}
