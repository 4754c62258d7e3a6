// Package statsd sends metrics to a StatsD server: of requests, of log records, of workers, and of the application.
//
//	client, err := statsd.New(statsd.Options{Addr: "metrics.internal:8125", Prefix: "shop"})
//	server := &httpcore.Server{Handler: mux, Collector: statsd.NewCollector(client)}
//	logger := slog.New(statsd.NewHandler(slog.Default().Handler(), client, statsd.HandlerOptions{}))
//	client.Increment("orders", 1, statsd.Tag{Key: "country", Value: country})
//	...
//	err = client.Close(ctx)
//
// The names and lines are those of Hypercorn, or of Gunicorn; see [Dialect]:
//
//	shop.hypercorn.request.duration:12.5|ms    of every request, in milliseconds
//	shop.hypercorn.requests:1|c|@1.0
//	shop.hypercorn.request.status.200:1|c|@1.0 where there was a response
//	shop.hypercorn.log.error:1|c|@1.0          and critical, warning, exception
//	shop.hypercorn.workers:4|g
//
// Nothing of this waits for the server. A line is copied into the packet of its worker, under a lock that workers do not
// share; a goroutine for each worker sends the packets that are full, and at every interval the one that is not. What
// finds the queue full, or cannot be sent, is dropped and counted in [Stats]. Names and tags may come from a
// request: whatever could begin another field or another line becomes an underscore.
//
// # Inside
//
//	metrics.go    what an application calls
//	requests.go   lifecycle events to lines      log.go   log records to lines      workers.go   gauges at an interval
//	dialect.go    what dialects differ in        format.go  one line            safe.go  what may stand in it
//	pipe.go       lines of a worker to packets   send.go    packets to the server
//	pipes.go      one for each worker            warn.go    what was lost, once a minute
package statsd
