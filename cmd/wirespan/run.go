package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitForced = 2
)

// environment looks a variable up, as [os.LookupEnv] does.
type environment func(name string) (value string, ok bool)

// get returns the variable's value; an empty variable counts as one that is not set.
func (e environment) get(name string) string {
	v, _ := e(name)
	return v
}

// first returns the first of the variables that is set, and its name.
func (e environment) first(names ...string) (name, value string) {
	for _, n := range names {
		if v := e.get(n); v != "" {
			return n, v
		}
	}
	return "", ""
}

// app is all that a run of the command may touch beside its arguments.
type app struct {
	env            environment
	stdout, stderr io.Writer
	// isTerminal reports whether somebody sits in front of w.
	isTerminal func(w io.Writer) bool
	// signals returns where the signals that end a server arrive, where SIGHUP and SIGUSR1 do, and what stops their delivery.
	signals func() (end, hangup <-chan os.Signal, stop func())
}

// run is the command: it returns the exit code.
func run(args []string, env environment, stdout, stderr io.Writer) int {
	a := &app{env: env, stdout: stdout, stderr: stderr, isTerminal: isTerminal, signals: processSignals}
	return a.run(args)
}

func (a *app) run(args []string) int {
	root := a.rootCommand()
	root.SetArgs(append([]string{}, args...)) // cobra takes nil for "those of the process"
	err := root.Execute()
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errForced):
		return exitForced
	case errors.Is(err, errReported):
		return exitFailed
	}
	fmt.Fprintf(a.stderr, "wirespan: %s\n", oneLine(err.Error()))
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "wirespan",
		Short: "An HTTP server that traces every connection and request with OpenTelemetry",
		Long: "An HTTP server that traces every connection and request with OpenTelemetry.\n\n" +
			"Each flag can also be given as a variable: --drain-timeout is WIRESPAN_DRAIN_TIMEOUT. A flag beats its\n" +
			"variable. Where the traces go is said by the variables of OpenTelemetry, OTEL_EXPORTER_OTLP_ENDPOINT first.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%q is not a command: use serve, proxy, demo, check or version", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(a.serveCommand(), a.proxyCommand(), a.demoCommand(), a.checkCommand(), a.versionCommand())
	return root
}

var (
	// errReported is a failure that the command has already told in its own words.
	errReported = errors.New("failed")
	// errForced is a second signal.
	errForced = errors.New("ended by a second signal")
)

// usageError is a flag, a variable or an argument that makes no sense.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// oneLine keeps an error to one line, and its control characters from the terminal.
func oneLine(s string) string {
	return string(appendPrintable(nil, strings.TrimSpace(s), len(s)))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func processSignals() (end, hangup <-chan os.Signal, stop func()) {
	// Whoever reads standard output may leave before the server does: a failed write then, not the end.
	signal.Ignore(syscall.SIGPIPE)
	e, h := make(chan os.Signal, 2), make(chan os.Signal, len(hangupSignals))
	signal.Notify(e, os.Interrupt, syscall.SIGTERM)
	signal.Notify(h, hangupSignals...)
	return e, h, func() {
		signal.Stop(e)
		signal.Stop(h)
	}
}
