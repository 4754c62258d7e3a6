package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

func attribute(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func encode(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

var (
	testResource = encode(&tracepb.ResourceSpans{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{attribute("service.name", "test")}}, SchemaUrl: "https://schema",
	})
	testScope = encode(&tracepb.ScopeSpans{Scope: &commonpb.InstrumentationScope{Name: "scope"}})
)

// testSpan is a span that tells its number, and ends at that second.
func testSpan(number int) *tracepb.Span {
	return &tracepb.Span{
		TraceId: []byte("0123456789abcdef"), SpanId: binary.BigEndian.AppendUint64(nil, uint64(number)), Name: fmt.Sprint("GET /", number),
		EndTimeUnixNano: uint64(number) * 1e9, Attributes: []*commonpb.KeyValue{attribute("url.path", fmt.Sprint("/", number))},
		Events: []*tracepb.Span_Event{{Name: "written"}}, Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "no"},
	}
}

// field is a span as it is in a ScopeSpans.
func field(s *tracepb.Span) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, spanField, protowire.BytesType), encode(s))
}

// decode returns the numbers of the spans in a payload of the given scope, after having looked at all else of it.
func decode(t *testing.T, payload, scope []byte) []int {
	t.Helper()
	var r tracepb.ResourceSpans
	if err := proto.Unmarshal(payload, &r); err != nil {
		t.Fatalf("a receiver refuses %q: %v", payload, err)
	}
	var all []int
	for _, s := range r.ScopeSpans[0].Spans {
		n := int(binary.BigEndian.Uint64(s.SpanId))
		if !proto.Equal(s, testSpan(n)) {
			t.Fatalf("this was never added: %v", s)
		}
		all = append(all, n)
	}
	r.ScopeSpans[0].Spans = nil
	if head := encode(r.ScopeSpans[0]); len(r.ScopeSpans) != 1 || string(head) != string(scope) {
		t.Fatalf("scopes %v", r.ScopeSpans)
	}
	r.ScopeSpans = nil
	if string(encode(&r)) != string(testResource) {
		t.Fatalf("resource %v", &r)
	}
	return all
}

// withArena are options with an arena of small buffers in m.
func withArena(m *memoryFiles) Options {
	o := small(m)
	o.Arena = &ArenaOptions{Resource: testResource, BufferBytes: 2000, Spare: 4, MaxBuffers: 6}
	return o
}

// get takes a buffer, and adds the spans from and up to to, as a shard does.
func get(t *testing.T, s *Spool, from, to int) *Buffer {
	t.Helper()
	b := s.Arena().Get(testScope)
	if b == nil {
		t.Fatal("no buffer")
	}
	for n := from; n < to; n++ {
		s.Ledger().Slot(0).Ended.Add(1)
		if !b.Add(field(testSpan(n))) {
			t.Fatalf("span %d has no room", n)
		}
	}
	return b
}

// salvagedSpans acknowledges all that is pending and returns the numbers of the spans.
func salvagedSpans(t *testing.T, s *Spool) []int {
	t.Helper()
	var all []int
	for f := s.Next(); f != nil; f = s.Next() {
		p, err := s.Read(f, nil)
		if err != nil {
			t.Fatal(err)
		}
		spans := decode(t, p, testScope)
		if len(spans) != f.Spans() || f.FirstEnd().Unix() != int64(slices.Min(spans)) || f.LastEnd().Unix() != int64(slices.Max(spans)) {
			t.Fatalf("%v are in a frame of %+v", spans, f.head)
		}
		all = append(all, spans...)
		s.Ack(f, 0)
		balanced(t, s)
	}
	return all
}

