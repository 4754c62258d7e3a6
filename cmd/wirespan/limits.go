package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/limit"
)

// limitOptions are the flags that say what is too much.
type limitOptions struct {
	rate                                            rateLimit
	maxRequests, maxConnections, maxBlockedHandlers int
}

// rateLimit is how often a client may ask; the zero value is any number of times.
type rateLimit struct {
	perSecond float64
	burst     int
}

func (o *limitOptions) register(fs *pflag.FlagSet) {
	setting(fs, &o.rate, "rate-limit", "", "rate",
		"how often each client may ask, such as 100/s or 100/s,burst=200; more is told 429", parseRate)
	setting(fs, &o.maxRequests, "max-requests", "0", "number", "requests in progress; more are told 503; 0 is any number", parseCount)
	setting(fs, &o.maxConnections, "max-connections", "0", "number",
		"open connections; more are told 503; 0 is nine tenths of the descriptors", parseCount)
	setting(fs, &o.maxBlockedHandlers, "max-blocked-handlers", "0", "number",
		"handlers of the epoll engine that block; while there are so many, new connections are told 503; 0 is any number", parseCount)
}

// parseCount takes a number that can be counted to, or 0.
func parseCount(s string) (int, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("use a whole number up to %d", math.MaxInt32)
	}
	return int(n), nil
}

// parseRate takes a number of requests per unit of time, all of which may come at once unless a burst is given.
func parseRate(s string) (rateLimit, error) {
	wrong := errors.New("use so many a second, minute or hour, such as 100/s, 600/m or 100/s,burst=200")
	often, burst, hasBurst := strings.Cut(s, ",")
	number, unit, _ := strings.Cut(often, "/")
	seconds := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	n, err := parseCount(number)
	if err != nil || n == 0 || seconds == 0 {
		return rateLimit{}, wrong
	}
	r := rateLimit{float64(n) / seconds, n}
	if hasBurst {
		count, named := strings.CutPrefix(burst, "burst=")
		if r.burst, err = parseCount(count); err != nil || r.burst == 0 || !named {
			return rateLimit{}, wrong
		}
	}
	return r, nil
}

// checkLimits compares the limits with what they are for.
func (o *serverOptions) checkLimits() error {
	name := nameOf(o.flags, "max-blocked-handlers")
	switch {
	case o.limits.maxBlockedHandlers == 0:
		return nil
	case o.engine == httpcore.EngineGoroutine:
		return usagef("%s is for the epoll engine, and %s is goroutine: use --max-requests", name, nameOf(o.flags, "engine"))
	case o.tlsCert != "":
		return usagef("%s is for the epoll engine, which does not serve HTTPS: use --max-requests", name)
	}
	return nil
}

// checkClients makes sure that the clients at this address can be told apart.
func (o *serverOptions) checkClients(addr net.Addr) error {
	if _, isUnix := addr.(*net.UnixAddr); isUnix && o.limits.rate.perSecond > 0 && len(o.trustedProxies) == 0 {
		return usagef("%s cannot tell the clients of a Unix socket apart unless their proxy does: "+
			"give --trusted-proxies (WIRESPAN_TRUSTED_PROXIES) too", nameOf(o.flags, "rate-limit"))
	}
	return nil
}

// limiter stands before a site that has limits; nil is one that has none.
type limiter struct {
	*limit.Handler
	options *limitOptions
}

func newLimiter(site http.Handler, o *serverOptions) (*limiter, error) {
	l := &o.limits
	if l.rate.perSecond == 0 && l.maxRequests == 0 {
		return nil, nil
	}
	h, err := limit.New(site, limit.Options{
		Rate: l.rate.perSecond, Burst: l.rate.burst, MaxRequests: l.maxRequests,
		TrustedProxies: o.trustedProxies, HealthCheckPath: o.healthCheckPath,
	})
	return &limiter{h, l}, err
}

// tell has the meter count what is refused; a nil one does not.
func (l *limiter) tell(m *meter) error {
	if l == nil || m == nil {
		return nil
	}
	rate := metric.WithAttributes(attribute.String("error.type", "rate_limited"))
	room := metric.WithAttributes(attribute.String("error.type", "max_concurrent_requests_exceeded"))
	_, err := m.provider.Meter(tracerName).Int64ObservableCounter("wirespan.request.rejected",
		metric.WithUnit("{request}"), metric.WithDescription("Requests that a limit has refused."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			s := l.Stats()
			if l.options.rate.perSecond > 0 {
				o.Observe(int64(s.RateLimited), rate)
			}
			if l.options.maxRequests > 0 {
				o.Observe(int64(s.Shed), room)
			}
			return nil
		}))
	return err
}

// describe says in a line what has been refused.
func (l *limiter) describe() []string {
	if l == nil {
		return nil
	}
	var parts []string
	s := l.Stats()
	if l.options.rate.perSecond > 0 {
		parts = append(parts, fmt.Sprintf("%d requests refused for their rate, %d clients remembered", s.RateLimited, s.Clients))
	}
	if l.options.maxRequests > 0 {
		parts = append(parts, fmt.Sprintf("%d requests refused for want of room, %d of %d in progress",
			s.Shed, s.InProgress, l.options.maxRequests))
	}
	return []string{"[+] limits: " + strings.Join(parts, "; ")}
}

// stats are the same accounts for the log.
func (l *limiter) stats() []any {
	if l == nil {
		return nil
	}
	s := l.Stats()
	return []any{"requests_rate_limited", s.RateLimited, "requests_shed", s.Shed}
}
