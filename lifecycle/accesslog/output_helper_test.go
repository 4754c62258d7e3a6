package accesslog_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle/accesslog"
)

// memory is an Output that keeps what it takes, and can be told to misbehave.
type memory struct {
	mu      sync.Mutex
	text    bytes.Buffer
	limit   int // takes this many more bytes and then fails; negative is without limit
	reopens int
	closes  int

	entered chan struct{} // signalled by a Write when block is set
	block   chan struct{} // a Write waits until this or the output is closed
	closed  chan struct{}
}

var errFull = errors.New("no space left")

func newMemory() *memory { return &memory{limit: -1, closed: make(chan struct{})} }

// blocked is a memory whose Write does not return.
func blocked() *memory {
	m := newMemory()
	m.entered, m.block = make(chan struct{}, 1), make(chan struct{})
	return m
}

func (m *memory) Write(lines []byte) (int, error) {
	if m.block != nil {
		select {
		case m.entered <- struct{}{}:
		default:
		}
		select {
		case <-m.block:
		case <-m.closed:
			return 0, errors.New("closed")
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.limit < 0 || len(lines) <= m.limit {
		if m.limit > 0 {
			m.limit -= len(lines)
		}
		return m.text.Write(lines)
	}
	n, _ := m.text.Write(lines[:m.limit])
	m.limit = 0
	return n, errFull
}

func (m *memory) Reopen() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reopens++
	m.text.WriteString("--reopened--\n")
	return nil
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closes++
	if m.closes == 1 {
		close(m.closed)
	}
	return nil
}

func (m *memory) allow(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = n
}

func (m *memory) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.String()
}

func (m *memory) lines() []string {
	return strings.Split(strings.TrimSuffix(m.String(), "\n"), "\n")
}

// messages are what an ErrorLog was told.
type messages struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (m *messages) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.Write(b)
}

func (m *messages) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.String()
}

func (m *messages) logger() *slog.Logger { return slog.New(slog.NewTextHandler(m, nil)) }

// start makes a log that is closed at the end of the test.
func start(t testing.TB, o accesslog.Options) *accesslog.Log {
	t.Helper()
	if o.ErrorLog == nil {
		o.ErrorLog = slog.New(slog.DiscardHandler)
	}
	l := accesslog.New(o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = l.Close(ctx)
	})
	return l
}

// soon is a context for what is bound to happen.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// waitFor returns when something that is bound to happen has happened.
func waitFor(t testing.TB, happened func() bool) {
	t.Helper()
	for ctx := soon(t); !happened(); time.Sleep(time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatal("it has not happened")
		}
	}
}

func flush(t testing.TB, l interface{ Flush(context.Context) error }) {
	t.Helper()
	if err := l.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
}

func short(t testing.TB) *accesslog.Format {
	t.Helper()
	return accesslog.MustCompile("%({request_index}x)s", accesslog.FormatOptions{})
}