func (m *memoryFiles) mapped() (all []string) {
	for p := range m.nodes {
		if strings.HasSuffix(p, mappedSuffix) {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}

// TestF28SpansInAnArenaSurviveTheirProcess: those that were added come, those that were settled do not, and only what was nowhere is
// counted as lost.
func TestF28SpansInAnArenaSurviveTheirProcess(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, withArena(m))
	counts := s.Ledger().Slot(0)
	get(t, s, 0, 3)

	delivered := get(t, s, 100, 105)
	delivered.Recycle()
	counts.Acked.Add(5)

	reused := s.Arena().Get([]byte{}) // of a scope that says nothing
	counts.Ended.Add(1)
	reused.Add(field(testSpan(3)))

	f, err := s.Append(Batch{Payload: []byte("payload"), Spans: 2, Buffers: []*Buffer{get(t, s, 200, 202), nil}})
	if err != nil {
		t.Fatal(err)
	}
	s.Ack(f, 0)

	counts.Ended.Add(7) // in memory
	m.unlock()

	next := start(t, withArena(m))
	if st := balanced(t, next); st.Dropped[Crash] != 7 || st.Unread != 4 || st.Spans != 0 || st.Foreign != 0 {
		t.Errorf("%+v", st)
	}
	first := next.Next()
	p, err := next.Read(first, nil)
	if err != nil || !slices.Equal(decode(t, p, testScope), []int{0, 1, 2}) {
		t.Fatalf("%q, %v", p, err)
	}
	next.Retry(first)
	second := next.Next()
	p, err = next.Read(second, nil)
	if err != nil || !slices.Equal(decode(t, p, nil), []int{3}) {
		t.Fatalf("%q, %v", p, err)
	}
	next.Ack(second, 0)
	if again := next.Next(); again == nil || again.Attempts() != 1 || again.Spans() != 3 {
		t.Errorf("%+v is next", again)
	}

	m.unlock() // while that is under way
	last := start(t, withArena(m))
	if st := balanced(t, last); st.Dropped[Crash] != 0 || st.Unread != 3 {
		t.Errorf("%+v", st)
	}
	f = last.Next()
	if f.Attempts() != 1 {
		t.Errorf("%d attempts", f.Attempts())
	}
	last.Release(f)
	if got := salvagedSpans(t, last); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("got %v", got)
	}
	if st := balanced(t, last); st.Recovered != 3 || st.Acked != 3 {
		t.Errorf("%+v", st)
	}
	if err := last.finish(); err != nil || len(m.nodes) != 1 {
		t.Errorf("%v, left are %v", err, m.nodes)
	}
}

// TestF28ACrashWhileAnArenaIsAdopted ends a process at every call, twice; then the third delivers what they did not.
func TestF28ACrashWhileAnArenaIsAdopted(t *testing.T) {
	stop := errors.New("the process has ended")
	for end := 0; ; end++ {
		m := newMemoryFiles(t)
		s := start(t, withArena(m))
		get(t, s, 0, 5)
		get(t, s, 5, 9)
		s.Ledger().Slot(0).Ended.Add(2)
		m.unlock()
		got, lost, ended := map[int]int{}, uint64(0), false
		send := func(s *Spool, alive func() bool) {
			for f := s.Next(); f != nil && alive(); f = s.Next() {
				p, err := s.Read(f, nil)
				if err != nil || !alive() {
					return
				}
				for _, n := range decode(t, p, testScope) {
					got[n]++
				}
				s.Ack(f, 0)
			}
		}
		for range 2 {
			left := end
			m.fail = func(*call) error {
				if left--; left < 0 {
					return stop
				}
				return nil
			}
			s, err := open(small(m))
			if err != nil {
				t.Fatal(err)
			}
			s.adopt()
			for range 3 {
				send(s, func() bool { return left >= 0 })
			}
			if left >= 0 {
				lost += s.Stats().Dropped[Crash]
				_ = s.finish()
			}
			ended = ended || left < 0
			m.unlock()
		}
		m.fail = nil
		s = start(t, small(m))
		send(s, func() bool { return true })
		lost += balanced(t, s).Dropped[Crash]
		for n := range 9 {
			if got[n] < 1 || got[n] > 3 {
				t.Fatalf("two processes end at call %d: span %d was sent %d times", end, n, got[n])
			}
		}
		if lost != 2 {
			t.Fatalf("two processes end at call %d: %d spans are lost", end, lost)
		}
		if err := s.finish(); err != nil || len(m.nodes) != 1 {
			t.Fatalf("two processes end at call %d: %v, left are %v", end, err, m.nodes)
		}
		if !ended {
			t.Logf("%d points, 9 spans sent each time", end)
			break
		}
	}
}

