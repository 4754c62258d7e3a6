package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wirespan/wirespan/httpcore"
)

// value is a setting that is checked when it is set, so that a flag and its variable are refused in the same words.
type value[T any] struct {
	target *T
	text   string
	kind   string
	parse  func(string) (T, error) // its error says what is allowed
}

// Set implements [pflag.Value].
func (v *value[T]) Set(text string) error {
	t, err := v.parse(text)
	if err != nil {
		return err
	}
	*v.target, v.text = t, text
	return nil
}

// String implements [pflag.Value].
func (v *value[T]) String() string { return v.text }

// Type implements [pflag.Value].
func (v *value[T]) Type() string { return v.kind }

// setting adds a flag whose text parse turns into *target. byDefault may be empty, and is not parsed then.
func setting[T any](fs *pflag.FlagSet, target *T, name, byDefault, kind, usage string, parse func(string) (T, error)) *pflag.Flag {
	v := &value[T]{target: target, kind: kind, parse: parse}
	if byDefault != "" {
		if err := v.Set(byDefault); err != nil {
			panic(fmt.Sprintf("the default of --%s: %v", name, err))
		}
	}
	return fs.VarPF(v, name, "", fmt.Sprintf("%s [$%s]", usage, variable(name)))
}

// switchSetting is setting for a flag that needs no value.
func switchSetting(fs *pflag.FlagSet, target *bool, name, usage string) {
	setting(fs, target, name, "", "", usage, parseBool).NoOptDefVal = "true"
}

// variable returns the name of the variable that stands for a flag.
func variable(flag string) string {
	return "WIRESPAN_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromVariable marks a flag that was set by its variable.
const fromVariable = "variable"

// readVariables sets the flags that the command line has left alone from their variables.
func (a *app) readVariables(cmd *cobra.Command) error {
	var err error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if err != nil || f.Changed || f.Name == "help" {
			return
		}
		name := variable(f.Name)
		text := a.env.get(name)
		if text == "" {
			return
		}
		if refused := f.Value.Set(text); refused != nil {
			err = refuse(name, text, refused)
			return
		}
		f.Annotations = map[string][]string{fromVariable: {name}}
	})
	return err
}

// nameOf returns the flag, or the variable when that is what set it: the name under which the user knows it.
func nameOf(fs *pflag.FlagSet, flag string) string {
	if f := fs.Lookup(flag); f != nil && len(f.Annotations[fromVariable]) > 0 {
		return f.Annotations[fromVariable][0]
	}
	return "--" + flag
}

// isGiven reports whether a flag was set, by itself or by its variable.
func isGiven(fs *pflag.FlagSet, flag string) bool {
	f := fs.Lookup(flag)
	return f.Changed || len(f.Annotations[fromVariable]) > 0
}

func refuse(name, text string, why error) error {
	return usagef("%s %q is not allowed: %v", name, redactText(text), why)
}

// flagError puts what pflag objects to into a sentence.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &invalid):
		return refuse("--"+invalid.GetFlag().Name, invalid.GetValue(), invalid.Unwrap())
	case errors.As(err, &missing):
		usage, _, _ := strings.Cut(missing.GetFlag().Usage, " [$")
		return usagef("--%s needs a value: %s", missing.GetFlag().Name, usage)
	case errors.As(err, &unknown):
		dashes := "--"
		if unknown.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		return usagef("%s%s is not a flag of %s: see %[3]s --help", dashes, unknown.GetSpecifiedName(), cmd.CommandPath())
	}
	return usagef("%v", err)
}

// command makes a subcommand of n arguments; do runs after flags and variables have been read.
func (a *app) command(use, short, long string, n int, do func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long,
		DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) < n:
				return usagef("%s needs its argument: %s", cmd.CommandPath(), cmd.UseLine())
			case len(args) > n:
				return usagef("%q is one argument too many: %s", args[n], cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.readVariables(cmd); err != nil {
				return err
			}
			return do(cmd, args)
		},
	}
}

