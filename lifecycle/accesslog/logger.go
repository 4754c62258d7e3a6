package accesslog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/wirespan/wirespan/lifecycle"
)

// LevelCritical is above [slog.LevelError].
const LevelCritical = slog.Level(12)

// LoggerOptions configures a [Logger]. The zero value has no access log, and writes errors to standard error from INFO on.
type LoggerOptions struct {
	// AccessLog is where access lines go, as [Open] takes it; "" is nowhere.
	AccessLog string
	// AccessLogger takes the access lines in place of AccessLog: each is the message of a record at INFO.
	AccessLogger *slog.Logger
	// AccessFormat is the format of an access line; "" is the default of the dialect.
	AccessFormat string
	// FormatOptions are those of AccessFormat.
	FormatOptions FormatOptions
	// Access has what else the access log can be told. Its Format, Output and ErrorLog are the Logger's to set.
	Access Options

	// ErrorLog is where everything else goes, as [Open] takes it; "" and "-" are standard error.
	ErrorLog string
	// ErrorLogger takes the records in place of ErrorLog, as it is: with its own handler and its own level.
	ErrorLogger *slog.Logger
	// Level is the least level that ErrorLog takes; nil is INFO.
	Level slog.Leveler
	// ErrorHandler makes what writes records to ErrorLog, such as a [slog.JSONHandler], where its lines are not to be those of
	// the package: "[time] [pid] [LEVEL] message". It makes one Write of each record, and minds the level itself.
	ErrorHandler func(io.Writer) slog.Handler
	// Handlers take each record beside ErrorLog or ErrorLogger, at the levels that they want. Access lines do not come here.
	Handlers []slog.Handler

	// Syslog labels what goes to a syslog receiver. The message id of the error log is "error", whatever it says.
	Syslog SyslogOptions
}

// Logger is a log of errors and, beside it, an access log.
//
// Its methods format their arguments as [fmt.Sprintf] does, once it is known that somebody wants the level. They may be called
// from any goroutine and do not block: records wait for a goroutine to write them, as access lines do.
type Logger struct {
	access   *Log // nil when there is none
	atoms    atoms
	errors   *slog.Logger
	queue    *queue // of the error log; nil when that is somebody else's
	handlers []slog.Handler
}

// NewLogger opens the destinations and starts a Logger. Close ends it.
func NewLogger(o LoggerOptions) (*Logger, error) {
	if o.AccessFormat == "" {
		o.AccessFormat = o.FormatOptions.Dialect.DefaultFormat()
	}
	format, err := Compile(o.AccessFormat, o.FormatOptions)
	if err != nil {
		return nil, err
	}
	access, err := o.openAccess()
	if err != nil {
		return nil, fmt.Errorf("access log: %w", err)
	}
	l := &Logger{atoms: newAtoms(o.FormatOptions.withDefaults())}
	if err := l.openErrors(&o); err != nil {
		if access != nil {
			_ = access.Close() // nothing was written to it
		}
		return nil, fmt.Errorf("error log: %w", err)
	}
	if access != nil {
		o.Access.Format, o.Access.Output, o.Access.ErrorLog = format, access, l.errors
		l.access = New(o.Access)
	}
	return l, nil
}

// openAccess returns nil where there is to be no access log.
func (o *LoggerOptions) openAccess() (Output, error) {
	switch {
	case o.AccessLogger != nil:
		return slogOutput{o.AccessLogger}, nil
	case o.AccessLog == "":
		return nil, nil
	}
	return Open(o.AccessLog, o.Syslog)
}

func (l *Logger) openErrors(o *LoggerOptions) error {
	if o.ErrorLogger == nil {
		out, err := o.openErrorOutput()
		if err != nil {
			return err
		}
		// There is nobody to tell when the error log itself cannot be written.
		l.queue = newQueue("error log", out, 1, bufferBytes, flushEvery, slog.New(slog.DiscardHandler))
		if o.ErrorHandler != nil {
			l.handlers = append(l.handlers, o.ErrorHandler(recordWriter{l.queue}))
		} else {
			l.handlers = append(l.handlers, &lineHandler{queue: l.queue, level: levelOr(o.Level, slog.LevelInfo)})
		}
	} else {
		l.handlers = append(l.handlers, o.ErrorLogger.Handler())
	}
	l.handlers = append(l.handlers, o.Handlers...)
	l.errors = slog.New(slog.NewMultiHandler(l.handlers...))
	if o.AccessLogger != nil {
		l.handlers = append(l.handlers, o.AccessLogger.Handler())
	}
	return nil
}