// TestF28ABitFlipInAnArena costs one span at most, or what comes after one whose length is wrong; all are accounted for.
func TestF28ABitFlipInAnArena(t *testing.T) {
	const spans, nowhere = 5, 2
	whole := newMemoryFiles(t)
	s := start(t, withArena(whole))
	path := get(t, s, 0, spans).path
	s.Ledger().Slot(0).Ended.Add(nowhere)
	image := slices.Clone(whole.nodes[path].data)
	ledger := slices.Clone(whole.nodes[s.home.path+"/"+ledgerName].data)
	size := len(field(testSpan(0)))
	used := s.arena.room + spans*size
	flips, more := 0, 0
	for at := 0; at < used; at++ {
		if at == mappedHead+len(testResource)+len(testScope) {
			at = s.arena.room // what is between them is not used
		}
		for bit := range 8 {
			m := newMemoryFiles(t)
			m.nodes[s.home.path] = &node{dir: true}
			m.nodes[s.home.path+"/"+lockName] = &node{}
			m.nodes[s.home.path+"/"+ledgerName] = &node{data: slices.Clone(ledger)}
			flipped := slices.Clone(image)
			flipped[at] ^= 1 << bit
			m.nodes[path] = &node{data: flipped}
			next := start(t, small(m))
			delivered := 0
			for f := next.Next(); f != nil; f = next.Next() {
				p, err := next.Read(f, nil)
				if err != nil {
					t.Fatal(err)
				}
				var r tracepb.ResourceSpans
				if err := proto.Unmarshal(p, &r); err != nil {
					t.Fatalf("byte %d, bit %d: a receiver refuses it: %v", at, bit, err)
				}
				delivered += len(r.ScopeSpans[0].Spans)
				next.Ack(f, 0)
			}
			st := balanced(t, next)
			if total := st.Acked + st.Dropped.Total(); total != spans+nowhere && (at < publishedAt || at >= publishedAt+8) {
				t.Fatalf("byte %d, bit %d: %d spans are accounted for: %+v", at, bit, total, st)
			}
			if hit := (at - s.arena.room) / size; at >= s.arena.room && delivered < hit {
				t.Fatalf("byte %d, bit %d: %d spans are delivered, and %d are before it", at, bit, delivered, hit)
			}
			if flips++; at >= s.arena.room && delivered < spans-1 {
				more++
			}
		}
	}
	if more > spans*2*8 { // the tag and the length of a span
		t.Errorf("%d flips cost more than one span", more)
	}
	t.Logf("%d flips, %d of them in the tag or the length of a span, which cost those after it, too", flips, more)
}

// TestAnArenaIsThereWhenItIsNeeded: Get makes nothing, and the goroutine of the spool has some ready.
func TestAnArenaIsThereWhenItIsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryFiles(t)
		o := withArena(m)
		o.MaxAge = -1
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		var all []*Buffer
		for range 6 {
			all = append(all, get(t, s, 0, 1))
			synctest.Wait()
		}
		if b := s.Arena().Get(testScope); b != nil {
			t.Error("more than MaxBuffers")
		}
		if st := s.Stats(); st.ArenaBuffers != 6 || st.ArenaMissed != 1 || st.ArenaBytes != 6*(2000+2*pageSize) {
			t.Errorf("%+v", st)
		}
		for _, b := range all {
			b.Recycle()
			b.Recycle()
		}
		if b := get(t, s, 0, 1); b != all[5] {
			t.Error("not the one that came back last")
		} else {
			b.Recycle()
		}
		time.Sleep(3 * adoptEvery)
		if st := s.Stats(); st.ArenaBuffers != 4 || len(m.mapped()) != 4 {
			t.Errorf("%d buffers are kept for nothing, in %v", st.ArenaBuffers, m.mapped())
		}
		if s.Arena().Get(make([]byte, 9000)) != nil {
			t.Error("a scope that is too large")
		}
		if err := s.Close(t.Context()); err != nil || len(m.nodes) != 1 {
			t.Errorf("%v, left are %v", err, m.nodes)
		}
		if s.Arena().Get(testScope) != nil {
			t.Error("a buffer after Close")
		}
	})
}

func TestABufferTakesWhatItHasRoomFor(t *testing.T) {
	s := start(t, withArena(newMemoryFiles(t)))
	b := s.Arena().Get(testScope)
	if b.Add(make([]byte, 2001)) || !b.Add(make([]byte, 1990)) || b.Add(make([]byte, 11)) || !b.Add(make([]byte, 10)) {
		t.Error("not 2000 bytes")
	}
	b.Reset()
	if !b.Add(make([]byte, 2000)) {
		t.Error("not empty")
	}
	var none *Buffer
	if none.Add(make([]byte, 1)) {
		t.Error("nothing has room")
	}
	none.Reset()
	none.Recycle()
	if without := start(t, small(newMemoryFiles(t))); without.Arena() != nil || without.Arena().Get(nil) != nil {
		t.Error("a buffer without an arena")
	}
}

