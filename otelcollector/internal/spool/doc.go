// Package spool keeps finished batches of spans on a disk until they are delivered, through outages and restarts.
//
// A batch that is appended becomes a frame. A frame is pending until it is settled: acknowledged, dropped for a [Reason], or
// dead. Append and Next hand a frame to the caller, who settles it or gives it back; nobody else gets it meanwhile.
//
//	f, err := s.Append(spool.Batch{Payload: b, Spans: 512, First: first, Last: last})
//	...
//	for f := s.Next(); f != nil; f = s.Next() {
//		payload, err := s.Read(f, nil)
//		...
//		s.Ack(f, 0)
//	}
//
// Delivery is at least once: what was appended and not settled before a crash is handed out again, so that there may be
// duplicates, and what is lost is counted. The books balance at any time:
//
//	Appended + Recovered = Acked + Dropped (all but crash) + Spans
//
// # Files
//
//	<Dir>/<instance>/LOCK               locked as long as the process lives
//	<Dir>/<instance>/ledger             what the process did not live to count: see Ledger
//	<Dir>/<instance>/000000000001.ws    segments
//	<Dir>/<instance>/000000000001.wa    buffers of the arena, when Options.Arena is given
//	<Dir>/<instance>/dead/              frames that no receiver took, one a file, when Options.DeadBytes keeps them
//
// An instance is one spool in one process; its name is 32 hexadecimal digits at random. It writes to its own directory only
// and begins new segments only. The kernel drops a lock when its process ends, however it ends; whoever then gets the lock
// adopts what is there, in place: nothing is renamed or copied, so a crash at any point of an adoption changes nothing. There
// is no leader, no lease and no clock in it.
//
// There is no index, cursor or list beside the segments that could disagree with them: the directory says which segments
// there are, and a byte in each frame says what became of it.
//
// # Segments
//
// A segment is a header, frames, and a footer once it is sealed. Numbers are little-endian, and everything begins at a multiple
// of 8. CRC is CRC-32C.
//
//	header, 64 bytes             frame, 48 bytes and payload         footer, 48 bytes
//	 0 magic "WSSPOOL1"           0 magic "WFRM"                      0 magic "WEND"
//	 8 version, 1                 4 CRC of 8..46                      4 CRC of 8..48
//	12 CRC of the others          8 bytes of payload, at most 4 MiB   8 frames
//	16 instance, 16 bytes        12 spans                            12 0
//	32 number of the segment     16 ordinal of the first span        16 spans
//	40 created, Unix ns          24 end of the first span, Unix ns   24 end of the first span
//	48 hash of the resource      32 end of the last span, Unix ns    32 end of the last span
//	56 ordinal of the first span 40 CRC of the payload               40 ordinal after the last span
//	                             44 encoding: 0 identity, 1 gzip
//	                             45 0
//	                             46 state
//	                             47 attempts
//
// The payload is padded to a multiple of 8 with zeros. What the parts are for:
//   - The head of a frame and its payload have their own CRC: a damaged payload costs one frame, whose spans are counted; a
//     damaged head costs one frame, too, since the next one is found by its magic.
//   - CRCs of frames and footers begin with a salt made of instance and number of the segment. A payload holds what clients
//     sent; without knowing the random instance none of them can send something that looks like a frame.
//   - Ordinals number the spans of an instance in the order of writing. A gap says how many spans a damaged head cost. Order
//     and gaps come from them, never from times.
//   - State and attempts change in place, by a write of one byte: 0xFF pending, 1 acknowledged, 2 dropped, 3 dead. That needs no
//     space on a full disk and no sync: when it is lost, a frame is delivered once more. Any other value is pending.
//   - A segment whose frames are all settled is removed.
//
// # Arena
//
// A span that has ended is in the memory of the process until its batch is appended or delivered. An arena keeps a copy of it
// meanwhile, in a file that is mapped into memory: the kernel has it from [Buffer.Add] on, and it costs no system call. It survives
// the end of the process, however it ends, not a loss of power.
//
// Who collects spans of a scope has a buffer beside his own batch, and adds each span to it:
//
//	buffer := s.Arena().Get(scope)
//	...
//	buffer.Add(span)
//	counts.Ended.Add(1)
//	...
//	f, err := s.Append(spool.Batch{Payload: b, Spans: n, Buffers: []*spool.Buffer{buffer}}) // or it is delivered, or given up:
//	buffer.Recycle()
//	counts.Acked.Add(n)
//
// That is the order for the ledger: added, then counted as ended; recycled, then counted as what it has become. A crash between the
// first two delivers a span that is not counted, and one between the last two counts a span as lost that is not. A span for which there is no buffer, or no room in it, is in
// memory only, and the ledger has it counted. Close removes all files but those in which spans are published: they are for who
// comes next.
//
// A file is a head and spans. Who adopts it takes it for a segment of one frame, whose payload he makes each time it is read: a
// ResourceSpans of those spans that are published and that a receiver can decode. The others are counted as corrupt. It is
// removed when that frame is settled.
//
//	 0 magic "WSARENA1"                          32 where the spans begin
//	 8 version, 1                                36 0, 10 bytes
//	12 CRC of 8..12, 16..46, and R and S;        46 state and attempts, as in a frame
//	   it begins with a salt as in a frame       48 published: spans << 32 | bytes, as the machine stores it
//	16 when it was taken, Unix ns                56 0
//	24 bytes of R                                64 R, a ResourceSpans without spans, and S, a ScopeSpans without spans
//	28 bytes of S                                   spans, as fields of the ScopeSpans
//
// # Durability
//
// A frame survives the end of the process from Append on, and the loss of power from the next group sync on: one fdatasync for
// all that was appended within Options.SyncEvery or Options.SyncBytes. Until then its bytes stay in memory. When a sync or a
// write fails, nobody knows what is in the file (Linux takes pages for clean after a failed sync): the file is never synced
// again, its frames that were not synced are written to another one, and only when that has been synced, the old copies
// are marked as dropped. It is assumed that writing a byte does not damage its neighbours when power fails. A file that somebody has
// removed is noticed by the next sync: what is pending in it is read back, and written to another one.
//
// What is safe on the disk leaves the memory of the system, where a long outage would otherwise take the place of what the
// application has there, or count against the limit of its container.
//
// # Trust
//
// What is on the disk is not trusted: any file may be missing, short, foreign, or noise. That is counted, and never a reason not
// to start. Files that do not look like ours are left alone. The directory has to be closed to others, because payloads hold
// paths, queries and addresses of clients in clear.
//
// # Locks
//
// Spool.syncing is taken before Spool.mu, and that before Arena.mu. The first is held during a sync, so that only the one who syncs
// waits for the disk to do so. Reads of payloads hold none of them.
package spool
