// Command bench measures Wirespan beside other servers, traced and not: one run, one table.
//
// Every server is a process of its own, so that the CPU that it used is the kernel's account of that process and of
// nothing else; so is the receiver that traced servers send their spans to. The load comes from wrk, on the same
// processors. The servers take turns, round by round, so that a machine that slows down slows all of them; the table
// shows the medians of the rounds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// resultsFile is what is published: the whole table.
const resultsFile = "RESULTS.md"

// options are the flags.
type options struct {
	rounds      int
	duration    time.Duration
	warmUp      time.Duration
	connections int
	delay       time.Duration
	only        string
	out         string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case roleServer:
			return runServer(ctx, args[1:], os.Stdin, stdout)
		case roleReceiver:
			return runReceiver(args[1:], os.Stdin, stdout)
		}
	}
	o, chosen, err := parse(args, stderr)
	if err != nil {
		return err
	}
	watch := newWatch()
	results, err := measureAll(ctx, o, chosen, stderr)
	if err != nil {
		return err
	}
	report := newReport(args, o, results, watch.elsewhere()).markdown()
	if _, err := io.WriteString(stdout, report); err != nil || o.out == "" {
		return err
	}
	return os.WriteFile(o.out, []byte(report), 0o644)
}

func parse(args []string, stderr io.Writer) (*options, []candidate, error) {
	var o options
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.rounds, "rounds", 5, "how often each server is measured")
	fs.DurationVar(&o.duration, "duration", 5*time.Second, "how long each time, in whole seconds")
	fs.DurationVar(&o.warmUp, "warm-up", time.Second, "load before each measurement, in whole seconds")
	fs.IntVar(&o.connections, "connections", 64, "keep-alive connections")
	fs.DurationVar(&o.delay, "receiver-delay", 0, "how long the receiver of spans waits before it answers, like one that is far away")
	fs.StringVar(&o.only, "only", "", "measure only the servers whose names contain one of these, with commas between them")
	fs.StringVar(&o.out, "out", "", "the file that the table is written to (default "+resultsFile+", or none with -only)")
	if err := fs.Parse(args); err != nil {
		return nil, nil, err
	}
	if fs.NArg() > 0 {
		return nil, nil, fmt.Errorf("%q is not a flag", fs.Arg(0))
	}
	if o.rounds < 1 || o.duration < time.Second || o.duration%time.Second != 0 || o.warmUp < time.Second || o.warmUp%time.Second != 0 {
		return nil, nil, errors.New("-rounds, -duration and -warm-up begin at 1, and wrk counts in whole seconds")
	}
	if o.out == "" && o.only == "" {
		o.out = resultsFile
	}
	chosen := choose(o.only)
	if len(chosen) == 0 {
		return nil, nil, fmt.Errorf("-only %q names none of %s", o.only, strings.Join(names(candidates), ", "))
	}
	return &o, chosen, nil
}

func choose(only string) []candidate {
	parts := strings.Split(only, ",")
	return slices.DeleteFunc(slices.Clone(candidates), func(c candidate) bool {
		return !slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(c.name, p) })
	})
}

func names(of []candidate) []string {
	var list []string
	for _, c := range of {
		list = append(list, c.name)
	}
	return list
}
