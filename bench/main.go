// Command bench measures Wirespan beside other servers, traced and not, in several scenarios: one run, one page.
//
// Every server is a process of its own, so that the CPU that it used is the kernel's account of that process and of
// nothing else; so are those that take their spans and their metrics. The load comes from wrk, on the same processors, and
// where wrk cannot make it from one more process of this binary. The servers take turns, round by round, so that a machine
// that slows down slows all of them; the page shows the medians of the rounds, and the goals that they met or missed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// resultsFile is what is published: the whole page.
const resultsFile = "RESULTS.md"

// options are the flags.
type options struct {
	rounds      int
	duration    time.Duration
	warmUp      time.Duration
	connections int
	idle, crowd int
	turns       int
	delay       time.Duration
	far, outage time.Duration
	only        string
	scenario    string
	out         string

	dir string // the workspace's
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
	if len(args) > 0 && roles[args[0]] != nil {
		return roles[args[0]].play(ctx, args[1:], os.Stdin, stdout)
	}
	o, chosen, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if _, err := exec.LookPath("wrk"); err != nil {
		return errors.New("there is no wrk here: scripts/setup.sh wrk installs it")
	}
	if o.dir, err = newWorkspace(); err != nil {
		return err
	}
	defer os.RemoveAll(o.dir)
	watch := newWatch()
	if err := measureAll(ctx, o, chosen, stderr); err != nil {
		return err
	}
	report := newReport(args, o, chosen, watch.elsewhere()).markdown()
	if _, err := io.WriteString(stdout, report); err != nil || o.out == "" {
		return err
	}
	return os.WriteFile(o.out, []byte(report), 0o644)
}

// parse returns the settings, and what is to be measured.
func parse(args []string, stderr io.Writer) (*options, []result, error) {
	var o options
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.rounds, "rounds", 5, "how often each server is measured in each scenario")
	fs.DurationVar(&o.duration, "duration", 3*time.Second, "how long each time, in whole seconds")
	fs.DurationVar(&o.warmUp, "warm-up", time.Second, "load before each measurement, in whole seconds; 0 is none")
	fs.IntVar(&o.connections, "connections", 64, "keep-alive connections where the scenario does not say how many")
	fs.IntVar(&o.idle, "idle", 15_000, "idle connections whose memory is measured")
	fs.IntVar(&o.crowd, "crowd", 10_000, "connections of which 1 % are active at a time")
	fs.DurationVar(&o.delay, "receiver-delay", 0, "how long the receiver of spans waits before it answers, like one that is far away")
	fs.IntVar(&o.turns, "turns", 12, "how often each server is measured in each round where differences are small, for a second each time")
	fs.DurationVar(&o.far, "far", 10*time.Second, "how long each time where the receiver of spans is far away, in whole seconds")
	fs.DurationVar(&o.outage, "outage", time.Minute, "how long the receiver of spans is away; before and after, it is there for half of that or more")
	fs.StringVar(&o.only, "only", "", "measure only the servers whose names contain one of these, with commas between them")
	fs.StringVar(&o.scenario, "scenario", "", "measure only the scenarios whose names contain one of these, with commas between them")
	fs.StringVar(&o.out, "out", "", "the file that the tables are written to (default "+resultsFile+", or none with -only or -scenario)")
	if err := fs.Parse(args); err != nil {
		return nil, nil, err
	}
	if fs.NArg() > 0 {
		return nil, nil, fmt.Errorf("%q is not a flag", fs.Arg(0))
	}
	if o.out == "" && o.only == "" && o.scenario == "" {
		o.out = resultsFile
	}
	chosen := plan(&o)
	return &o, chosen, o.check(chosen)
}

// check says what makes a run with these settings impossible.
func (o *options) check(chosen []result) error {
	if o.rounds < 1 || o.turns < 1 || !isForWrk(o.duration, 1) || !isForWrk(o.far, 1) || !isForWrk(o.warmUp, 0) {
		return errors.New("-rounds, -turns, -duration and -far begin at 1, -warm-up at 0, and wrk counts in whole seconds")
	}
	if o.outage < time.Second {
		return errors.New("-outage begins at 1s: what is not sent within a second is no outage")
	}
	if o.connections < wrkThreads || o.idle < 1 || o.crowd < 1 {
		return fmt.Errorf("-connections begins at %d, one for each of wrk's threads, -idle and -crowd at 1", wrkThreads)
	}
	if len(chosen) == 0 {
		return fmt.Errorf("-only %q and -scenario %q leave nothing of the servers %s and the scenarios %s",
			o.only, o.scenario, list(candidates, func(c candidate) string { return c.name }), list(scenarios, func(s scenario) string { return s.name }))
	}
	if slices.ContainsFunc(chosen, func(r result) bool { return r.scenario.crowded }) {
		return room(max(o.idle, o.crowd))
	}
	return nil
}

func isForWrk(d time.Duration, least int) bool {
	return d >= time.Duration(least)*time.Second && d%time.Second == 0
}

// list returns names with commas between them.
func list[T any](of []T, name func(T) string) string {
	var all []string
	for _, v := range of {
		all = append(all, name(v))
	}
	return strings.Join(all, ", ")
}