func (o *LoggerOptions) openErrorOutput() (Output, error) {
	if o.ErrorLog == "" || o.ErrorLog == "-" {
		return Writer(os.Stderr), nil
	}
	label := o.Syslog
	label.MessageID = "error"
	return Open(o.ErrorLog, label)
}

func levelOr(l slog.Leveler, otherwise slog.Level) slog.Leveler {
	if l == nil {
		return otherwise
	}
	return l
}

// Critical logs that the server may have to end.
func (l *Logger) Critical(format string, args ...any) { l.Log(LevelCritical, format, args...) }

// Error logs that something failed and the server goes on.
func (l *Logger) Error(format string, args ...any) { l.Log(slog.LevelError, format, args...) }

// Warning logs what may be a mistake.
func (l *Logger) Warning(format string, args ...any) { l.Log(slog.LevelWarn, format, args...) }

// Info logs what goes on.
func (l *Logger) Info(format string, args ...any) { l.Log(slog.LevelInfo, format, args...) }

// Debug logs what helps to find a mistake.
func (l *Logger) Debug(format string, args ...any) { l.Log(slog.LevelDebug, format, args...) }

// Log logs at a level.
func (l *Logger) Log(level slog.Level, format string, args ...any) {
	if ctx := context.Background(); l.errors.Enabled(ctx, level) {
		l.errors.LogAttrs(ctx, level, fmt.Sprintf(format, args...))
	}
}

// Exception logs an error with a stack: that of the panic if err is a [*lifecycle.PanicError], else the caller's.
func (l *Logger) Exception(err error, format string, args ...any) {
	ctx := context.Background()
	if !l.errors.Enabled(ctx, slog.LevelError) {
		return
	}
	var stack []byte
	var panicked *lifecycle.PanicError
	if errors.As(err, &panicked) {
		stack = panicked.Stack
	} else {
		stack = debug.Stack()
	}
	l.errors.LogAttrs(ctx, slog.LevelError, fmt.Sprintf(format, args...), slog.Any("error", err), slog.String("stack", string(stack)))
}

// Access writes the access line of r. A server that has the [Logger.Collector] does this by itself.
func (l *Logger) Access(r *Record) {
	if l.access != nil {
		l.access.Access(r)
	}
}

// Atoms returns the atoms of r that have a name without braces, and those of [FormatOptions].Atoms, as they would be written in
// a line of text.
func (l *Logger) Atoms(r *Record) map[string]string {
	all := map[string]string{}
	add := func(name string, v value) {
		p := piece{value: v, encode: textEncoding, absent: "-"}
		all[name] = string(p.append(nil, r))
	}
	for name, v := range l.atoms.simple {
		add(name, v)
	}
	for name, f := range l.atoms.custom {
		add(name, text(guard(name, f)))
	}
	return all
}

// Collector returns what the server is to be given: the access log, or [lifecycle.Noop] when there is none.
func (l *Logger) Collector() lifecycle.Collector {
	if l.access == nil {
		return lifecycle.Noop
	}
	return l.access
}

// Slog returns the error log for code that takes a [slog.Logger].
func (l *Logger) Slog() *slog.Logger { return l.errors }

// Handlers returns the handlers that take records: those of the error log and, where access lines go to a [slog.Logger], that
// one's.
func (l *Logger) Handlers() []slog.Handler { return append([]slog.Handler(nil), l.handlers...) }

// Stats says what has become of the access lines and of the records of the error log so far.
func (l *Logger) Stats() (access, errorLog Stats) {
	if l.access != nil {
		access = l.access.Stats()
	}
	if l.queue != nil {
		errorLog = l.queue.stats()
	}
	return access, errorLog
}

// Flush returns when everything that was logged before has been written, or ctx ends.
func (l *Logger) Flush(ctx context.Context) error {
	return l.each(func(q *queue) error { return q.flush(ctx) })
}

// Reopen makes the files anew, as [Log.Reopen] does.
func (l *Logger) Reopen(ctx context.Context) error {
	return l.each(func(q *queue) error { return q.reopen(ctx) })
}

// Close writes what waits and closes the destinations, but no logger or handler that was given. It gives up when ctx ends.
func (l *Logger) Close(ctx context.Context) error {
	return l.each(func(q *queue) error { return q.close(ctx) })
}

// each calls f for the access log first, which may still have something to say in the error log.
func (l *Logger) each(f func(*queue) error) error {
	var errs []error
	if l.access != nil {
		errs = append(errs, f(l.access.queue))
	}
	if l.queue != nil {
		errs = append(errs, f(l.queue))
	}
	return errors.Join(errs...)
}
