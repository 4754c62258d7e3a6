package nethttp_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"

	"github.com/wirespan/wirespan/lifecycle"
	"github.com/wirespan/wirespan/lifecycle/lifecycletest"
)

// dialTLS connects with TLS and completes the handshake.
func dialTLS(t *testing.T, s *site, config *tls.Config) *client {
	t.Helper()
	c := tls.Client(dial(t, s.addr).Conn, config)
	if err := c.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return newClient(t, c)
}

func TestTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			s, pool := startTLS(t, &http.Server{Handler: http.HandlerFunc(hello)})
			c := dialTLS(t, s, &tls.Config{ServerName: "example.com", RootCAs: pool, MaxVersion: version})
			for range 2 {
				if r := c.send(get("/")).recv("GET"); r.body != "hello" {
					t.Errorf("got %q", r.body)
				}
			}
			_ = c.Close()
			events := s.wait(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))
			opened := only[*lifecycle.ConnectionOpened](t, events)
			if opened.Protocol != "h1" || opened.TLS == nil || opened.TLS.Version != version || !opened.TLS.HandshakeComplete {
				t.Errorf("opened: %+v", opened)
			}
			first := lifecycletest.Of[*lifecycle.RequestStarted](events)[0]
			if opened.HandshakeStartNS != opened.AcceptedNS || opened.HandshakeEndNS <= opened.HandshakeStartNS ||
				opened.TimestampNS != opened.HandshakeEndNS || first.Phases.FirstByte < opened.HandshakeEndNS {
				t.Errorf("accepted %d, handshake %d to %d, opened %d, first byte %d",
					opened.AcceptedNS, opened.HandshakeStartNS, opened.HandshakeEndNS, opened.TimestampNS, first.Phases.FirstByte)
			}
			if first.Scheme != "https" {
				t.Errorf("the scheme is %s", first.Scheme)
			}
			for _, o := range lifecycletest.Of[*lifecycle.ResponseCompleted](events) {
				if o.Status != 200 || o.BytesSent != 5 || o.Phases.LastByte == 0 || o.Phases.FirstResponseByte == 0 {
					t.Errorf("the outcome is %+v", o)
				}
			}
			if e := only[*lifecycle.ConnectionCompleted](t, events); e.Reason != lifecycle.ReasonComplete {
				t.Errorf("the reason is %s", e.Reason)
			}
		})
	}
}

func TestTLSWithoutARequest(t *testing.T) {
	s, pool := startTLS(t, &http.Server{})
	for _, protocol := range []string{"http/1.1", "h2"} {
		c := dialTLS(t, s, &tls.Config{ServerName: "example.com", RootCAs: pool, NextProtos: []string{protocol}})
		_ = c.Close()
	}
	events := s.wait(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](2))
	protocols := map[string]int{}
	for _, e := range lifecycletest.Of[*lifecycle.ConnectionOpened](events) {
		protocols[e.Protocol]++
	}
	if len(events) != 4 || protocols["h1"] != 1 || protocols["h2"] != 1 {
		t.Errorf("got %v, %s", protocols, lifecycletest.Names(events))
	}
}

func TestHandshakeFailed(t *testing.T) {
	s, _ := startTLS(t, &http.Server{})
	dial(t, s.addr).send(get("/")).recv("GET") // net/http answers this one in plain text
	e := only[*lifecycle.TLSHandshakeFailed](t, s.wait(lifecycletest.AtLeast[*lifecycle.TLSHandshakeFailed](1)))
	if e.Err == nil || e.ClientAddr != "127.0.0.1" || e.AcceptedNS == 0 || e.HandshakeStartNS == 0 {
		t.Errorf("got %+v", e)
	}
}

func TestUpgradeWithTLS(t *testing.T) {
	s, pool := startTLS(t, &http.Server{Handler: http.HandlerFunc(upgrade)})
	c := dialTLS(t, s, &tls.Config{ServerName: "example.com", RootCAs: pool})
	c.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n" + "word")
	if r, err := http.ReadResponse(c.r, nil); err != nil || r.StatusCode != 101 {
		t.Fatalf("got %v, %v", r, err)
	}
	if b, err := io.ReadAll(io.LimitReader(c.r, 4)); string(b) != "word" {
		t.Errorf("got %q, %v", b, err)
	}
	_ = c.Close()
	events := s.wait(lifecycletest.AtLeast[*lifecycle.ConnectionCompleted](1))
	o := only[*lifecycle.ResponseCompleted](t, events)
	if o.Status != 101 || o.BytesSent != 4 || o.BytesReceived != 4 || o.HeadBytes == 0 || !o.Streaming {
		t.Errorf("the outcome is %+v", o)
	}
}

// upgrade echoes what comes on a connection that it takes over.
func upgrade(w http.ResponseWriter, _ *http.Request) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	defer nc.Close()
	_, _ = io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	_, _ = io.Copy(nc, rw)
}
