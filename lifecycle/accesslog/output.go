package accesslog

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Output is where the lines of a log go. One goroutine writes and reopens it.
type Output interface {
	// Write takes lines, each with its newline. It returns how many bytes it took, and the rest is offered again later.
	Write(lines []byte) (int, error)
	// Reopen begins anew. Should it fail, the Output goes on as before.
	Reopen() error
	// Close may be called while a Write or a Reopen runs, and ends it.
	Close() error
}

// Open opens the output that target names: "-" is standard output, udp://host:port, tcp://host:port and unix://path are
// a syslog receiver, see [OpenSyslog], and everything else is a file, see [OpenFile].
func Open(target string, o SyslogOptions) (Output, error) {
	scheme, _, isURL := strings.Cut(target, "://")
	switch {
	case target == "":
		return nil, fmt.Errorf("open a log: no target is named; %s", allowedTargets)
	case target == "-":
		return Writer(os.Stdout), nil
	case isURL && isSyslogScheme(scheme):
		return OpenSyslog(target, o)
	case isURL:
		return nil, fmt.Errorf("open the log %q: %s", target, allowedTargets)
	}
	return OpenFile(target)
}

const allowedTargets = "allowed are - for standard output, udp://host:port, tcp://host:port or unix://path for syslog, and the path of a file"

// Writer is an Output that writes to w, with one call for many lines. There is nothing to reopen, and whoever made w closes it.
func Writer(w io.Writer) Output { return writer{w} }

type writer struct{ io.Writer }

func (writer) Reopen() error { return nil }
func (writer) Close() error  { return nil }
