package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// load is what wrk has seen.
type load struct {
	perSecond float64
	p50, p99  time.Duration
}

// wrkThreads is enough for wrk to keep two processors busy.
const wrkThreads = 2

// wrk puts a server under load.
func wrk(ctx context.Context, addr string, connections int, d time.Duration) (load, error) {
	command := exec.CommandContext(ctx, "wrk", "--latency", "-t", strconv.Itoa(wrkThreads), "-c", strconv.Itoa(connections),
		"-d", fmt.Sprintf("%ds", d/time.Second), "http://"+addr+"/")
	output, err := command.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("run wrk: %w: %s", err, output)
	}
	return parseWrk(string(output))
}

var (
	rate   = regexp.MustCompile(`(?m)^Requests/sec: +([0-9.]+)$`)
	p50    = regexp.MustCompile(`(?m)^ +50% +(\S+) *$`)
	p99    = regexp.MustCompile(`(?m)^ +99% +(\S+) *$`)
	failed = regexp.MustCompile(`(?m)^ +(Socket errors|Non-2xx).*$`)
)

// parseWrk refuses a run in which requests failed: what it measured is not what the others do.
func parseWrk(output string) (load, error) {
	if line := failed.FindString(output); line != "" {
		return load{}, fmt.Errorf("wrk saw failures: %s", line)
	}
	var l load
	var err error
	if l.perSecond, err = strconv.ParseFloat(group(rate, output), 64); err != nil {
		return l, fmt.Errorf("no rate in what wrk wrote: %s", output)
	}
	if l.p50, err = time.ParseDuration(group(p50, output)); err != nil {
		return l, fmt.Errorf("no median in what wrk wrote: %s", output)
	}
	if l.p99, err = time.ParseDuration(group(p99, output)); err != nil {
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