// TestF58NoRoomForAnArena: the spool goes on without, and it is there as soon as there is room.
func TestF58NoRoomForAnArena(t *testing.T) {
	for name, refuse := range map[string]func(m *memoryFiles, full bool){
		"full": func(m *memoryFiles, full bool) {
			m.fail = nil
			if full {
				m.fail = func(c *call) error {
					if strings.HasSuffix(c.path, mappedSuffix) {
						return syscall.ENOSPC
					}
					return nil
				}
			}
		},
		"crowded": func(m *memoryFiles, full bool) {
			if m.freePart = 1; full {
				m.freePart = 0.01
			}
		},
		"no directory": func(m *memoryFiles, full bool) {
			m.fail = nil
			if full {
				m.fail = nth("mkdir", 0, true, syscall.EACCES)
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemoryFiles(t)
			o := withArena(m)
			o.MinFree = 0.1
			refuse(m, true)
			s, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			for range 50 {
				if s.Arena().Get(testScope) != nil {
					t.Errorf("%s: a buffer", name)
				}
				synctest.Wait()
			}
			st := s.Stats()
			tries := uint64(0)
			for f, n := range st.Errors {
				if f.Op == OpArena {
					tries += n
				}
			}
			if st.ArenaMissed != 50 || st.ArenaBuffers != 0 || tries > 1 || tries == 0 && name != "no directory" {
				t.Errorf("%s: %+v", name, st)
			}
			m.mu.Lock()
			refuse(m, false)
			m.mu.Unlock()
			time.Sleep(time.Minute)
			get(t, s, 0, 1).Recycle()
			if err := s.Close(t.Context()); err != nil || len(m.nodes) != 1 {
				t.Errorf("%s: %v, left are %v", name, err, m.nodes)
			}
		})
	}
}

// TestF54ADirectoryThatWasRemovedHasAnArenaAgain soon, in the directory that takes its place.
func TestF54ADirectoryThatWasRemovedHasAnArenaAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryFiles(t)
		o := withArena(m)
		o.MaxAge = -1
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		m.mu.Lock()
		for path := range m.nodes {
			if path != testDir {
				delete(m.nodes, path)
			}
		}
		m.mu.Unlock()
		time.Sleep(adoptEvery + 2*time.Second)
		get(t, s, 0, 4)
		synctest.Wait()
		m.unlock()
		if got := salvagedSpans(t, start(t, small(m))); len(got) != 4 {
			t.Errorf("got %v", got)
		}
		_ = s.Close(t.Context())
	})
}

// TestWhatIsPublishedAtTheEndStays for who comes next; what is done with it afterwards changes nothing.
func TestWhatIsPublishedAtTheEndStays(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, withArena(m))
	b, empty := get(t, s, 0, 3), get(t, s, 0, 0)
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	if b.Add(field(testSpan(9))) {
		t.Error("a span is added after Close")
	}
	b.Recycle()
	empty.Recycle()
	if got := m.mapped(); len(got) != 1 {
		t.Errorf("left are %v", got)
	}
	next := start(t, withArena(m))
	if st := balanced(t, next); st.Dropped[Crash] != 0 {
		t.Errorf("%+v", st)
	}
	if got := salvagedSpans(t, next); !slices.Equal(got, upTo(3)) {
		t.Errorf("got %v", got)
	}
	if err := next.finish(); err != nil || len(m.nodes) != 1 {
		t.Errorf("%v, left are %v", err, m.nodes)
	}
}

