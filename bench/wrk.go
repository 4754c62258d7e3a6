package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// wrk is a load that wrk puts on a server: each connection sends its next request as soon as the last one is answered.
type wrk struct {
	path        string // "" is the root
	connections int    // 0 is what the flag says
	script      string // the name of one in the workspace; "" is none
}

// wrkThreads is enough for wrk to keep two processors busy.
const wrkThreads = 2

// withWrk measures a server under this load.
func withWrk(w wrk) func(context.Context, *options, *process) (sample, error) {
	return func(ctx context.Context, o *options, server *process) (sample, error) {
		return underLoad(ctx, o, server, func(d time.Duration) (load, error) { return w.run(ctx, o, server.addr, d) })
	}
}

// run puts a server under load for a while.
func (w wrk) run(ctx context.Context, o *options, addr string, d time.Duration) (load, error) {
	args := []string{
		"--latency", "-t", strconv.Itoa(wrkThreads), "-c", strconv.Itoa(cmp.Or(w.connections, o.connections)),
		"-d", fmt.Sprintf("%ds", d/time.Second),
	}
	if w.script != "" {
		args = append(args, "-s", filepath.Join(o.dir, w.script))
	}
	output, err := exec.CommandContext(ctx, "wrk", append(args, "http://"+addr+w.path)...).CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("run wrk: %w: %s", err, output)
	}
	return parseWrk(string(output))
}

var (
	rateLine = regexp.MustCompile(`(?m)^Requests/sec: +([0-9.]+)$`)
	p50Line  = regexp.MustCompile(`(?m)^ +50% +(\S+) *$`)
	p99Line  = regexp.MustCompile(`(?m)^ +99% +(\S+) *$`)
	failures = regexp.MustCompile(`(?m)^ +(Socket errors|Non-2xx).*$`)
)

// parseWrk refuses a run in which requests failed: what it measured is not what the others do.
func parseWrk(output string) (load, error) {
	if line := failures.FindString(output); line != "" {
		return load{}, fmt.Errorf("wrk saw failures: %s", line)
	}
	var l load
	var err error
	if l.PerSecond, err = strconv.ParseFloat(group(rateLine, output), 64); err != nil {
		return l, fmt.Errorf("no rate in what wrk wrote: %s", output)
	}
	if l.P50, err = time.ParseDuration(group(p50Line, output)); err != nil {
		return l, fmt.Errorf("no median in what wrk wrote: %s", output)
	}
	if l.P99, err = time.ParseDuration(group(p99Line, output)); err != nil {
		return l, fmt.Errorf("no 99th percentile in what wrk wrote: %s", output)
	}
	return l, nil
}

func group(re *regexp.Regexp, text string) string {
	if m := re.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}
