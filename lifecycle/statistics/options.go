package statistics

import (
	"cmp"
	"log/slog"
	"os"
	"time"

	"github.com/wirespan/wirespan/lifecycle"
)

// Persistence says when the counts are loaded and saved.
type Persistence int

// The modes of persistence.
const (
	// PersistenceOff: the counts are in memory only.
	PersistenceOff Persistence = iota
	// PersistenceOn: loaded by the first Start, saved at every PersistInterval and by Stop.
	PersistenceOn
	// PersistenceExplicit: loaded by the first Start, saved by nothing but [Statistics.Persist].
	PersistenceExplicit
)

// Format says what the periodic message looks like.
type Format int

// The formats of the periodic message.
const (
	// FormatTable: the message, and below it a table, as [Final.Table] draws it.
	FormatTable Format = iota
	// FormatInline: the message on one line, with the values as attributes; durations are in seconds.
	FormatInline
)

// Options configures a [Statistics]. The zero value counts in memory and logs a table once a minute.
type Options struct {
	// ID is written as statsId. It is for whoever reads the state; nothing depends on it.
	ID int

	// Persistence says when the counts are loaded and saved; the zero value is PersistenceOff.
	Persistence Persistence
	// Store is where; needed unless Persistence is PersistenceOff. Whoever made it closes it, after Stop.
	Store KeyValueStore
	// Key is the key of the counts in the store. Empty is "statistics/" and the name of the service and the host, so
	// that it stays the same over restarts. Processes that share a store need a key each, and one whose host has a new name
	// after each start, as that of a container may have, needs one that is set.
	Key string
	// Service is the name of the service in that key; empty is "wirespan".
	Service string
	// LoadLater lets Start begin to count although the store cannot be read, for one that is at the other end of a network.
	// It is read in the background, at once and then at every PersistInterval, and what it holds is added to what was counted
	// meanwhile, but that it takes the place of what extends the state; nothing is saved before that. It needs PersistenceOn.
	LoadLater bool
	// PersistInterval is the time between two saves with PersistenceOn. 0 is a minute; less does not save periodically.
	PersistInterval time.Duration

	// LogMessage is the first line of the periodic message; empty is "Statistics".
	LogMessage string
	// Logger receives the periodic message, at level Info, and what goes wrong while saving periodically, at level Error.
	// nil is slog.Default().
	Logger *slog.Logger
	// LogInterval is the time between two messages; the first comes with Start. 0 is a minute; less logs none.
	LogInterval time.Duration
	// LogUnchanged logs the message also when no request has ended since the one before.
	LogUnchanged bool
	// Format is what the message looks like; the zero value is FormatTable.
	Format Format

	// Failed reports whether an event that ends a request ends it as failed. It must not block, and not keep the event.
	// nil counts each RequestFailed and ClientDisconnected, and responses with a status of 500 and above.
	Failed func(lifecycle.Event) bool
	// RetryHeader names the header field by which a request is known when its client sends it again, such as
	// "Idempotency-Key". Empty, the requests of the collector are never retries.
	// The last 8,192 keys are remembered, or nearly so: two that hash alike push one another out.
	RetryHeader string
	// MaxRetries bounds the retry histogram: requests with more retries count as if they had so many. 0 or less is 100.
	MaxRetries int

	// Errors says what makes two errors the same.
	Errors ErrorOptions
	// SaveErrorSnapshots saves, with the counts, an [ErrorSnapshot] of the first error of each group under a key of its
	// own, below Key. It needs Persistence.
	SaveErrorSnapshots bool
}

// withDefaults returns a copy with the defaults filled in.
func (o Options) withDefaults() Options {
	if o.Key == "" {
		o.Key = defaultKey(cmp.Or(o.Service, "wirespan"))
	}
	o.PersistInterval = cmp.Or(o.PersistInterval, time.Minute)
	o.LogMessage = cmp.Or(o.LogMessage, "Statistics")
	o.LogInterval = cmp.Or(o.LogInterval, time.Minute)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Failed == nil {
		o.Failed = failed
	}
	if o.MaxRetries <= 0 {
		o.MaxRetries = 100
	}
	return o
}

// defaultKey does not depend on how many Statistics a process has made: it finds what the last run has saved.
func defaultKey(service string) string {
	key := "statistics/" + service
	if host, err := os.Hostname(); err == nil {
		key += "/" + host
	}
	return key
}

// failed is the default of [Options.Failed].
func failed(e lifecycle.Event) bool {
	response, ok := e.(*lifecycle.ResponseCompleted)
	return !ok || response.Status >= 500
}
