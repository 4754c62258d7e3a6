package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"

	"github.com/wirespan/wirespan/httpcore"
)

func (a *app) demoCommand() *cobra.Command {
	var o serverOptions
	cmd := a.command("demo", "Serve a small application to try everything on",
		"Serve a small application to try everything on:\n\n"+demoRoutes, 0,
		func(*cobra.Command, []string) error {
			return a.serveSite("demo", &o, a.demoSite)
		})
	o.register(cmd.Flags())
	return cmd
}

const demoRoutes = `  /               Hello, World! from an http.Handler
  /sync           the same from a SyncHandler
  /echo           answers with the body of the request, whatever its method
  /bytes/{n}      n bytes, up to 1 GiB (1073741824)
  /status/{code}  an answer with this status, 200 to 599
  /slow?ms=       answers after so many milliseconds, up to 60000
  /stream?n=&ms=  n chunks, one every ms milliseconds
  /sse?n=&ms=     server-sent events: n, or one after the other until you leave
  /ws             a WebSocket that echoes
  /panic          a handler that panics
  /users/{id}     with a child span "load user"
  /chain          calls /users/42 of itself: one trace over two requests
  /upload         reads the body, and answers with its size and SHA-256
  /help           this list
`

// demo is the application.
type demo struct {
	tracer   trace.Tracer
	client   *http.Client // traced; it calls the demo itself
	self     *url.URL
	draining <-chan struct{}
}

func (a *app) demoSite(s *stage) (*site, error) {
	transport := newTracedTransport(&http.Transport{
		DialContext:     dialer(s.addr),
		TLSClientConfig: ownCertificate(s.options.tlsCert, s.options.tlsKey),
		IdleConnTimeout: time.Minute,
	}, s.telemetry, a.env)
	d := &demo{
		tracer:   s.telemetry.tracer(),
		client:   &http.Client{Transport: transport, Timeout: 10 * time.Second},
		self:     hostOf(s.options.scheme(), s.addr),
		draining: s.draining,
	}
	base := baseURL(s.options.scheme(), s.addr)
	hint := "curl " + base + "/help"
	if path, ok := strings.CutPrefix(s.options.addr, unixScheme); ok {
		hint = "curl --unix-socket " + path + " " + d.self.String() + "/help"
	}
	return &site{
		handler: d.routes(), sync: httpcore.SyncHandlerFunc(serveSync),
		what: "a demonstration", hint: hint + ", /users/42, /chain, /slow?ms=300",
		upgradeGrace: 2 * time.Second, close: transport.close,
	}, nil
}

// ownCertificate trusts the server's own certificate, whatever name it is for, and no other: the demo dials its own
// address. The file is read at each handshake, because it may have been renewed.
func ownCertificate(certFile, keyFile string) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, // VerifyConnection compares the certificate itself
		VerifyConnection: func(c tls.ConnectionState) error {
			own, err := tls.LoadX509KeyPair(certFile, keyFile)
			if err != nil {
				return err
			}
			if len(c.PeerCertificates) == 0 || string(c.PeerCertificates[0].Raw) != string(own.Certificate[0]) {
				return errors.New("another server answers at this address")
			}
			return nil
		},
	}
}

func (d *demo) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", hello)
	mux.HandleFunc("/sync", hello) // for what the SyncHandler leaves alone
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/bytes/{n}", sendBytes)
	mux.HandleFunc("/status/{code}", sendStatus)
	mux.HandleFunc("/slow", d.slow)
	mux.HandleFunc("/stream", d.stream)
	mux.HandleFunc("/sse", d.events)
	mux.HandleFunc("/ws", d.webSocket)
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("the demo panics when it is asked to") })
	mux.HandleFunc("/users/{id}", d.user)
	mux.HandleFunc("/chain", d.chain)
	mux.HandleFunc("/upload", receive)
	mux.HandleFunc("/help", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", plainText)
		fmt.Fprint(w, demoRoutes)
	})
	return mux
}

const (
	plainText = "text/plain; charset=utf-8"
	greeting  = "Hello, World!"
)

func hello(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", plainText)
	fmt.Fprint(w, greeting)
}

func serveSync(w *httpcore.SyncResponse, r *httpcore.SyncRequest) bool {
	if r.Path() != "/sync" {
		return false
	}
	w.SetHeader("Content-Type", plainText)
	w.SetBodyString(greeting)
	return true
}

// wait returns false when the client leaves, or the server drains, before d has passed.
func (d *demo) wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-d.draining:
	}
	return false
}
