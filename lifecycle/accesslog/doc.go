// Package accesslog writes one line for each request.
//
// A [Format] is compiled once from text with atoms in it, and a [Log] is the [lifecycle.Collector] that writes a line of it
// whenever a request ends: answered, refused, failed or aborted, also one whose head could not be parsed. A [Logger] is such a
// log together with a log of errors.
//
//	format, err := accesslog.Compile(accesslog.JSON, accesslog.FormatOptions{})
//	output, err := accesslog.Open("/var/log/wirespan/access.log", accesslog.SyslogOptions{})
//	log := accesslog.New(accesslog.Options{Format: format, Output: output})
//	server.Collector = lifecycle.Tee(spans, log)
//
// # Atoms
//
//	%(h)s   client's address                  %(s)s   status                    %(T)s   duration in seconds
//	%(l)s   "-"                               %(st)s  its phrase                %(M)s   in milliseconds
//	%(u)s   user of Basic authentication      %(S)s   scheme                    %(D)s   in microseconds
//	%(t)s   time at which the request began   %(H)s   protocol, HTTP/1.1        %(L)s   in seconds with six decimals
//	%(r)s   first line of the request         %(b)s   body bytes sent, 0 is -   %(p)s   server's port
//	%(R)s   first line with the query         %(B)s   body bytes sent           %(P)s   process id
//	%(m)s   method                            %(f)s   Referer
//	%(U)s   path                              %(a)s   User-Agent
//	%(Uq)s  path with the query               %({name}i)s  header field of the request
//	%(q)s   query                             %({name}o)s  header field of the response
//	%({name}e)s  what the handler has set with [Set], or else what [FormatOptions].Env has
//
// %({name}x)s has what the others do not: trace_id, span_id, trace_flags, request_id, connection_id, worker_id, request_index,
// time, route, status_class, event, code, bytes_received, head_bytes, duration_ms and the phases of [lifecycle.Phases] as idle_ms,
// head_ms, queue_ms, handler_ms and write_ms.
//
// What there is not is "-"; a [Dialect] has the differences to other servers.
//
// # No request forges a line
//
// A value can hold anything that a client may send. In a line of text each byte that is not printable ASCII, the quote and the
// backslash are written as \xNN; in JSON they are escaped as JSON has it. A value of more than 16 KiB is cut and ends in
// "...".
//
// # How a line travels
//
//	Log.Record          makes the line in a buffer that is on loan        log.go, connection.go
//	shard               copies it; one for each worker, bounded           shard.go
//	queue               one goroutine empties the shards                  queue.go
//	Output              takes lines, many at a time                       file.go, syslog.go
//
// Nothing before the queue waits for anything but the lock of a shard, which is held while a line is copied. An output that
// fails is tried again, and lines wait meanwhile; those that find their shard full are dropped, counted in [Stats] and told to
// the error log. The lines of one worker keep their order, those of different workers are a little out of it.
package accesslog
