package statsd

// Stats says what became of the lines so far. A line that was left out by its rate is none.
type Stats struct {
	// Lines were added; they are in one of the following, or in Waiting.
	Lines uint64
	// Sent lines were handed to the kernel, in so many Packets. A datagram may still be lost on its way.
	Sent, Packets uint64
	// Waiting lines are yet to be sent.
	Waiting uint64
	// QueueFull counts lines dropped because more than [Options.MaxWaiting] packets waited.
	QueueFull uint64
	// SendFailed counts lines dropped because the socket could not be made or would not take them.
	SendFailed uint64
	// TooLong counts lines dropped because they do not fit into a packet.
	TooLong uint64
	// Invalid counts metrics that no line can be made of: an empty name, a value that is not finite, a change of a
	// gauge where the dialect has none.
	Invalid uint64
	// Closed counts lines that were added after Close, or given up by it.
	Closed uint64
}

// Dropped returns how many lines were lost, for whatever reason.
func (s *Stats) Dropped() uint64 {
	return s.QueueFull + s.SendFailed + s.TooLong + s.Invalid + s.Closed
}

func (s *Stats) add(o *Stats) {
	s.Lines += o.Lines
	s.Sent += o.Sent
	s.Packets += o.Packets
	s.QueueFull += o.QueueFull
	s.SendFailed += o.SendFailed
	s.TooLong += o.TooLong
	s.Closed += o.Closed
}

// Stats returns the counts. They agree with each other at any time.
func (c *Client) Stats() Stats {
	s := c.pipes.accounts()
	s.Invalid = c.invalid.Load()
	s.Lines += s.Invalid
	s.Waiting = s.Lines - s.Sent - s.Dropped()
	return s
}
