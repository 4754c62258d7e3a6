package accesslog

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
)

// endpoint is what to dial.
type endpoint struct{ network, address string }

func (e endpoint) stream() bool { return e.network == "tcp" || e.network == "unix" }

func isSyslogScheme(s string) bool { return s == "udp" || s == "tcp" || s == "unix" }

// parseSyslogAddress returns the endpoints to try in turn.
func parseSyslogAddress(address string) ([]endpoint, error) {
	wrong := func(problem string) error {
		return fmt.Errorf("syslog address %q: %s; allowed are udp://host:port, tcp://host:port, unix://path, unix://path#dgram and unix://path#stream",
			address, problem)
	}
	scheme, rest, _ := strings.Cut(address, "://")
	switch scheme {
	case "udp", "tcp":
		hostport, err := withDefaultPort(rest)
		if err != nil {
			return nil, wrong(err.Error())
		}
		return []endpoint{{scheme, hostport}}, nil
	case "unix":
		path, kind, _ := strings.Cut(rest, "#")
		if path == "" {
			return nil, wrong("the path is missing")
		}
		datagram, stream := endpoint{"unixgram", path}, endpoint{"unix", path}
		switch kind {
		case "":
			return []endpoint{datagram, stream}, nil
		case "dgram":
			return []endpoint{datagram}, nil
		case "stream":
			return []endpoint{stream}, nil
		}
		return nil, wrong(fmt.Sprintf("%q is no kind of socket", kind))
	}
	return nil, wrong(fmt.Sprintf("%q is no kind of address", scheme))
}

// withDefaultPort adds what is missing: localhost, and 514.
func withDefaultPort(hostport string) (string, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		bare := strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
		if strings.Contains(hostport, ":") && bare == hostport || strings.Contains(bare, "]") {
			return "", err
		}
		host, port = bare, "514"
	}
	if host == "" {
		host = "localhost"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%q is no port", port)
	}
	return net.JoinHostPort(host, port), nil
}

// syslogFacilities and syslogSeverities are the codes of RFC 5424, 6.2.1.
var (
	syslogFacilities = map[string]int{
		"kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7, "uucp": 8, "cron": 9,
		"authpriv": 10, "ftp": 11, "local0": 16, "local1": 17, "local2": 18, "local3": 19, "local4": 20, "local5": 21,
		"local6": 22, "local7": 23,
	}
	syslogSeverities = map[string]int{
		"emerg": 0, "alert": 1, "crit": 2, "err": 3, "warning": 4, "notice": 5, "info": 6, "debug": 7,
	}
)

func codeOf(what, name string, codes map[string]int) (int, error) {
	if code, ok := codes[strings.ToLower(name)]; ok {
		return code, nil
	}
	return 0, fmt.Errorf("syslog %s %q is not known: allowed are %s", what, name, strings.Join(slices.Sorted(maps.Keys(codes)), ", "))
}

func isSyslogName(s string, most int) bool {
	outside := func(r rune) bool { return r < '!' || r > '~' }
	return s != "" && len(s) <= most && !strings.ContainsFunc(s, outside)
}
