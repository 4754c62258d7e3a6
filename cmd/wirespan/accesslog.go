package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/pflag"

	"github.com/wirespan/wirespan/lifecycle/accesslog"
)

// accessLogOptions are the flags of the access log.
type accessLogOptions struct {
	target  string // "": there is none
	format  string
	dialect accesslog.Dialect

	compiled *accesslog.Format // by check
}

func (o *accessLogOptions) register(fs *pflag.FlagSet) {
	setting(fs, &o.target, "access-log", "", "target",
		"write a line for each request: to a file, - for standard output, or udp://host:port, tcp://host:port or unix:/path for syslog", parseLogTarget)
	setting(fs, &o.format, "access-log-format", "", "format",
		"common, combined, json, or text with atoms such as %(h)s; else that of the dialect", parseText)
	setting(fs, &o.dialect, "access-log-dialect", "seed", "name", "what an atom means: seed, hypercorn or gunicorn", parseDialect)
}

// standard is the target that is standard output or standard error.
const standard = "-"

// parseLogTarget takes what [accesslog.Open] does, and a Unix socket as the other flags have it.
func parseLogTarget(s string) (string, error) {
	s = withSlashes(s)
	if !strings.Contains(s, "://") {
		return s, nil
	}
	receiver, err := accesslog.OpenSyslog(s, accesslog.SyslogOptions{}) // which does not look for it yet
	if err != nil {
		return "", errors.New("use the path of a file, -, or udp://host:port, tcp://host:port or unix:/path for syslog")
	}
	return s, receiver.Close()
}

// withSlashes makes unix:///path of unix:/path.
func withSlashes(address string) string {
	if path, ok := strings.CutPrefix(address, unixScheme); ok && !strings.HasPrefix(path, "//") {
		return unixScheme + "//" + path
	}
	return address
}

func parseDialect(s string) (accesslog.Dialect, error) {
	d, err := accesslog.ParseDialect(s)
	if err != nil {
		return 0, errors.New("use seed, hypercorn or gunicorn")
	}
	return d, nil
}

var accessLogFormats = map[string]string{"common": accesslog.Common, "combined": accesslog.Combined, "json": accesslog.JSON}

// check compiles the format.
func (o *accessLogOptions) check(fs *pflag.FlagSet) error {
	text, isName := accessLogFormats[o.format]
	switch {
	case isName:
	case o.format == "":
		text = o.dialect.DefaultFormat()
	case !strings.Contains(o.format, "%("):
		return refuse(nameOf(fs, "access-log-format"), o.format, errors.New("use common, combined, json or text with atoms such as %(h)s"))
	default:
		text = o.format
	}
	var err error
	o.compiled, err = accesslog.Compile(text, accesslog.FormatOptions{Dialect: o.dialect})
	var wrong *accesslog.FormatError
	if errors.As(err, &wrong) {
		err = fmt.Errorf("at byte %d: %s", wrong.Offset, wrong.Problem)
	}
	if err != nil {
		return refuse(nameOf(fs, "access-log-format"), o.format, err)
	}
	return nil
}

// accessLog is a [sink].
type accessLog struct {
	*accesslog.Log
	target string
}

func startAccessLog(o *serverOptions, stdout io.Writer, log *slog.Logger) (*accessLog, error) {
	out := accesslog.Writer(stdout)
	if target := o.accessLog.target; target != standard {
		var err error
		if out, err = accesslog.Open(target, accesslog.SyslogOptions{}); err != nil {
			return nil, createError("write the access log to "+target+" ("+nameOf(o.flags, "access-log")+")", target, err)
		}
	}
	options := accesslog.Options{Format: o.accessLog.compiled, Output: out, Workers: o.workers, ErrorLog: log}
	if o.healthCheckPath != "" {
		options.Filter = func(r *accesslog.Record) bool { return !isAnsweredCheck(r, o.healthCheckPath) }
	}
	return &accessLog{accesslog.New(options), o.accessLog.target}, nil
}

// isAnsweredCheck reports whether r is a request that the log of events leaves out too.
func isAnsweredCheck(r *accesslog.Record, healthCheckPath string) bool {
	path, _, _ := strings.Cut(r.Target, "?")
	return path == healthCheckPath && r.Event == "ResponseCompleted"
}

func (l *accessLog) close(ctx context.Context) error { return l.Close(ctx) }

func (l *accessLog) describe() string {
	return describeLog("access log", l.target, l.Stats(), l.Err())
}

func (l *accessLog) counts() []any {
	s := l.Stats()
	return []any{"access_lines_written", s.Written, "access_lines_dropped", s.Dropped()}
}

// describeLog says in a line how it stands with a log.
func describeLog(name, target string, s accesslog.Stats, failure error) string {
	mark, state := "[+]", ""
	if s.Dropped() > 0 {
		mark = "[!]"
	}
	if failure != nil {
		mark, state = "[!]", " cannot be written just now ("+oneLine(failure.Error())+")"
	}
	return fmt.Sprintf("%s %s: %s%s; lines: %d written + %d dropped", mark, name, target, state, s.Written, s.Dropped())
}
