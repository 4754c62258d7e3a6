package otelmetrics

import "time"

// scale is how a histogram is divided. Values are whole numbers, of nanoseconds or bytes, so that sums are exact.
type scale struct {
	bounds []int64   // the upper ends of all buckets but the last, which they belong to
	told   []float64 // the same in the unit that is told
	per    float64   // of the former in one of the latter
}

// maxBuckets is how many buckets the widest scale has.
const maxBuckets = 15

func newScale(per int64, bounds ...int64) *scale {
	s := &scale{bounds: bounds, per: float64(per)}
	for _, b := range bounds {
		s.told = append(s.told, s.tell(b))
	}
	return s
}

func (s *scale) tell(v int64) float64 { return float64(v) / s.per }

// bucket looks from below, where most values are.
func (s *scale) bucket(v int64) int {
	for i, b := range s.bounds {
		if v <= b {
			return i
		}
	}
	return len(s.bounds)
}

func milliseconds(ms ...int64) []int64 {
	for i := range ms {
		ms[i] *= int64(time.Millisecond)
	}
	return ms
}

var (
	// requestScale is that of the conventions for http.server.request.duration.
	requestScale = newScale(int64(time.Second), milliseconds(5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000)...)
	// connectionScale is that of the conventions for kestrel.connection.duration.
	connectionScale = newScale(int64(time.Second), milliseconds(10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 120_000, 300_000)...)
	// sizeScale has powers of four, from 64 bytes to 1 GiB, and nothing: for sizes the conventions have no advice.
	sizeScale = newScale(1, 0, 64, 256, 1<<10, 4<<10, 16<<10, 64<<10, 256<<10, 1<<20, 4<<20, 16<<20, 64<<20, 256<<20, 1<<30)
)

// histogram counts values by the buckets of a scale.
type histogram struct {
	counts [maxBuckets]uint64
	sum    int64
}

// add counts a value, and returns its bucket.
func (h *histogram) add(s *scale, v int64) int {
	i := s.bucket(v)
	h.counts[i]++
	h.sum += v
	return i
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.sum += o.sum
}

func (h *histogram) count() (n uint64) {
	for _, c := range h.counts {
		n += c
	}
	return n
}

// exemplar is a request that stands for others.
type exemplar struct {
	traceID [16]byte
	spanID  [8]byte
	value   int64
	atNS    int64 // 0: there is none
}

// exemplars are the last one of each bucket.
type exemplars [maxBuckets]exemplar

func (x *exemplars) merge(o *exemplars) {
	for i := range o {
		if o[i].atNS > x[i].atNS {
			x[i] = o[i]
		}
	}
}
