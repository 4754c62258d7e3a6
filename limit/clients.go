package limit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// clients are the token buckets of clients, in shards that are locked one by one.
//
// A bucket that nobody has taken from for as long as it takes to fill says nothing that a new one would not. Each shard
// keeps two generations: a client that asks is moved to the young one, and when that is as old as filling takes, it becomes the
// old one, and what was left in the old one is forgotten. So it is, before its time, when the young one has half of the clients
// that may be.
type clients struct {
	rate               rate.Limit
	burst              int
	ipv4Bits, ipv6Bits int

	lifetime time.Duration // of a generation
	most     int           // clients in a generation of a shard
	seed     maphash.Seed  // nobody can choose addresses of the same shard
	shards   [shardCount]shard
}

const shardCount = 64

type shard struct {
	mu         sync.Mutex
	young, old map[key]*rate.Limiter
	begun      time.Time // of young
	_          [64]byte  // two locks are on cache lines of their own
}

// key is the network that stands for a client.
type key [16]byte

// noAddress is for clients without one: it is for multicast, and so nobody's.
var noAddress = key{0xff}

// minLifetime is for buckets that fill in no time.
const minLifetime = time.Second

func newClients(o *Options) *clients {
	c := &clients{
		rate: rate.Limit(o.Rate), burst: o.Burst, ipv4Bits: o.IPv4Bits, ipv6Bits: o.IPv6Bits,
		lifetime: max(minLifetime, seconds(float64(o.Burst)/o.Rate)),
		most:     (o.MaxClients + 2*shardCount - 1) / (2 * shardCount),
		seed:     maphash.MakeSeed(),
	}
	for i := range c.shards {
		c.shards[i].young, c.shards[i].old = make(map[key]*rate.Limiter), make(map[key]*rate.Limiter)
	}
	return c
}

// longest is far beyond what anybody waits for.
const longest = 10 * 365 * 24 * time.Hour

// seconds returns s as a time, which is no more than longest.
func seconds(s float64) time.Duration {
	if s >= longest.Seconds() {
		return longest
	}
	return time.Duration(s * float64(time.Second))
}

// take takes a token from the bucket of a client. When there is none, it returns after what time there will be.
func (c *clients) take(client netip.Addr, now time.Time) (wait time.Duration) {
	bucket := c.bucket(c.keyOf(client), now)
	if bucket.AllowN(now, 1) {
		return 0
	}
	return max(1, seconds((1-bucket.TokensAt(now))/float64(c.rate)))
}

func (c *clients) keyOf(client netip.Addr) key {
	bits := c.ipv6Bits
	switch {
	case !client.IsValid():
		return noAddress
	case client.Is4():
		bits = c.ipv4Bits
	}
	network, err := client.Prefix(bits)
	if err != nil {
		panic(err) // the bits fit
	}
	return network.Addr().As16()
}

func (c *clients) bucket(k key, now time.Time) *rate.Limiter {
	s := &c.shards[maphash.Bytes(c.seed, k[:])%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.young[k]; b != nil {
		return b
	}
	if len(s.young) >= c.most || now.Sub(s.begun) >= c.lifetime {
		s.renewLocked(now)
	}
	b := s.old[k]
	if b == nil {
		b = rate.NewLimiter(c.rate, c.burst)
	}
	delete(s.old, k)
	s.young[k] = b
	return b
}

// renewLocked begins a generation, in the place of the one that is forgotten.
func (s *shard) renewLocked(now time.Time) {
	clear(s.old)
	s.young, s.old = s.old, s.young
	s.begun = now
}

// count returns how many clients there are.
func (c *clients) count() (n int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		n += len(s.young) + len(s.old)
		s.mu.Unlock()
	}
	return n
}
