package spool

import (
	"bytes"
	"fmt"
	"hash/crc32"
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

func TestABitFlipCostsNoMoreThanItsFrame(t *testing.T) {
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

func TestTruncationLeavesTheFramesBeforeIt(t *testing.T) {
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

func TestLyingHeadsAreNotBelieved(t *testing.T) {
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

func TestNewerVersionsAreLeftAlone(t *testing.T) {
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
