package e2e_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// talk says something over a WebSocket and hears it again. It returns when the WebSocket was open and when it began to close.
func talk(t *testing.T, url string) (opened, closing time.Time) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, strings.Replace(url, "http://", "ws://", 1)+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	opened = time.Now()
	for _, text := range []string{"one", "two", strings.Repeat("x", 20<<10)} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, echo, err := conn.Read(ctx); err != nil || string(echo) != text {
			t.Fatalf("heard %.40q, %v, and said %.40q", echo, err, text)
		}
	}
	closing = time.Now()
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	return opened, closing
}

// The span of an upgraded request has the status 101, and is as long as the conversation.
func TestWebSocket(t *testing.T) {
	t.Parallel()
	w := demo(t)
	opened, closing := talk(t, w.url)
	s := w.request(t, "/ws")
	checkUnset(t, s)
	checkAttrs(t, s, map[string]any{
		"http.response.status_code":  int64(101),
		"http.route":                 "/ws",
		"wirespan.request.streaming": true,
	})
	if s.Start().After(opened) || s.End().Before(closing) {
		t.Errorf("the span is from %v to %v, and the conversation was from %v to %v", s.Start(), s.End(), opened, closing)
	}
	checkAttrs(t, w.connection(t, s), map[string]any{"wirespan.connection.close_reason": "upgrade"})
}

func TestWebSocketThroughTheProxy(t *testing.T) {
	t.Parallel()
	app := demo(t)
	w := app.behindProxy(t)
	talk(t, w.url)
	outer := w.request(t, "/ws")
	call := w.child(t, outer, "GET")
	inner := app.child(t, call, "GET /ws")
	checkAttrs(t, outer, map[string]any{"http.response.status_code": int64(101)})
	checkAttrs(t, call, map[string]any{"http.response.status_code": int64(101)})
	checkAttrs(t, inner, map[string]any{"http.response.status_code": int64(101)})
	checkUnset(t, outer)
	checkUnset(t, call)
	checkUnset(t, inner)
}
