package otelmetrics

import (
	"crypto/tls"
	"net/netip"
	"strconv"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wirespan/wirespan/lifecycle"
)

// scopeName is the instrumentation scope of the metrics.
const scopeName = "github.com/wirespan/wirespan/otelmetrics"

// Attributes.
const (
	keyMethod     = attribute.Key("http.request.method")
	keyStatusCode = attribute.Key("http.response.status_code")
	keyRoute      = attribute.Key("http.route")
	keyScheme     = attribute.Key("url.scheme")
	keyErrorType  = attribute.Key("error.type")
	keyVersion    = attribute.Key("network.protocol.version")
	keyTransport  = attribute.Key("network.transport")
	keyNetwork    = attribute.Key("network.type")
	keyTLSVersion = attribute.Key("tls.protocol.version")
	keyStreaming  = attribute.Key("wirespan.request.streaming")
	keyState      = attribute.Key("wirespan.connection.state")
)

// Each of these is an attribute with few values. The first, zero, is none.
type (
	version     uint8
	scheme      uint8
	tlsVersion  uint8
	transport   uint8
	networkType uint8
)

var (
	versions     = [...]string{"", "1.0", "1.1", "2", "3"}
	schemes      = [...]string{"", "http", "https"}
	tlsVersions  = [...]string{"", "1.0", "1.1", "1.2", "1.3"}
	transports   = [...]string{"", "tcp", "unix"}
	networkTypes = [...]string{"", "ipv4", "ipv6"}
	stateNames   = [states]string{"idle", "active", "upgraded"}
)

const (
	schemeHTTP scheme = iota + 1
	schemeHTTPS
)

// stateQueued is the state of connections that nobody has accepted yet.
const stateQueued = "queued"

// position returns the place of a name in a list, and 0 when it is not there.
func position(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return 0
}

func versionOf(s string) version {
	if s == "1.1" { // as a rule
		return 2
	}
	return version(position(versions[:], s))
}

func schemeOf(r *lifecycle.Request, secure bool) scheme {
	if r.Scheme == "https" || r.Scheme == "" && secure {
		return schemeHTTPS
	}
	return schemeHTTP
}

func tlsVersionOf(s *tls.ConnectionState) tlsVersion {
	if s == nil || s.Version < tls.VersionTLS10 || s.Version > tls.VersionTLS13 {
		return 0
	}
	return tlsVersion(s.Version - tls.VersionTLS10 + 1)
}

func networkOf(p *lifecycle.Peers) (transport, networkType) {
	t := transport(position(transports[:], p.Network))
	switch a, err := netip.ParseAddr(p.ServerAddr); {
	case err != nil:
		return t, 0
	case a.Unmap().Is4():
		return t, 1
	default:
		return t, 2
	}
}

// Places in Collector.methods.
const (
	noMethod = iota
	otherMethod
	firstMethod
)

// method returns the index of a method; they are case-sensitive (RFC 9110, 9.1).
func (c *Collector) method(name string) uint16 {
	for i, n := range c.methods[firstMethod:] {
		if n == name {
			return uint16(firstMethod + i)
		}
	}
	return otherMethod
}

// underWayIndex numbers methods and schemes together.
func underWayIndex(method uint16, s scheme) int { return int(method)*len(schemes) + int(s) }

// attributes makes the attributes of a series.
func (c *Collector) attributes(k *key) attribute.Set {
	var list []attribute.KeyValue
	text := func(name attribute.Key, value string) {
		if value != "" {
			list = append(list, name.String(value))
		}
	}
	text(keyMethod, c.methods[k.method])
	text(keyScheme, schemes[k.scheme])
	text(keyRoute, k.route)
	text(keyVersion, versions[k.version])
	text(keyTransport, transports[k.transport])
	text(keyNetwork, networkTypes[k.network])
	text(keyTLSVersion, tlsVersions[k.tls])
	text(keyErrorType, k.errorType())
	if k.status != 0 {
		list = append(list, keyStatusCode.Int(int(k.status)))
	}
	if k.streaming {
		list = append(list, keyStreaming.Bool(true))
	}
	return attribute.NewSet(list...)
}

// errorType is the code, or a status that is an error of the server.
func (k *key) errorType() string {
	if k.code == "" && k.status >= 500 {
		return strconv.Itoa(int(k.status))
	}
	return k.code
}
