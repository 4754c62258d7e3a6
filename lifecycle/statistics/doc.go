// Package statistics counts requests and how long they take: finished and failed, retries, status codes, errors, and the
// percentiles of their durations.
//
// A server feeds it with lifecycle events, by the Collector of a [Statistics]:
//
//	stats := statistics.New(statistics.Options{})
//	err := stats.Run(ctx, func(ctx context.Context) error {
//		return serve(ctx, stats.Collector())
//	})
//	fmt.Println(stats.Calculate().Table())
//
// Whoever has no server counts by hand, with [Statistics.RequestStart], [Statistics.RequestFinish] and
// [Statistics.RequestFail].
//
// # What is kept
//
// With [Options.Persistence] the counts go into a [KeyValueStore] once a minute, and a Statistics that starts carries on
// from there: a restart, also one by kill -9, loses at most what was counted since. The runtime that rates are
// calculated with is the time in which there was somebody to count; the time between two runs is no part of it.
// Package boltstore keeps one process's counts in a file, redisstore those of many processes, a key each, in Redis.
//
// What is saved is one JSON object with the field names of crawlee's statistics, whose files load too.
//
// # How it is locked
//
// The collector has a shard for each worker of the server: the lock of a shard is shared with nobody but whoever adds
// the shards up, which swaps what was counted for an empty tally and lets go. Statistics.mu comes first; within it one
// other lock at a time may be taken: that of a shard, of an ErrorTracker or of an Extended. No lock is held while a store
// or a logger is called; whoever saves has a turn instead, which others await with their context.
package statistics
