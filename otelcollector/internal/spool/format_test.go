package spool

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var testInstance = instanceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// buildSegment makes the bytes of segment 1 of testInstance with a frame for each payload; frame i has i+1 spans.
func buildSegment(sealed bool, payloads ...string) []byte {
	h := header{instance: testInstance, number: 1, created: 1e18, resource: 7}
	b := h.append(nil)
	sum := salt(testInstance, 1)
	var all footer
	for i, p := range payloads {
		f := head{
			payload: uint32(len(p)), spans: uint32(i + 1), ordinal: all.end, first: int64(i), last: int64(i + 1),
			sum: crc32.Checksum([]byte(p), castagnoli), state: pending,
		}
		all.add(&f)
		at := len(b)
		b = append(b, make([]byte, f.size())...)
		f.put(b[at:], sum)
		copy(b[at+frameSize:], p)
	}
	if sealed {
		b = all.append(b, sum)
	}
	return b
}

func testPayloads(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("payload %d %s", i, bytes.Repeat([]byte{byte('a' + i)}, 5*i)))
	}
	return all
}

// readable returns the spans of the frames whose payload is right, and of those whose payload is not.
func readable(b []byte, f *found) (good, bad uint64) {
	for _, x := range f.frames {
		p := b[x.at+frameSize : x.at+frameSize+int64(x.payload)]
		if crc32.Checksum(p, castagnoli) == x.sum {
			good += uint64(x.spans)
		} else {
			bad += uint64(x.spans)
		}
	}
	return good, bad
}

