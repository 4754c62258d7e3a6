package accesslog

import (
	"sync/atomic"
	"time"
)

// clf is the time of the Common Log Format.
const clf = "02/Jan/2006:15:04:05 -0700"

// timeAtom is the time at which the request began. In the dialect Seed it leaves its brackets out where the format has them
// already, so that [%(t)s] and %(t)s both come out right.
func timeAtom(o FormatOptions) value {
	seconds := &secondCache{in: o.Location}
	bare := func(dst []byte, r *Record) ([]byte, bool) { return seconds.append(dst, r.Begun()), true }
	v := text(func(dst []byte, r *Record) ([]byte, bool) {
		dst, _ = bare(append(dst, '['), r)
		return append(dst, ']'), true
	})
	if o.Dialect == Seed {
		v.inBrackets = bare
	}
	return v
}

// secondCache keeps the text of the latest second, for all the requests that began in it: to make the text takes a quarter of the
// time of a whole line (BenchmarkTime). Workers only read it, but for one write a second.
type secondCache struct {
	in     *time.Location
	latest atomic.Pointer[second]
}

type second struct {
	unix int64
	text string
}

// append writes the time t, to the second.
func (c *secondCache) append(dst []byte, t time.Time) []byte {
	unix, latest := t.Unix(), c.latest.Load()
	if latest != nil && unix == latest.unix {
		return append(dst, latest.text...)
	}
	start := len(dst)
	dst = t.In(c.in).AppendFormat(dst, clf)
	if latest == nil || unix > latest.unix { // one that lasted for long does not push out the present
		c.latest.Store(&second{unix, string(dst[start:])})
	}
	return dst
}

// appendRFC3339 writes the time at which the request began, in UTC.
func appendRFC3339(dst []byte, r *Record) ([]byte, bool) {
	return r.Begun().UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z"), true
}