// TestArenasThatAreNotOurs are left alone, and empty ones are removed.
func TestArenasThatAreNotOurs(t *testing.T) {
	m := newMemoryFiles(t)
	s := start(t, withArena(m))
	image := m.nodes[get(t, s, 0, 2).path].data
	newerVersion := slices.Clone(image)
	newerVersion[8] = 2
	before := slices.Concat(testResource, testScope)
	binary.LittleEndian.PutUint32(newerVersion[12:], mappedSum(newerVersion, before, salt(s.home.id, 10)))
	foreign := map[string][]byte{
		"1.wa": image, "000000000000.wa": image, "000000000010.wa": newerVersion, "000000000011.wa": []byte(strings.Repeat("noise", 30)),
	}
	for name, b := range foreign {
		m.nodes[s.home.path+"/"+name] = &node{data: b}
	}
	m.nodes[s.home.path+"/000000000020.wa"] = &node{}
	m.nodes[s.home.path+"/000000000021.wa"] = &node{data: make([]byte, 5000)}
	m.nodes[s.home.path+"/000000000022.wa"] = &node{data: slices.Clone(image)} // a copy, under another name
	m.unlock()
	next := start(t, small(m))
	if got := salvagedSpans(t, next); !slices.Equal(got, upTo(2)) {
		t.Errorf("got %v", got)
	}
	st := balanced(t, next)
	if st.Foreign != uint64(len(foreign)) || st.Dropped[Corrupt] != 2 || st.Dropped[Crash] != 0 || st.Segments != 0 {
		t.Errorf("%+v", st)
	}
	if got := m.mapped(); len(got) != len(foreign) {
		t.Errorf("left are %v", got)
	}
}

func TestArenaOptionsThatMakeNoSense(t *testing.T) {
	for _, a := range []ArenaOptions{
		{Resource: make([]byte, 64<<10)}, {BufferBytes: -1}, {BufferBytes: 4 << 20}, {Spare: -1}, {Spare: 3, MaxBuffers: 2},
	} {
		o := Options{Dir: testDir, Arena: &a, files: newMemoryFiles(t)}
		if _, err := open(o); err == nil || !strings.HasPrefix(err.Error(), "spool: arena: ") {
			t.Errorf("%+v: %v", a, err)
		}
	}
}

// FuzzArena: whatever a file of an arena holds, what comes of it can be decoded, and has as many spans as it says.
func FuzzArena(f *testing.F) {
	s, err := open(withArena(&memoryFiles{nodes: map[string]*node{testDir: {dir: true}}, freePart: 1}))
	if err != nil {
		f.Fatal(err)
	}
	b := s.Arena().Get(testScope)
	for n := range 4 {
		b.Add(field(testSpan(n)))
	}
	f.Add(uint32(b.length), uint32(b.count), slices.Clone(b.spans[:b.length]))
	f.Add(uint32(b.length), uint32(b.count), make([]byte, b.length))
	f.Add(uint32(2), uint32(1), []byte{0x12, 0})
	f.Fuzz(func(t *testing.T, length, count uint32, spans []byte) {
		image := slices.Clone(b.memory[:s.arena.room])
		binary.NativeEndian.PutUint64(image[publishedAt:], uint64(count)<<32|uint64(length))
		m := newMemoryFiles(t)
		m.nodes[s.home.path] = &node{dir: true}
		m.nodes[s.home.path+"/"+lockName] = &node{}
		m.nodes[b.path] = &node{data: append(image, spans...)}
		next := start(t, small(m))
		for f := next.Next(); f != nil; f = next.Next() {
			p, err := next.Read(f, nil)
			if err != nil {
				t.Fatal(err)
			}
			var r tracepb.ResourceSpans
			if err := proto.Unmarshal(p, &r); err != nil || len(r.ScopeSpans) != 1 || len(r.ScopeSpans[0].Spans) != f.Spans() {
				t.Fatalf("%d spans: %v, %v", f.Spans(), err, &r)
			}
			next.Ack(f, 0)
		}
		balanced(t, next)
		if err := next.finish(); err != nil || len(m.nodes) != 1 {
			t.Fatalf("%v, left are %v", err, m.nodes)
		}
	})
}

// FuzzWellFormed compares with what decides in the end: the decoder.
func FuzzWellFormed(f *testing.F) {
	f.Add(encode(testSpan(7)))
	f.Add([]byte{0x2a, 1, 0xff})
	f.Add([]byte{0x4a, 4, 0x12, 2, 0x2a, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s tracepb.Span
		err := proto.Unmarshal(b, &s)
		if good := wellFormed(b, spanMessage, maxDepth); good != (err == nil) {
			t.Fatalf("well-formed %t, decoded with %v", good, err)
		}
		if err == nil && endOf(b) != int64(s.EndTimeUnixNano) {
			t.Fatalf("it ends at %d, want %d", endOf(b), s.EndTimeUnixNano)
		}
	})
}
