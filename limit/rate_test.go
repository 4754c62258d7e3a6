package limit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/wirespan/wirespan/limit"
)

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := mustNew(t, limit.Options{Rate: 10, Burst: 20}, hello)
		r := from("192.0.2.1:1000")
		refused := uint64(0)
		for _, c := range []struct {
			pause     time.Duration
			ask, want int
		}{
			{0, 30, 20},
			{0, 5, 0},
			{99 * time.Millisecond, 5, 0},
			{time.Millisecond, 5, 1},
			{time.Second, 15, 10},
			{2 * time.Second, 25, 20},
			{time.Hour, 25, 20}, // no more than the burst
		} {
			time.Sleep(c.pause)
			if got := passed(h, c.ask, r); got != c.want {
				t.Errorf("%d of %d requests passed after %v, want %d", got, c.ask, c.pause, c.want)
			}
			refused += uint64(c.ask - c.want)
		}
		if s := h.Stats(); s != (limit.Stats{RateLimited: refused, Clients: 1}) {
			t.Errorf("the accounts are %+v, want %d rate-limited of one client", s, refused)
		}
	})
}

func TestRefusal(t *testing.T) {
	for _, c := range []struct {
		rate float64
		want string
	}{
		{1000, "1"},
		{1, "1"},
		{0.4, "3"},
		{1.0 / 3600, "3600"},
		{1e-300, "315360000"}, // ten years
	} {
		synctest.Test(t, func(t *testing.T) {
			h := mustNew(t, limit.Options{Rate: c.rate, Burst: 1}, hello)
			r := from("192.0.2.1:1000")
			ask(h, r)
			w := ask(h, r)
			if got := w.Header().Get("Retry-After"); w.Code != 429 || got != c.want {
				t.Errorf("at %v a second: status %d with Retry-After %q, want 429 with %q", c.rate, w.Code, got, c.want)
			}
			if got, want := w.Body.String(), "429 Too Many Requests: this client makes more requests than it may\n"; got != want {
				t.Errorf("the client is told %q, want %q", got, want)
			}
			if got := w.Header().Get("X-Wirespan-Error"); got != "rate_limited" {
				t.Errorf("X-Wirespan-Error is %q", got)
			}
			if got := w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control is %q", got)
			}
		})
	}
}

// The client that is told when to come again is not refused then.
func TestRetryAfterIsTrue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := mustNew(t, limit.Options{Rate: 0.7, Burst: 3}, hello)
		r := from("192.0.2.1:1000")
		for range 20 {
			for ask(h, r).Code == 200 {
			}
			var wait int
			if _, err := fmt.Sscan(ask(h, r).Header().Get("Retry-After"), &wait); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(wait) * time.Second)
			if w := ask(h, r); w.Code != 200 {
				t.Fatalf("refused after the %d s that it was told to wait", wait)
			}
		}
	})
}

func TestClients(t *testing.T) {
	xff := func(v string) [2]string { return [2]string{"X-Forwarded-For", v} }
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	onUnix := from("@")
	onUnix = onUnix.WithContext(context.WithValue(onUnix.Context(), http.LocalAddrContextKey, &net.UnixAddr{Name: "/run/s", Net: "unix"}))
	onUnixFor := onUnix.Clone(onUnix.Context())
	onUnixFor.Header.Set("X-Forwarded-For", "192.0.2.1")
	for _, c := range []struct {
		name     string
		o        limit.Options
		one, two *http.Request
		same     bool
	}{
		{name: "ports", one: from("192.0.2.1:1"), two: from("192.0.2.1:2"), same: true},
		{name: "IPv4 addresses", one: from("192.0.2.1:1"), two: from("192.0.2.2:1")},
		{name: "IPv4 in IPv6", one: from("192.0.2.1:1"), two: from("[::ffff:192.0.2.1]:1"), same: true},
		{name: "IPv4 networks", o: limit.Options{IPv4Bits: 24}, one: from("192.0.2.1:1"), two: from("192.0.2.2:1"), same: true},
		{name: "IPv6 addresses of one network", one: from("[2001:db8::1]:1"), two: from("[2001:db8::ffff:2]:1"), same: true},
		{name: "IPv6 networks", one: from("[2001:db8::1]:1"), two: from("[2001:db8:0:1::1]:1")},
		{name: "IPv6 addresses", o: limit.Options{IPv6Bits: 128}, one: from("[2001:db8::1]:1"), two: from("[2001:db8::2]:1")},
		{name: "zones", one: from("[fe80::1%eth0]:1"), two: from("[fe80::1%eth1]:1"), same: true},
		{name: "loopback and no address", one: from("[::1]:1"), two: from("@")},
		{name: "no address", one: from("@"), two: from(""), same: true},
		{name: "a proxy that is not trusted", one: from("10.0.0.1:1", xff("192.0.2.1")), two: from("10.0.0.1:1", xff("192.0.2.2")), same: true},
		{
			name: "a proxy that is", o: limit.Options{TrustedProxies: proxies},
			one: from("10.0.0.1:1", xff("192.0.2.1")), two: from("10.0.0.1:1", xff("192.0.2.2")),
		},
		{
			name: "a client of two proxies", o: limit.Options{TrustedProxies: proxies}, same: true,
			one: from("10.0.0.1:1", xff("192.0.2.1")), two: from("10.0.0.2:1", [2]string{"Forwarded", `for="192.0.2.1:99"`}),
		},
		{
			name: "with what the client has made up", o: limit.Options{TrustedProxies: proxies}, same: true,
			one: from("10.0.0.1:1", xff("6.6.6.6, 192.0.2.1")), two: from("10.0.0.1:1", xff("7.7.7.7"), xff("192.0.2.1")),
		},
		{
			name: "a proxy that says nothing", o: limit.Options{TrustedProxies: proxies}, same: true,
			one: from("10.0.0.1:1"), two: from("10.0.0.1:1", xff("unknown")),
		},
		{
			name: "who says of itself that it came through a proxy", o: limit.Options{TrustedProxies: proxies}, same: true,
			one: from("192.0.2.1:1"), two: from("192.0.2.1:1", xff("10.0.0.1")),
		},
		{name: "a Unix socket", o: limit.Options{TrustedProxies: proxies}, one: onUnixFor, two: from("192.0.2.1:1"), same: true},
		{name: "a Unix socket where nobody is trusted", one: onUnixFor, two: onUnix, same: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			c.o.Rate, c.o.Burst = 1, 1
			h := mustNew(t, c.o, hello)
			ask(h, c.one)
			if got := ask(h, c.two).Code == 429; got != c.same {
				t.Errorf("%s: one client is %v, want %v", c.name, got, c.same)
			}
		})
	}
}