func parseBool(s string) (bool, error) {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, errors.New("use true or false")
	}
	return b, nil
}

// maxWorkers is far above what any machine gains from.
const maxWorkers = 1024

func parseWorkers(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > maxWorkers {
		return 0, fmt.Errorf("use a whole number from 1 to %d, or 0 for one a processor", maxWorkers)
	}
	return n, nil
}

func parseEngine(s string) (httpcore.Engine, error) {
	e, err := httpcore.ParseEngine(s)
	if err != nil {
		return 0, errors.New("use auto, epoll or goroutine")
	}
	return e, nil
}

func parseAccept(s string) (httpcore.AcceptMode, error) {
	m, err := httpcore.ParseAcceptMode(s)
	if err != nil {
		return 0, errors.New("use reuseport or distribute")
	}
	return m, nil
}

func parseLevel(s string) (slog.Level, error) {
	switch s {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, errors.New("use debug, info, warn or error")
}

// oneOf returns a parser that takes one of names.
func oneOf(names ...string) func(string) (string, error) {
	return func(s string) (string, error) {
		for _, n := range names {
			if s == n {
				return s, nil
			}
		}
		last := len(names) - 1
		return "", fmt.Errorf("use %s or %s", strings.Join(names[:last], ", "), names[last])
	}
}

func parseText(s string) (string, error) { return s, nil }

func parsePath(s string) (string, error) {
	if !strings.HasPrefix(s, "/") {
		return "", errors.New("use a path that begins with a slash, such as /healthz")
	}
	return s, nil
}

// parseTimeout takes a duration that lies ahead.
func parseTimeout(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, errors.New("use a duration above zero, such as 30s or 2m")
	}
	return d, nil
}

// parsePrefixes takes a list of networks and addresses.
func parsePrefixes(s string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for item := range strings.SplitSeq(s, ",") {
		item = strings.TrimSpace(item)
		if addr, err := netip.ParseAddr(item); err == nil && addr.Zone() == "" {
			list = append(list, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(item)
		if err != nil {
			return nil, errors.New("use networks and addresses with commas between them, such as 10.0.0.0/8,192.0.2.7")
		}
		list = append(list, prefix.Masked())
	}
	return list, nil
}

// unixScheme begins an address that is a socket in the file system.
const unixScheme = "unix:"

func parseAddress(s string) (string, error) {
	if path, ok := strings.CutPrefix(s, unixScheme); ok {
		if path == "" {
			return "", errors.New("use unix: and the path of the socket, such as unix:/run/wirespan.sock")
		}
		return s, nil
	}
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", errors.New("use host:port with a port from 0 to 65535, such as 127.0.0.1:8080, or unix:/path")
	}
	return s, nil
}

// systemdScheme begins the name of a socket that systemd hands over; alone, without the colon, it is all of them.
const systemdScheme = "systemd:"

// systemdName returns which sockets of systemd an address stands for: "" is all.
func systemdName(address string) (name string, ok bool) {
	if address == strings.TrimSuffix(systemdScheme, ":") {
		return "", true
	}
	return strings.CutPrefix(address, systemdScheme)
}

func parseSiteAddress(s string) (string, error) {
	if name, ok := systemdName(s); ok {
		if name == "" && strings.HasSuffix(s, ":") {
			return "", errors.New("use systemd: and the FileDescriptorName= of the socket unit, or systemd for all sockets")
		}
		return s, nil
	}
	if _, err := parseAddress(s); err != nil {
		return "", fmt.Errorf("%w, systemd or systemd:NAME", err)
	}
	return s, nil
}

// isPort reports whether an address is host:port.
func isPort(address string) bool {
	_, isSystemd := systemdName(address)
	return !isSystemd && !strings.HasPrefix(address, unixScheme)
}

// off is the --admin that opens no admin port.
const off = "off"

func parseAdmin(s string) (string, error) {
	if s == off {
		return s, nil
	}
	if _, err := parseAddress(s); err != nil {
		return "", fmt.Errorf("%w, or off", err)
	}
	return s, nil
}