func scanBytes(t *testing.T, b []byte) found {
	t.Helper()
	f, _, err := scan(bytes.NewReader(b), int64(len(b)), salt(testInstance, 1))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestF05ABitFlipCostsNoMoreThanItsFrame(t *testing.T) {
	payloads := testPayloads(5)
	const spans = 1 + 2 + 3 + 4 + 5
	for _, sealed := range []bool{true, false} {
		whole := buildSegment(sealed, payloads...)
		last := scanBytes(t, whole).frames[4]
		for bit := range len(whole) * 8 {
			b := bytes.Clone(whole)
			b[bit/8] ^= 1 << (bit % 8)
			f := scanBytes(t, b)
			good, bad := readable(b, &f)
			lost := len(payloads) - len(f.frames)
			if bad > 0 {
				lost++
			}
			if lost > 1 || f.noise() {
				t.Fatalf("sealed %t, bit %d: %d frames lost, noise %t", sealed, bit, lost, f.noise())
			}
			counted := good + bad + f.missing
			// What nobody counts is the last frame of a segment that was not sealed: it could be one that was never whole.
			if torn := !sealed && bit/8 >= int(last.at); counted != spans && !(torn && f.torn > 0) {
				t.Fatalf("sealed %t, bit %d: %d good, %d bad and %d missing spans, want %d in all", sealed, bit, good, bad, f.missing, spans)
			}
		}
	}
}

// TestF05EveryByteOfALargeSegment flips a bit in each byte of 64 KiB: one frame is lost at most.
func TestF05EveryByteOfALargeSegment(t *testing.T) {
	var payloads []string
	for i := range 16 {
		payloads = append(payloads, strings.Repeat(string(rune('a'+i)), 4000+i))
	}
	b := buildSegment(true, payloads...)
	const spans = 16 * 17 / 2
	step := 1
	if raceEnabled || testing.Short() {
		step = 13
	}
	flips, costly, most := 0, 0, 0
	for at := 0; at < len(b); at += step {
		bit := byte(1) << (at % 8)
		b[at] ^= bit
		f := scanBytes(t, b)
		good, bad := readable(b, &f)
		lost := len(payloads) - len(f.frames)
		if bad > 0 {
			lost++
		}
		if lost > 1 || good+bad+f.missing != spans {
			t.Fatalf("byte %d: %d frames lost; %d good, %d bad and %d missing spans", at, lost, good, bad, f.missing)
		}
		b[at] ^= bit
		flips++
		costly += lost
		most = max(most, lost)
	}
	t.Logf("%d flips in %d bytes: %d cost a frame, none more than %d; all spans accounted for", flips, len(b), costly, most)
}

func TestF06TruncationLeavesTheFramesBeforeIt(t *testing.T) {
	whole := buildSegment(true, testPayloads(5)...)
	all := scanBytes(t, whole)
	for length := range len(whole) {
		f := scanBytes(t, whole[:length])
		want := 0
		for _, x := range all.frames {
			if x.at+frameSize+int64(x.payload) <= int64(length) {
				want++
			}
		}
		if len(f.frames) != want || f.sealed || f.missing != 0 || f.skipped != 0 {
			t.Fatalf("length %d: %d frames, want %d; sealed %t, %d missing, %d skipped", length, len(f.frames), want, f.sealed, f.missing, f.skipped)
		}
		if want < 5 && length >= headerSize && f.end+f.torn != int64(length) {
			t.Fatalf("length %d: ends at %d, and %d bytes are torn", length, f.end, f.torn)
		}
	}
}

// TestF06AnySpoolMayBeCutShort is the whole way from a segment that ends anywhere to what is delivered.
func TestF06AnySpoolMayBeCutShort(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		whole := newMemoryFiles(t)
		s := start(t, small(whole))
		addFrom(t, s, 0, 4)
		if sealed {
			if err := s.finish(); err != nil {
				t.Fatal(err)
			}
		}
		path := whole.segments()[0]
		size := len(whole.nodes[path].data)
		var counts [5]int
		for length := range size + 1 {
			m := newMemoryFiles(t)
			for p, n := range whole.nodes {
				m.nodes[p] = &node{id: n.id, dir: n.dir, data: bytes.Clone(n.data)}
			}
			m.nodes[path].data = m.nodes[path].data[:length]
			s := start(t, small(m))
			got := drain(t, s)
			if !slices.Equal(got, upTo(len(got))) {
				t.Fatalf("sealed %t, length %d: got %v", sealed, length, got)
			}
			counts[len(got)]++
			if err := s.finish(); err != nil || len(m.nodes) != 1 {
				t.Fatalf("sealed %t, length %d: %v, left are %v", sealed, length, err, m.nodes)
			}
		}
		t.Logf("sealed %t: %d lengths; 0 to 4 frames come from %v of them", sealed, size+1, counts)
		if counts[4] == 0 || counts[3] == 0 || counts[0] == 0 {
			t.Errorf("%v", counts)
		}
	}
}

func TestAPayloadIsNeverTakenForAFrame(t *testing.T) {
	forged := head{payload: 8, spans: 1000, state: pending}
	image := make([]byte, frameSize+8)
	forged.put(image, salt(instanceID{9}, 1)) // of an instance that is not this one
	whole := buildSegment(true, "first", string(image)+string(image), "third")
	second := scanBytes(t, whole).frames[1].at
	whole[second+8] ^= 1 // the head: what it contained is searched for the next frame
	f := scanBytes(t, whole)
	if len(f.frames) != 2 || f.missing != 2 || f.skipped != frameSize+2*(frameSize+8) {
		t.Errorf("%d frames, %d spans missing, %d bytes skipped", len(f.frames), f.missing, f.skipped)
	}
}

func TestF08LyingHeadsAreNotBelieved(t *testing.T) {
	for _, lie := range []head{
		{payload: 0xFFFFFFFF, spans: 1, state: pending},
		{payload: MaxPayload + 1, spans: 1, state: pending},
		{payload: 3, spans: 0xFFFFFFFF, state: pending},
	} {
		b := buildSegment(false, "abc", "def")
		at := scanBytes(t, b).frames[0].at
		lie.put(b[at:], salt(testInstance, 1))
		f := scanBytes(t, b)
		if len(f.frames) != 1 || f.frames[0].spans != 2 || f.missing != 1 {
			t.Errorf("%+v: %+v", lie, f)
		}
	}
	b := buildSegment(false, "abc")
	longer := head{payload: 1 << 20, spans: 1, state: pending} // longer than the file
	longer.put(b[headerSize:], salt(testInstance, 1))
	if f := scanBytes(t, b); len(f.frames) != 0 || f.torn != int64(len(b)-headerSize) {
		t.Errorf("%+v", f)
	}
}