// Forgetting a client changes nothing for it unless there are too many: each is served as if it were remembered for ever.
func TestNobodyNoticesThatClientsAreForgotten(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(seed, 0))
		h := mustNew(t, limit.Options{Rate: 2, Burst: 10}, hello)
		remembered := map[string]*rate.Limiter{}
		most := 0
		for range 50_000 {
			time.Sleep(time.Duration(random.ExpFloat64() * float64(20*time.Millisecond)))
			// Some ask all the time, some now and then, and some once.
			peer := fmt.Sprintf("10.0.0.%d:1", int(random.ExpFloat64()*20)%256)
			if random.IntN(10) == 0 {
				peer = fmt.Sprintf("10.%d.%d.%d:1", 1+random.IntN(255), random.IntN(256), random.IntN(256))
			}
			if remembered[peer] == nil {
				remembered[peer] = rate.NewLimiter(2, 10)
			}
			want := 200
			if !remembered[peer].Allow() {
				want = 429
			}
			if got := ask(h, from(peer)).Code; got != want {
				t.Fatalf("status %d for %s, want %d", got, peer, want)
			}
			most = max(most, h.Stats().Clients)
		}
		if most > len(remembered)/2 {
			t.Errorf("%d clients were remembered at a time, of %d: none was forgotten", most, len(remembered))
		}
		if s := h.Stats(); s.RateLimited == 0 {
			t.Error("nobody was refused")
		}
	})
}

// A million clients, such as one with an IPv6 network of its own can be, take no more memory than was said, and who asks all
// the while is limited all the while.
func TestMemoryIsBounded(t *testing.T) {
	const most = 10_000
	h := mustNew(t, limit.Options{Rate: 1.0 / 3600, Burst: 5, MaxClients: most, IPv6Bits: 128}, hello)
	busy, w := from("192.0.2.1:1"), new(nowhere)
	before := heap()
	for i := range 1_000_000 {
		r := http.Request{URL: busy.URL, RemoteAddr: netip.AddrPortFrom(address(i), 1).String()}
		h.ServeHTTP(w, &r)
		if w.status != 0 {
			t.Fatalf("client %d was refused", i)
		}
		if i%1000 == 0 {
			if passed(h, 1, busy) == 1 && i >= 5000 {
				t.Fatalf("the one that asks all the while has passed after %d others", i)
			}
		}
	}
	grown := heap() - before
	s := h.Stats()
	if s.Clients > most+128 || s.Clients < most/2 {
		t.Errorf("%d clients are remembered, want about %d", s.Clients, most)
	}
	if s.RateLimited != 1000-5 {
		t.Errorf("%d requests were refused, want 995", s.RateLimited)
	}
	if grown > 300*most {
		t.Errorf("%d clients take %d bytes each", most, grown/most)
	}
	t.Logf("%d clients take %d bytes each", s.Clients, grown/int64(s.Clients))
	runtime.KeepAlive(h)
}

// address is the i-th of a network.
func address(i int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 12: byte(i >> 24), 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
}

// nowhere is a ResponseWriter that keeps the status alone.
type nowhere struct{ status int }

func (*nowhere) Header() http.Header         { return http.Header{} }
func (*nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) WriteHeader(status int)    { w.status = status }

// heap is the live memory of this process.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
