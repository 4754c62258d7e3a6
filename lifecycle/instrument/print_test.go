package instrument_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

var peer = instrument.Conn{ID: 7, Worker: 1, Local: "127.0.0.1:8080", Remote: "192.0.2.1:50412"}

const ms = time.Millisecond

// lines are calls of a hook, and what is printed of them with a preview of the payload.
var lines = []struct {
	call func(h *instrument.Hooks)
	want string
}{
	{func(h *instrument.Hooks) { h.AcceptStart(instrument.AcceptStart{Local: "[::]:80"}) }, `[ACCEPT] Waiting for a connection to [::]:80`},
	{func(h *instrument.Hooks) { h.AcceptReady(instrument.AcceptReady{Conn: peer, Elapsed: 1500 * ms}) }, `[ACCEPT] Accepted a connection from 192.0.2.1:50412 in 1.5000s`},
	{func(h *instrument.Hooks) {
		h.AcceptReady(instrument.AcceptReady{Local: "[::]:80", Err: errors.New("EMFILE")})
	}, `[ACCEPT] No connection to [::]:80 in 0.0000s: EMFILE`},
	{func(h *instrument.Hooks) { h.RecvStart(instrument.IOStart{Conn: peer}) }, `[RECV] Waiting for data from 192.0.2.1:50412`},
	{func(h *instrument.Hooks) { h.RecvReady(instrument.IOReady{Conn: peer, Wait: 2 * ms}) }, `[RECV] Ready to receive data from 192.0.2.1:50412 in 0.0020s`},
	{func(h *instrument.Hooks) {
		h.RecvReady(instrument.IOReady{Conn: peer, Elapsed: time.Second, Err: errors.New("late")})
	}, `[RECV] No data from 192.0.2.1:50412 in 1.0000s: late`},
	{func(h *instrument.Hooks) {
		h.RecvData(instrument.RecvData{Conn: peer, Data: []byte("\x00\xff\n" + strings.Repeat("x", 60))})
	}, `[RECV-DATA] Got 63 bytes: "\x00\xff\n` + strings.Repeat("x", 47) + `"`},
	{func(h *instrument.Hooks) { h.RecvData(instrument.RecvData{Conn: peer, Err: io.EOF}) }, `[RECV-DATA] Got 0 bytes: "": EOF`},
	{func(h *instrument.Hooks) { h.SendStart(instrument.IOStart{Conn: peer, Bytes: 5}) }, `[SEND] Starting send to 192.0.2.1:50412`},
	{func(h *instrument.Hooks) { h.SendReady(instrument.IOReady{Conn: peer, Elapsed: ms}) }, `[SEND] Completed send to 192.0.2.1:50412 in 0.0010s`},
	{func(h *instrument.Hooks) {
		h.SendReady(instrument.IOReady{Conn: peer, Elapsed: ms, Err: errors.New("reset\nby peer")})
	}, `[SEND] Failed to send to 192.0.2.1:50412 in 0.0010s: reset by peer`},
	{func(h *instrument.Hooks) {
		h.SendData(instrument.SendData{Conn: peer, Data: [][]byte{[]byte("ab"), []byte("cd")}, Bytes: 4, Of: 9})
	}, `[SEND-DATA] Sent 4/9 bytes: "abcd"`},
	{func(h *instrument.Hooks) {
		h.SendData(instrument.SendData{Conn: peer, Of: 4, Err: errors.New("broken pipe")})
	}, `[SEND-DATA] Sent 0/4 bytes: "": broken pipe`},
	{func(h *instrument.Hooks) { h.ConnectStart(instrument.ConnectStart{Address: "test:80"}) }, `[CONNECT] Connecting to test:80.`},
	{func(h *instrument.Hooks) { h.ConnectReady(instrument.ConnectReady{Conn: peer, Elapsed: ms}) }, `[CONNECT] Connected to 192.0.2.1:50412 in 0.0010s via 127.0.0.1:8080`},
	{func(h *instrument.Hooks) {
		h.ConnectReady(instrument.ConnectReady{Address: "test:80", Err: errors.New("refused")})
	}, `[CONNECT] Failed to connect to test:80 in 0.0000s: refused`},
	{func(h *instrument.Hooks) { h.TLSHandshakeStart(instrument.IOStart{Conn: peer}) }, `[TLS] Starting handshake with 192.0.2.1:50412`},
	{func(h *instrument.Hooks) {
		h.TLSHandshakeComplete(instrument.TLSHandshake{Conn: peer, Elapsed: 3 * ms, Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256})
	}, `[TLS] Handshake complete in 0.0030s: TLSv1.3, TLS_AES_128_GCM_SHA256`},
	{func(h *instrument.Hooks) {
		h.TLSHandshakeComplete(instrument.TLSHandshake{Conn: peer, Err: errors.New("no cipher")})
	}, `[TLS] Handshake with 192.0.2.1:50412 failed in 0.0000s: no cipher`},
	{func(h *instrument.Hooks) {
		h.Close(instrument.CloseInfo{Conn: peer, Elapsed: time.Second, Reason: "drain"})
	}, `[CLOSE] Connection closed to 192.0.2.1:50412 after 1.0000s: drain`},
	{func(h *instrument.Hooks) { h.QueuePut(instrument.QueueEvent{Item: 42, Immediate: true}) }, `[QUEUE-PUT] Item put in queue: 42`},
	{func(h *instrument.Hooks) { h.QueueGet(instrument.QueueEvent{Item: 42, Immediate: true}) }, `[QUEUE-GET] Item retrieved from queue: 42`},
	{func(h *instrument.Hooks) {
		h.QueueGet(instrument.QueueEvent{Queue: instrument.QueueDispatch, Item: peer, Wait: ms})
	}, `[QUEUE-GET] Item retrieved from queue: connection 7 (dispatch, 0.0010s)`},
	{func(h *instrument.Hooks) { h.TaskBeforeSend(ofTask(nil)) }, `[TASK] Running GET "/a\nb" of 192.0.2.1:50412 after 0.0010s`},
	{func(h *instrument.Hooks) { h.TaskAfterSend(ofTask(nil)) }, `[TASK] Ran GET "/a\nb" of 192.0.2.1:50412 after 0.0010s`},
	{func(h *instrument.Hooks) { h.TaskBeforeThrow(ofTask(io.EOF)) }, `[TASK] Throwing into GET "/a\nb" of 192.0.2.1:50412 after 0.0010s: EOF`},
	{func(h *instrument.Hooks) { h.TaskAfterThrow(ofTask(io.EOF)) }, `[TASK] Threw into GET "/a\nb" of 192.0.2.1:50412 after 0.0010s: EOF`},
	{func(h *instrument.Hooks) { h.TaskCompleted(ofTask(nil)) }, `[TASK] Completed GET "/a\nb" of 192.0.2.1:50412 after 0.0010s`},
	{func(h *instrument.Hooks) { h.TaskError(ofTask(io.EOF)) }, `[TASK] Failed GET "/a\nb" of 192.0.2.1:50412 after 0.0010s: EOF`},
	{func(h *instrument.Hooks) { h.TaskCancelled(ofTask(io.EOF)) }, `[TASK] Cancelled GET "/a\nb" of 192.0.2.1:50412 after 0.0010s: EOF`},
}

