package httpcore_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// FuzzConn sends any bytes to a server of every kind of handler, whole and in pieces of any size: it neither panics nor
// hangs, its events keep the invariants, and neither what it answers nor how the requests end depends on the pieces.
func FuzzConn(f *testing.F) {
	for _, r := range refusals {
		f.Add([]byte(r.request), 7)
	}
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		requests, _ := mix(random, 10)
		f.Add([]byte(requests), 1+random.IntN(100))
	}
	for _, path := range []string{"/panic", "/late-panic", "/short", "/upgrade", "/sync", "/unread"} {
		f.Add([]byte(get("/sync")+get(path)+get("/sync")), 1)
		f.Add([]byte("HEAD "+path+" HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"+get(path)), 3)
	}
	f.Add([]byte(post+"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"+get("/")), 2)
	f.Add([]byte("POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"+get("/")), 2)
	f.Add([]byte("POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno chunk"), 3)
	f.Add([]byte("\r\n\r\n"+get("/")+"\r\n"), 1)

	s, l, rec := everything(), newMemoryListener(), new(lifecycletest.Recorder)
	s.Collector, s.ErrorLog = rec, discard
	s.MaxBodyBytes = 100_000
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	f.Cleanup(func() {
		_ = s.Close()
		if err := <-served; err != httpcore.ErrServerClosed {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, sent []byte, piece int) {
		if bytes.Contains(sent, []byte("/wait")) || bytes.Contains(sent, []byte("/events")) {
			t.Skip("what these answer depends on when the client leaves")
		}
		piece = max(1, piece%5000)
		whole, ends := exchangeBytes(t, l, rec, sent, len(sent)+1)
		split, splitEnds := exchangeBytes(t, l, rec, sent, piece)
		if !bytes.Equal(whole, split) {
			t.Errorf("whole it is answered\n%.2000q, in pieces of %d\n%.2000q", whole, piece, split)
		}
		if !slices.Equal(ends, splitEnds) {
			t.Errorf("whole its requests end\n%s, in pieces of %d\n%s", strings.Join(ends, "\n"), piece, strings.Join(splitEnds, "\n"))
		}
	})
}

// volatile is what may differ between two answers to the same bytes: when, and whether the client was asked for a body
// that was there already. Where the handler leaves the body unread, it is also whether the connection is announced to end: what
// is wrong with that body may come only after the answer.
var (
	volatile       = regexp.MustCompile(`Date: [^\r]*|HTTP/1\.1 100 Continue\r\n\r\n`)
	volatileUnread = regexp.MustCompile(volatile.String() + `|Connection: close\r\n`)
)

// exchangeBytes sends bytes over a connection that takes so many at a time, and its end. It returns all that was answered, and
// how the requests ended.
func exchangeBytes(t *testing.T, l *memoryListener, rec *lifecycletest.Recorder, sent []byte, piece int) (answer []byte, ends []string) {
	t.Helper()
	rec.Reset()
	c := l.connect(window)
	c.out.mu.Lock()
	c.out.window = piece
	c.out.mu.Unlock()
	go func() {
		_, _ = c.Write(sent) // fails where the server closes early
		_ = c.CloseWrite()
	}()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("the connection ended with %v", err)
	}
	_ = c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	events, err := rec.WaitFor(ctx, lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))
	if err != nil {
		t.Fatal(err)
	}
	if err := lifecycletest.CheckInvariants(events); err != nil {
		t.Error(err)
	}
	for _, e := range events {
		if o := lifecycle.OutcomeOf(e); o != nil {
			code := ""
			if f, ok := e.(*lifecycle.RequestFailed); ok {
				code = f.Code
			}
			ends = append(ends, fmt.Sprintf("%s %q %q %d %s, %d bytes sent, %d received", e.Name(), o.Method, o.Target, o.Status, code, o.BytesSent, o.BytesReceived))
		}
	}
	if bytes.Contains(sent, []byte("/unread")) {
		return volatileUnread.ReplaceAll(answer, nil), ends
	}
	return volatile.ReplaceAll(answer, nil), ends
}
