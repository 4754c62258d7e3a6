package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// maxPause is the longest that a demo route waits at a time, in milliseconds.
const maxPause = 60_000

// numbers reads query parameters until one makes no sense.
type numbers struct {
	r   *http.Request
	err error
}

func (q *numbers) get(name string, byDefault, least, most int) int {
	if q.err != nil {
		return 0
	}
	var n int
	n, q.err = number(name, q.r.URL.Query().Get(name), byDefault, least, most)
	return n
}

func (q *numbers) pause(byDefault int) time.Duration {
	return time.Duration(q.get("ms", byDefault, 0, maxPause)) * time.Millisecond
}

// slow is not hurried by a drain: it is the request under way that a drain waits for.
func (d *demo) slow(w http.ResponseWriter, r *http.Request) {
	q := numbers{r: r}
	pause := q.pause(100)
	if q.err != nil {
		badRequest(w, q.err)
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Content-Type", plainText)
	fmt.Fprintf(w, "waited %v\n", pause)
}

func (d *demo) stream(w http.ResponseWriter, r *http.Request) {
	q := numbers{r: r}
	n, pause := q.get("n", 10, 1, 10_000), q.pause(100)
	if q.err != nil {
		badRequest(w, q.err)
		return
	}
	w.Header().Set("Content-Type", plainText)
	flusher := http.NewResponseController(w)
	for i := 1; i <= n; i++ {
		if i > 1 && !d.wait(r.Context(), pause) {
			return
		}
		fmt.Fprintf(w, "chunk %d of %d\n", i, n)
		if flusher.Flush() != nil {
			return
		}
	}
}

func (d *demo) events(w http.ResponseWriter, r *http.Request) {
	q := numbers{r: r}
	n, pause := q.get("n", 0, 0, 1_000_000), q.pause(1000)
	if q.err != nil {
		badRequest(w, q.err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flusher := http.NewResponseController(w)
	for i := 1; n == 0 || i <= n; i++ {
		if i > 1 && !d.wait(r.Context(), max(pause, time.Millisecond)) {
			return
		}
		fmt.Fprintf(w, "id: %d\nevent: tick\ndata: {\"n\":%[1]d,\"time\":%q}\n\n", i, time.Now().UTC().Format(time.RFC3339Nano))
		if flusher.Flush() != nil {
			return
		}
	}
}

// maxMessage is the largest WebSocket message that is echoed.
const maxMessage = 1 << 20

func (d *demo) webSocket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(maxMessage)
	// The server does not wait for a connection that was taken over, so the handler ends it itself.
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-d.draining:
			_ = conn.Close(websocket.StatusGoingAway, "the server shuts down")
		case <-stop:
		}
	}()
	echoMessages(r.Context(), conn)
	close(stop)
	<-stopped
}

// echoMessages returns when the connection ends.
func echoMessages(ctx context.Context, conn *websocket.Conn) {
	for {
		kind, message, err := conn.Read(ctx)
		if err != nil {
			return
		}
		if err := conn.Write(ctx, kind, message); err != nil {
			return
		}
	}
}