func ofTask(err error) instrument.TaskEvent {
	return instrument.TaskEvent{Conn: peer, Request: 1, Method: "GET", Target: "/a\nb", Elapsed: ms, Err: err}
}

func TestPrintLines(t *testing.T) {
	var out bytes.Buffer
	h := instrument.Print(&out, instrument.PrintOptions{Payload: instrument.PayloadPreview})
	for _, l := range lines {
		out.Reset()
		l.call(h)
		if got := out.String(); got != l.want+"\n" {
			t.Errorf("printed\n%s, want\n%s", got, l.want)
		}
	}
}

// No hook is without a line.
func TestPrintAndLogHaveAllHooks(t *testing.T) {
	for name, h := range map[string]*instrument.Hooks{
		"Print": instrument.Print(io.Discard, instrument.PrintOptions{}),
		"Log":   instrument.Log(nil, instrument.PrintOptions{}),
	} {
		for v, i := reflect.ValueOf(h).Elem(), 0; i < v.NumField(); i++ {
			if v.Field(i).IsNil() {
				t.Errorf("%s has no %s", name, v.Type().Field(i).Name)
			}
		}
	}
}

func TestPayload(t *testing.T) {
	secret := []byte(strings.Repeat("0123456789", 10))
	quoted := ": \"" + string(secret[:50]) + "\"\n"
	full := ": FULL DATA: \"" + string(secret) + "\"\n"
	for payload, want := range map[instrument.Payload]string{
		instrument.PayloadOff: "\n", instrument.PayloadPreview: quoted, instrument.PayloadFull: full,
	} {
		var out bytes.Buffer
		h := instrument.Print(&out, instrument.PrintOptions{Payload: payload})
		h.RecvData(instrument.RecvData{Conn: peer, Data: secret})
		h.SendData(instrument.SendData{Conn: peer, Data: [][]byte{secret[:30], secret[30:]}, Bytes: 100, Of: 100})
		if got, want := out.String(), "[RECV-DATA] Got 100 bytes"+want+"[SEND-DATA] Sent 100/100 bytes"+want; got != want {
			t.Errorf("payload %d:\n%swant\n%s", payload, got, want)
		}
	}
}

func TestLogLines(t *testing.T) {
	var out bytes.Buffer
	level := new(slog.LevelVar)
	l := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	h := instrument.Log(l, instrument.PrintOptions{})
	h.RecvStart(instrument.IOStart{Conn: peer})
	if out.Len() > 0 {
		t.Errorf("it logs at INFO: %s", &out)
	}
	level.Set(slog.LevelDebug)
	h.RecvStart(instrument.IOStart{Conn: peer})
	h.ConnectStart(instrument.ConnectStart{Address: "test:80"})
	want := `level=DEBUG msg="[RECV] Waiting for data from 192.0.2.1:50412" connection_id=7 worker_id=1` + "\n" +
		`level=DEBUG msg="[CONNECT] Connecting to test:80."` + "\n"
	if out.String() != want {
		t.Errorf("logged\n%swant\n%s", &out, want)
	}
}

// lineWriter checks that each Write is one line.
type lineWriter struct {
	t     *testing.T
	lines int // Print has them come one at a time
}

func (w *lineWriter) Write(p []byte) (int, error) {
	if bytes.Count(p, []byte("\n")) != 1 || p[len(p)-1] != '\n' {
		w.t.Errorf("a write of %q", p)
	}
	w.lines++
	return len(p), nil
}

func TestPrintFromManyGoroutines(t *testing.T) {
	w := &lineWriter{t: t}
	h := instrument.Print(w, instrument.PrintOptions{Payload: instrument.PayloadFull})
	large := bytes.Repeat([]byte("\n"), 100_000)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				h.RecvStart(instrument.IOStart{Conn: peer})
				h.RecvData(instrument.RecvData{Conn: peer, Data: large})
			}
		})
	}
	all.Wait()
	if w.lines != 4*5*2 {
		t.Errorf("%d lines", w.lines)
	}
}
