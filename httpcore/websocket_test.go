package httpcore_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
)

// echoMessages is a WebSocket server that sends each message back.
func echoMessages(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		conn.SetReadLimit(1 << 21)
		for {
			kind, message, err := conn.Read(r.Context())
			if err != nil {
				return
			}
			if err := conn.Write(r.Context(), kind, message); err != nil {
				t.Error(err)
			}
		}
	}
}

// exchangeMessages sends messages of many sizes to the WebSocket server at url, and expects them back.
func exchangeMessages(t *testing.T, url string) {
	t.Helper()
	ctx := t.Context()
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(1 << 21)
	for _, size := range []int{0, 1, 125, 126, 4096, 65_536, 1 << 20} {
		want := strings.Repeat("m", size)
		if err := conn.Write(ctx, websocket.MessageText, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if kind, got, err := conn.Read(ctx); err != nil || kind != websocket.MessageText || string(got) != want {
			t.Fatalf("sent %d bytes, got %d, %v", size, len(got), err)
		}
	}
	if err := conn.Ping(conn.CloseRead(ctx)); err != nil {
		t.Error(err)
	}
	if err := conn.Close(websocket.StatusNormalClosure, "done"); err != nil {
		t.Error(err)
	}
}

func TestWebSocket(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: echoMessages(t)})
		exchangeMessages(t, "ws://"+s.addr)
		events := s.closed()
		if o := only[*lifecycle.ResponseCompleted](t, events); o.Status != 101 || !o.Streaming || o.BytesSent == 0 || o.BytesReceived == 0 {
			t.Errorf("got %+v", o)
		}
		if end := only[*lifecycle.ConnectionCompleted](t, events); end.Reason != lifecycle.ReasonUpgrade {
			t.Errorf("the connection ended for %q", end.Reason)
		}
	})
}

// A refused handshake is an ordinary response.
func TestWebSocketHandshakeThatIsRefused(t *testing.T) {
	onEngines(t, func(t *testing.T, e httpcore.Engine) {
		s := start(t, &httpcore.Server{Engine: e, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := websocket.Accept(w, r, nil); err == nil {
				t.Error("a request without Upgrade was accepted")
			}
		})})
		c := s.dial()
		for range 2 {
			if r := c.send(get("/")).recv("GET"); r.StatusCode != http.StatusUpgradeRequired {
				t.Error(r.Status)
			}
		}
		if _, res, err := websocket.Dial(context.Background(), "ws://"+s.addr, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"http://other"}}}); err == nil || res.StatusCode != 403 {
			t.Errorf("another origin: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
}
