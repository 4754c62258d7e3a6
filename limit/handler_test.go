package limit_test

import (
	"math"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/wirespan/wirespan/limit"
)

func TestMaxRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := mustNew(t, limit.Options{MaxRequests: 3, HealthCheckPath: "/healthz"}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				<-release
			}
			hello(w, r)
		})
		var asking sync.WaitGroup
		for range 3 {
			asking.Go(func() {
				if w := ask(h, from("192.0.2.1:1")); w.Code != 200 {
					t.Errorf("status %d for one that is not too much", w.Code)
				}
			})
		}
		synctest.Wait()
		w := ask(h, from("192.0.2.2:1"))
		if w.Code != 503 || w.Header().Get("Retry-After") != "1" || w.Header().Get("X-Wirespan-Error") != "max_concurrent_requests_exceeded" {
			t.Errorf("one too many: status %d, %v", w.Code, w.Header())
		}
		if got, want := w.Body.String(), "503 Service Unavailable: the server has as many requests in progress as it may\n"; got != want {
			t.Errorf("the client is told %q, want %q", got, want)
		}
		health := from("192.0.2.2:1")
		health.URL.Path = "/healthz"
		if w := ask(h, health); w.Code != 200 {
			t.Errorf("status %d for a health check", w.Code)
		}
		if s := h.Stats(); s != (limit.Stats{Shed: 1, InProgress: 3}) {
			t.Errorf("the accounts are %+v, want 1 shed and 3 in progress", s)
		}
		close(release)
		asking.Wait()
		if n := passed(h, 5, from("192.0.2.2:1")); n != 5 {
			t.Errorf("%d of 5 passed afterwards", n)
		}
		if s := h.Stats(); s != (limit.Stats{Shed: 1}) {
			t.Errorf("the accounts are %+v, want 1 shed", s)
		}
	})
}

// However a handler ends, its place is free again.
func TestPanicsMakeRoom(t *testing.T) {
	h := mustNew(t, limit.Options{MaxRequests: 1}, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for i := range 3 {
		func() {
			defer func() {
				if v := recover(); v != http.ErrAbortHandler {
					t.Errorf("request %d: %v came out", i, v)
				}
			}()
			ask(h, from("192.0.2.1:1"))
		}()
	}
	if s := h.Stats(); s != (limit.Stats{}) {
		t.Errorf("the accounts are %+v, want nothing", s)
	}
}

// Many at once are counted one by one: by the rate, and by what is in progress.
func TestConcurrentRequests(t *testing.T) {
	const most, burst, goroutines, each = 5, 1000, 16, 500
	var inside, answered atomic.Int64
	h := mustNew(t, limit.Options{Rate: 1e-9, Burst: burst, MaxRequests: most}, func(http.ResponseWriter, *http.Request) {
		if n := inside.Add(1); n > most {
			t.Errorf("%d requests are in progress", n)
		}
		answered.Add(1)
		inside.Add(-1)
	})
	var asking sync.WaitGroup
	for range goroutines {
		asking.Go(func() {
			for range each {
				ask(h, from("192.0.2.1:1"))
			}
		})
	}
	asking.Wait()
	s := h.Stats()
	if s.RateLimited != goroutines*each-burst {
		t.Errorf("%d of %d requests were rate-limited, want all but %d", s.RateLimited, goroutines*each, burst)
	}
	if got := uint64(answered.Load()) + s.Shed; got != burst || s.InProgress != 0 {
		t.Errorf("%d were answered or shed, want %d; %d are in progress", got, burst, s.InProgress)
	}
}

// A request that the rate refuses takes no place from others, and health checks take no token.
func TestBothLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := mustNew(t, limit.Options{Rate: 1, Burst: 2, MaxRequests: 1, HealthCheckPath: "/healthz"}, hello)
		health := from("192.0.2.1:1")
		health.URL.Path = "/healthz"
		if n := passed(h, 100, health); n != 100 {
			t.Errorf("%d of 100 health checks passed", n)
		}
		if n := passed(h, 5, from("192.0.2.1:1")); n != 2 {
			t.Errorf("%d requests passed, want 2", n)
		}
		if s := h.Stats(); s != (limit.Stats{RateLimited: 3, Clients: 1}) {
			t.Errorf("the accounts are %+v, want 3 rate-limited", s)
		}
	})
}

func TestNoLimits(t *testing.T) {
	h := mustNew(t, limit.Options{}, hello)
	if n := passed(h, 1000, from("192.0.2.1:1")); n != 1000 {
		t.Errorf("%d of 1000 requests passed", n)
	}
	if s := h.Stats(); s != (limit.Stats{}) {
		t.Errorf("the accounts are %+v", s)
	}
}

func TestBurstIsASecondByDefault(t *testing.T) {
	for perSecond, want := range map[float64]int{0.1: 1, 1: 1, 2.5: 3, 100: 100} {
		synctest.Test(t, func(t *testing.T) {
			if n := passed(mustNew(t, limit.Options{Rate: perSecond}, hello), 200, from("192.0.2.1:1")); n != want {
				t.Errorf("at %v a second, %d passed at once, want %d", perSecond, n, want)
			}
		})
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for want, o := range map[string]limit.Options{
		"Rate is -1":         {Rate: -1},
		"Rate is NaN":        {Rate: math.NaN()},
		"Rate is +Inf":       {Rate: math.Inf(1)},
		"Burst is -1":        {Rate: 1, Burst: -1},
		"Burst needs a Rate": {Burst: 1},
		"IPv4Bits is 33":     {IPv4Bits: 33},
		"IPv6Bits is 129":    {IPv6Bits: 129},
		"MaxClients is -1":   {MaxClients: -1},
		"MaxRequests is -1":  {MaxRequests: -1},
	} {
		if _, err := limit.New(http.HandlerFunc(hello), o); err == nil || !strings.HasPrefix(err.Error(), "limit: "+want) {
			t.Errorf("%+v: error %v, want one that says %q", o, err, want)
		}
	}
	if _, err := limit.New(nil, limit.Options{}); err == nil {
		t.Error("no error without a handler")
	}
}

// TestCosts: a request that passes allocates nothing, wherever its client is.
func TestCosts(t *testing.T) {
	if raceEnabled {
		t.Skip("allocations cannot be counted under the race detector")
	}
	o := limit.Options{Rate: 1e9, Burst: 1e9, MaxRequests: 10, HealthCheckPath: "/healthz", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	h := mustNew(t, o, func(http.ResponseWriter, *http.Request) {})
	for name, r := range map[string]*http.Request{
		"IPv4":     from("192.0.2.1:1"),
		"IPv6":     from("[2001:db8::1]:1"),
		"proxied":  from("10.0.0.1:1", [2]string{"X-Forwarded-For", "6.6.6.6, 192.0.2.1, 10.0.0.7"}),
		"RFC 7239": from("10.0.0.1:1", [2]string{"Forwarded", `for="[2001:db8::1]:80";proto=https, for=10.0.0.7`}),
	} {
		if n := testing.AllocsPerRun(1000, func() { h.ServeHTTP(nil, r) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkHandler(b *testing.B) {
	for name, r := range map[string]*http.Request{
		"peer":    from("192.0.2.1:1"),
		"proxied": from("10.0.0.1:1", [2]string{"X-Forwarded-For", "192.0.2.1"}),
	} {
		b.Run(name, func(b *testing.B) {
			o := limit.Options{Rate: 1e9, Burst: 1e9, MaxRequests: 10, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
			h := mustNew(b, o, func(http.ResponseWriter, *http.Request) {})
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(nil, r)
			}
		})
	}
}
