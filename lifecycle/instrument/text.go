package instrument

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Payload says how much of what is received and sent Print and Log show.
type Payload int

const (
	// PayloadOff, the zero value, shows its length.
	PayloadOff Payload = iota
	// PayloadPreview shows the first 50 bytes, too.
	PayloadPreview
	// PayloadFull shows all of it, whatever secrets it holds.
	PayloadFull
)

// previewBytes is how much a preview shows.
const previewBytes = 50

// PrintOptions are those of [Print] and [Log]. The zero value is ready.
type PrintOptions struct {
	// Payload says how much is shown of what is received and sent. Whatever is shown is quoted as in Go, so that it takes one
	// line and cannot do anything to a terminal.
	Payload Payload
}

// writer makes lines of what hooks are told.
type writer struct {
	say     func(c Conn, line string)
	on      func() bool // false: nobody reads the lines
	payload Payload
}

func (w *writer) hooks() *Hooks {
	return &Hooks{
		AcceptStart: line(w, func(i AcceptStart) (Conn, string) {
			return Conn{}, "[ACCEPT] Waiting for a connection to " + i.Local
		}),
		AcceptReady: line(w, acceptReady),

		RecvStart: line(w, func(i IOStart) (Conn, string) {
			return i.Conn, "[RECV] Waiting for data from " + i.Conn.Remote
		}),
		RecvReady: line(w, recvReady),
		RecvData:  line(w, w.recvData),

		SendStart: line(w, func(i IOStart) (Conn, string) {
			return i.Conn, "[SEND] Starting send to " + i.Conn.Remote
		}),
		SendReady: line(w, sendReady),
		SendData:  line(w, w.sendData),

		ConnectStart: line(w, func(i ConnectStart) (Conn, string) {
			return Conn{}, "[CONNECT] Connecting to " + i.Address + "."
		}),
		ConnectReady: line(w, connectReady),

		TLSHandshakeStart: line(w, func(i IOStart) (Conn, string) {
			return i.Conn, "[TLS] Starting handshake with " + i.Conn.Remote
		}),
		TLSHandshakeComplete: line(w, handshake),

		Close: line(w, func(i CloseInfo) (Conn, string) {
			return i.Conn, fmt.Sprintf("[CLOSE] Connection closed to %s after %s: %s", i.Conn.Remote, seconds(i.Elapsed), i.Reason)
		}),

		QueuePut: line(w, queuePut),
		QueueGet: line(w, queueGet),

		TaskBeforeSend:  line(w, task("Running")),
		TaskAfterSend:   line(w, task("Ran")),
		TaskBeforeThrow: line(w, task("Throwing into")),
		TaskAfterThrow:  line(w, task("Threw into")),
		TaskCompleted:   line(w, task("Completed")),
		TaskError:       line(w, task("Failed")),
		TaskCancelled:   line(w, task("Cancelled")),
	}
}

// line makes a hook of a function that puts what it is given into words.
func line[I any](w *writer, words func(I) (Conn, string)) func(I) {
	return func(i I) {
		if w.on() {
			c, text := words(i)
			w.say(c, strings.Map(visible, text))
		}
	}
}

// visible keeps what an error, or an item of a queue, has in it from beginning another line.
func visible(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}

func acceptReady(i AcceptReady) (Conn, string) {
	if i.Err != nil {
		return i.Conn, fmt.Sprintf("[ACCEPT] No connection to %s in %s: %v", i.Local, seconds(i.Elapsed), i.Err)
	}
	return i.Conn, fmt.Sprintf("[ACCEPT] Accepted a connection from %s in %s", i.Conn.Remote, seconds(i.Elapsed))
}

func recvReady(i IOReady) (Conn, string) {
	if i.Err != nil {
		return i.Conn, fmt.Sprintf("[RECV] No data from %s in %s: %v", i.Conn.Remote, seconds(i.Elapsed), i.Err)
	}
	return i.Conn, fmt.Sprintf("[RECV] Ready to receive data from %s in %s", i.Conn.Remote, seconds(i.Wait))
}

func (w *writer) recvData(i RecvData) (Conn, string) {
	return i.Conn, fmt.Sprintf("[RECV-DATA] Got %d bytes", len(i.Data)) + w.shown(i.Data) + because(i.Err)
}

func sendReady(i IOReady) (Conn, string) {
	if i.Err != nil {
		return i.Conn, fmt.Sprintf("[SEND] Failed to send to %s in %s: %v", i.Conn.Remote, seconds(i.Elapsed), i.Err)
	}
	return i.Conn, fmt.Sprintf("[SEND] Completed send to %s in %s", i.Conn.Remote, seconds(i.Elapsed))
}

func (w *writer) sendData(i SendData) (Conn, string) {
	return i.Conn, fmt.Sprintf("[SEND-DATA] Sent %d/%d bytes", i.Bytes, i.Of) + w.shown(i.Data...) + because(i.Err)
}

func connectReady(i ConnectReady) (Conn, string) {
	if i.Err != nil {
		return i.Conn, fmt.Sprintf("[CONNECT] Failed to connect to %s in %s: %v", i.Address, seconds(i.Elapsed), i.Err)
	}
	return i.Conn, fmt.Sprintf("[CONNECT] Connected to %s in %s via %s", i.Conn.Remote, seconds(i.Elapsed), i.Conn.Local)
}

func handshake(i TLSHandshake) (Conn, string) {
	if i.Err != nil {
		return i.Conn, fmt.Sprintf("[TLS] Handshake with %s failed in %s: %v", i.Conn.Remote, seconds(i.Elapsed), i.Err)
	}
	version := strings.Replace(tls.VersionName(i.Version), "TLS ", "TLSv", 1)
	return i.Conn, fmt.Sprintf("[TLS] Handshake complete in %s: %s, %s", seconds(i.Elapsed), version, tls.CipherSuiteName(i.CipherSuite))
}

func queuePut(i QueueEvent) (Conn, string) {
	return itsConn(i.Item), fmt.Sprintf("[QUEUE-PUT] Item put in queue: %v%s", i.Item, ofQueue(i))
}

func queueGet(i QueueEvent) (Conn, string) {
	return itsConn(i.Item), fmt.Sprintf("[QUEUE-GET] Item retrieved from queue: %v%s", i.Item, ofQueue(i))
}

func itsConn(item any) Conn {
	c, _ := item.(Conn)
	return c
}

// ofQueue adds the name of a queue that has one, and the time.
func ofQueue(i QueueEvent) string {
	if i.Queue == "" {
		return ""
	}
	return fmt.Sprintf(" (%s, %s)", i.Queue, seconds(i.Wait))
}

func task(what string) func(TaskEvent) (Conn, string) {
	return func(i TaskEvent) (Conn, string) {
		return i.Conn, fmt.Sprintf("[TASK] %s %s %q of %s after %s", what, i.Method, i.Target, i.Conn.Remote, seconds(i.Elapsed)) + because(i.Err)
	}
}

// shown is how the payload ends its line.
func (w *writer) shown(data ...[]byte) string {
	if w.payload == PayloadOff {
		return ""
	}
	text := bytes.Join(data, nil)
	if w.payload == PayloadFull {
		return fmt.Sprintf(": FULL DATA: %q", text)
	}
	return fmt.Sprintf(": %q", text[:min(len(text), previewBytes)])
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.4fs", d.Seconds()) }
