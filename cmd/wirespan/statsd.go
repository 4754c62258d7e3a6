package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/spf13/pflag"

	"github.com/wirespan/wirespan/lifecycle/statsd"
)

// statsdOptions are the flags that say which StatsD server is told what.
type statsdOptions struct {
	addr   string // "": none
	prefix string
	tags   []statsd.Tag
}

func (o *statsdOptions) register(fs *pflag.FlagSet) {
	setting(fs, &o.addr, "statsd", "", "address",
		"send metrics of requests, log records and workers to a StatsD server: host:port or unix:/path", parseStatsd)
	setting(fs, &o.prefix, "statsd-prefix", "", "prefix", "what stands before the names of the metrics", parseText)
	setting(fs, &o.tags, "statsd-tags", "", "list",
		"tags of every metric, such as env:prod,canary; the lines are for DogStatsD then", parseTags)
}

func parseStatsd(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	s = withSlashes(s)
	client, err := statsd.New(statsd.Options{Addr: s}) // which does not look for the server yet
	if err != nil {
		return "", errors.New("use host:port, such as 127.0.0.1:8125, or unix:/path of a datagram socket")
	}
	return s, client.Close(context.Background())
}

func parseTags(s string) ([]statsd.Tag, error) {
	if s == "" {
		return nil, nil
	}
	tags := statsd.ParseTags(s)
	if len(tags) != strings.Count(s, ",")+1 {
		return nil, errors.New("use tags with commas between them, each key:value or key alone, such as env:prod,canary")
	}
	return tags, nil
}

// statsdSink is what goes to a StatsD server. It is a [sink].
type statsdSink struct {
	client  *statsd.Client
	addr    string
	workers atomic.Int64 // that run
}

// startStatsd tells log, which the metrics do not count, of metrics that are lost.
func startStatsd(o *statsdOptions, log *slog.Logger) *statsdSink {
	m := &statsdSink{addr: o.addr}
	dialect := statsd.Plain
	if len(o.tags) > 0 {
		dialect = statsd.DogStatsD
	}
	var err error
	m.client, err = statsd.New(statsd.Options{
		Addr: o.addr, Dialect: dialect, Prefix: o.prefix, Tags: o.tags, ErrorLog: log,
		Workers: func() int { return int(m.workers.Load()) },
	})
	if err != nil {
		panic(err) // parseStatsd has had the address
	}
	return m
}

func (m *statsdSink) workerStarted(int) error {
	m.workers.Add(1)
	m.client.Report()
	return nil
}

func (m *statsdSink) workerStopped(int) {
	m.workers.Add(-1)
	m.client.Report()
}

func (m *statsdSink) close(ctx context.Context) error { return m.client.Close(ctx) }

func (m *statsdSink) describe() string {
	s := m.client.Stats()
	mark := "[+]"
	if s.Dropped() > 0 {
		mark = "[!]"
	}
	return fmt.Sprintf("%s statsd: %s; lines: %d = %d sent + %d waiting + %d dropped", mark, m.addr, s.Lines, s.Sent, s.Waiting, s.Dropped())
}

func (m *statsdSink) counts() []any {
	s := m.client.Stats()
	return []any{"statsd_lines_sent", s.Sent, "statsd_lines_dropped", s.Dropped()}
}
