package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/wirespan/wirespan/lifecycle/statistics"
	"github.com/wirespan/wirespan/lifecycle/statistics/redisstore"
)

// statisticsOptions are the flags of the statistics of requests.
type statisticsOptions struct {
	store    string // "": in memory
	key      string
	interval time.Duration
}

func (o *statisticsOptions) register(fs *pflag.FlagSet) {
	setting(fs, &o.interval, "statistics-interval", "1m", "duration",
		"count requests, how long they take and errors, if this or a store is given, and log them so often; 0s is at the end only", parseInterval)
	setting(fs, &o.store, "statistics-store", "", "target",
		"keep these statistics over restarts: in a file, one of JSON if its name ends in .json, or in redis://host:port", parseStore)
	setting(fs, &o.key, "statistics-key", "", "key", "under which key a store keeps them; else that of the service and the host", parseText)
}

// wanted reports whether there are to be statistics.
func (o *statisticsOptions) wanted(fs *pflag.FlagSet) bool {
	return o.store != "" || isGiven(fs, "statistics-interval")
}

func parseInterval(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, errors.New("use a duration such as 1m or 30s, or 0s to log them at the end only")
	}
	return d, nil
}

func isRedis(target string) bool {
	return strings.HasPrefix(target, "redis://") || strings.HasPrefix(target, "rediss://")
}

func parseStore(s string) (string, error) {
	if !strings.Contains(s, "://") {
		return s, nil
	}
	why := errors.New("use the path of a file, or redis://user:password@host:port/db, or rediss:// for TLS")
	if !isRedis(s) {
		return "", why
	}
	store, err := redisstore.Open(s, "") // which does not connect yet
	if err != nil {
		return "", why
	}
	return s, store.Close()
}

// keptStatistics are the statistics of requests and where they are kept. They are a [sink].
type keptStatistics struct {
	*statistics.Statistics
	store *watchedStore // nil: in memory
	where string
}

// startStatistics begins to count. service is the name of the service, if it has one.
func startStatistics(ctx context.Context, o *serverOptions, service string, log *slog.Logger) (*keptStatistics, error) {
	s := &keptStatistics{where: "in memory"}
	options := statistics.Options{
		Key: o.statistics.key, Service: service, Logger: log, LogInterval: o.statistics.interval, Format: statistics.FormatInline,
	}
	if options.LogInterval == 0 {
		options.LogInterval = -1
	}
	failed := func(err error) error {
		return createError("keep statistics in "+redactText(o.statistics.store)+" ("+nameOf(o.flags, "statistics-store")+")", o.statistics.store, err)
	}
	if o.statistics.store != "" {
		store, away, err := openStore(o.statistics.store)
		if err != nil {
			return nil, failed(err)
		}
		s.store, s.where = &watchedStore{storage: store}, "in "+redactText(o.statistics.store)
		options.Store, options.Persistence, options.LoadLater = s.store, statistics.PersistenceOn, away
	}
	s.Statistics = statistics.New(options)
	if err := s.Start(ctx); err != nil {
		s.closeStore()
		return nil, failed(err)
	}
	return s, nil
}

// close logs the last statistics and saves them. A disk that stands still does not hold it up for longer than ctx.
func (s *keptStatistics) close(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() {
		err := s.Stop(ctx)
		s.LogFinal()
		s.closeStore()
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	// A store over the network ends with ctx; what is left after that is a disk, and ends with the process.
	select {
	case err := <-ended:
		return err
	case <-time.After(cutGrace):
		return fmt.Errorf("save the statistics %s: %w", s.where, ctx.Err())
	}
}

func (s *keptStatistics) closeStore() {
	if s.store != nil {
		_ = s.store.Close() // what was saved is on the disk
	}
}

func (s *keptStatistics) describe() string {
	mark, state := "[+]", ""
	if s.store != nil {
		if err := s.store.failure(); err != nil {
			mark, state = "[!]", " (cannot be reached: "+oneLine(redactText(err.Error()))+")"
		}
	}
	f := s.Calculate()
	return fmt.Sprintf("%s statistics: %s%s; requests: %d = %d finished + %d failed", mark, s.where, state, f.RequestsTotal, f.RequestsFinished, f.RequestsFailed)
}

func (s *keptStatistics) counts() []any {
	if s.store == nil {
		return nil
	}
	return []any{"statistics_saved", s.store.failure() == nil}
}

// statisticsPage answers /statistics; s is nil where there are none.
func statisticsPage(s *keptStatistics) http.Handler {
	if s != nil {
		return s.Handler()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "There are no statistics: none are counted (--statistics-interval, --statistics-store).", http.StatusConflict)
	})
}