// TestF08NothingIsAllocatedForALie, and what says the same as another frame is taken for what it is.
func TestF08NothingIsAllocatedForALie(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, small(m))
	addFrom(t, s, 0, 3)
	path := m.segments()[0]
	b := m.nodes[path].data
	at := s.segments[0].frames[1].at
	lie := head{payload: 0xFFFFFFFF, spans: 0xFFFFFFFF, state: pending}
	lie.put(b[at:], s.segments[0].salt)
	end := s.segments[0].frames[2].at + s.segments[0].frames[2].size()
	m.nodes[path].data = append(b[:end:end], b[headerSize:at]...) // the first frame once more, with its ordinal
	m.unlock()

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	next := start(t, small(m))
	got := drain(t, next)
	runtime.ReadMemStats(&after)
	if !slices.Equal(got, []int{0, 2, 0}) {
		t.Errorf("got %v", got)
	}
	if st := balanced(t, next); st.Dropped[Corrupt] != 2 || st.Recovered != 1+2+3+1 {
		t.Errorf("%+v", st)
	}
	allocated := after.TotalAlloc - before.TotalAlloc
	if allocated > MaxPayload {
		t.Errorf("%d bytes are allocated", allocated)
	}
	t.Logf("%d bytes allocated; got %v", allocated, got)
}

func TestF07NewerVersionsAreLeftAlone(t *testing.T) {
	b := buildSegment(true, "abc")
	b[8] = 2
	sum := headerSum(b)
	b[12], b[13], b[14], b[15] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
	if f := scanBytes(t, b); f.verdict != newer || !f.noise() {
		t.Errorf("%+v", f)
	}
}

func TestStatesThatDoNotExistArePending(t *testing.T) {
	b := buildSegment(false, "abc")
	for v := range 256 {
		b[headerSize+stateOffset] = byte(v)
		want := pending
		if v >= 1 && v <= 3 {
			want = state(v)
		}
		if got := scanBytes(t, b).frames[0].state; got != want {
			t.Errorf("state %d is %d, want %d", v, got, want)
		}
	}
}

// FuzzScan: whatever a file holds, a scan ends, finds only frames that are in the file one after the other, and every byte
// behind the header is of a frame, skipped, torn, or the footer.
func FuzzScan(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 200))
	for _, sealed := range []bool{true, false} {
		whole := buildSegment(sealed, testPayloads(3)...)
		f.Add(whole)
		f.Add(whole[:len(whole)-20])
		f.Add(append(bytes.Clone(whole[:headerSize+64]), whole...))
		broken := bytes.Clone(whole)
		broken[headerSize+9] ^= 4
		f.Add(broken)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _, err := scan(bytes.NewReader(b), int64(len(b)), salt(testInstance, 1))
		if err != nil {
			t.Fatal(err)
		}
		if got.verdict == newer {
			return
		}
		at, inFrames := int64(headerSize), int64(0)
		for _, x := range got.frames {
			end := x.at + frameSize + int64(x.payload)
			if x.at < at || end > int64(len(b)) || x.payload > MaxPayload {
				t.Fatalf("frame at %d of %d bytes in a file of %d", x.at, x.payload, len(b))
			}
			at = min(x.at+x.size(), int64(len(b)))
			inFrames += at - x.at
		}
		accounted := got.skipped + got.torn + inFrames
		if len(b) >= headerSize {
			accounted += headerSize
		}
		if got.sealed {
			accounted += frameSize
		}
		if accounted != int64(len(b)) {
			t.Fatalf("%d of %d bytes accounted for: %+v", accounted, len(b), got)
		}
	})
}
