package statsd

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// lineBytes is room for a usual line, on the stack. Longer ones cost an allocation.
const lineBytes = 256

// format appends lines, without the newline that stands between two of them.
type format struct {
	traits
	prefix string // of every name: empty, or with a dot at its end
	tags   string // of every line, without "|#"
}

func newFormat(d Dialect, prefix string, tags []Tag) format {
	f := format{traits: dialects[d]}
	if prefix = strings.TrimRight(prefix, "."); prefix != "" {
		f.prefix = string(appendSafe(nil, prefix)) + "."
	}
	if f.traits.tags {
		f.tags = string(appendTags(nil, true, tags))
	}
	return f
}

func (f *format) appendCounter(dst []byte, name string, n int64, rate float64, tags []Tag) []byte {
	dst = f.appendName(dst, name)
	dst = strconv.AppendInt(dst, n, 10)
	dst = append(dst, "|c"...)
	return f.appendTags(f.appendCounterRate(dst, rate), tags)
}

func (f *format) appendGauge(dst []byte, name string, v float64, tags []Tag) []byte {
	dst = appendFloat(f.appendName(dst, name), v)
	return f.appendTags(append(dst, "|g"...), tags)
}

// appendGaugeDelta always writes a sign, which is what makes it a change.
func (f *format) appendGaugeDelta(dst []byte, name string, d float64, tags []Tag) []byte {
	dst = f.appendName(dst, name)
	if !math.Signbit(d) {
		dst = append(dst, '+')
	}
	return f.appendTags(append(appendFloat(dst, d), "|g"...), tags)
}

// appendDistribution writes a value of the kind "ms" or "h".
func (f *format) appendDistribution(dst []byte, name string, v float64, kind string, rate float64, tags []Tag) []byte {
	dst = appendFloat(f.appendName(dst, name), v)
	dst = append(append(dst, '|'), kind...)
	return f.appendTags(appendRate(dst, rate), tags)
}

func (f *format) appendTiming(dst []byte, name string, d time.Duration, rate float64, tags []Tag) []byte {
	dst = appendMilliseconds(f.appendName(dst, name), d)
	dst = append(dst, "|ms"...)
	return f.appendTags(appendRate(dst, rate), tags)
}

func (f *format) appendName(dst []byte, name string) []byte {
	dst = append(dst, f.prefix...)
	dst = appendSafe(dst, name)
	return append(dst, ':')
}

func (f *format) appendCounterRate(dst []byte, rate float64) []byte {
	if rate == 1 && f.rateOfOne {
		return append(dst, "|@1.0"...)
	}
	return appendRate(dst, rate)
}

func appendRate(dst []byte, rate float64) []byte {
	if rate == 1 {
		return dst
	}
	return appendFloat(append(dst, "|@"...), rate)
}

func (f *format) appendTags(dst []byte, tags []Tag) []byte {
	if !f.traits.tags || f.tags == "" && len(tags) == 0 {
		return dst
	}
	before := len(dst)
	dst = append(append(dst, "|#"...), f.tags...)
	dst = appendTags(dst, f.tags == "", tags)
	if len(dst) == before+len("|#") { // none of them had a key
		return dst[:before]
	}
	return dst
}

// appendFloat writes no exponent: servers take rates apart with a pattern of digits and dots.
func appendFloat(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'f', -1, 64) }

// appendMilliseconds is appendFloat(dst, float64(d)/1e6) for less than half of its time.
func appendMilliseconds(dst []byte, d time.Duration) []byte {
	ns := uint64(d)
	if d < 0 {
		dst = append(dst, '-')
		ns = -ns
	}
	dst = strconv.AppendUint(dst, ns/1e6, 10)
	rest := ns % 1e6
	if rest == 0 {
		return dst
	}
	dst = append(dst, '.')
	for digit := uint64(1e5); rest > 0; digit /= 10 {
		dst = append(dst, '0'+byte(rest/digit))
		rest %= digit
	}
	return dst
}
