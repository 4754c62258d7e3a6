package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// proxyOptions are the flags of proxy.
type proxyOptions struct {
	serverOptions
	hostHeader string
}

func (a *app) proxyCommand() *cobra.Command {
	var o proxyOptions
	cmd := a.command("proxy URL", "Pass requests on to an application, and trace them",
		"Pass requests on to the application at URL (http://host:port, https://host, unix:/path), and trace both sides.\n"+
			"WebSocket and streaming pass.", 1,
		func(_ *cobra.Command, args []string) error {
			u, err := parseUpstream(args[0])
			if err != nil {
				return usagef("the URL %q is not allowed: %v", redactText(args[0]), err)
			}
			return a.serveSite("proxy", &o.serverOptions, func(s *stage) (*site, error) {
				return a.proxySite(s, u, o.hostHeader), nil
			})
		})
	o.register(cmd.Flags())
	setting(cmd.Flags(), &o.hostHeader, "host-header", "auto", "name",
		"whose name the application sees as Host: client, upstream, or auto, which is upstream for https", oneOf("auto", "client", "upstream"))
	return cmd
}

// upstream is the application behind a proxy.
type upstream struct {
	url    *url.URL
	socket string // path of a Unix socket; empty: TCP
}

// String returns where it is, without a password.
func (u *upstream) String() string {
	if u.socket != "" {
		return unixScheme + u.socket
	}
	return u.url.Redacted()
}

func parseUpstream(s string) (*upstream, error) {
	if path, ok := strings.CutPrefix(s, unixScheme); ok && path != "" {
		return &upstream{url: &url.URL{Scheme: "http", Host: "localhost"}, socket: path}, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("use http://host:port, https://host:port or unix:/path, without a query")
	}
	return &upstream{url: u}, nil
}

func (u *upstream) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	if u.socket != "" {
		network, address = "unix", u.socket
	}
	return instrument.FromContext(ctx).Dial(ctx, network, address, d.DialContext)
}

// proxySite passes every request on to u.
func (a *app) proxySite(s *stage, u *upstream, hostHeader string) *site {
	transport := newTracedTransport(&http.Transport{
		DialContext:           u.dial,
		DisableCompression:    true, // bodies pass as they are
		MaxIdleConns:          1024,
		MaxIdleConnsPerHost:   1024,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		ForceAttemptHTTP2:     false, // an upgrade needs HTTP/1.1
	}, s.telemetry, a.env)
	keepHost := hostHeader == "client" || hostHeader == "auto" && u.url.Scheme == "http"
	forward := forwarder{s.options.trustedProxies}
	p := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u.url)
			r.Out.URL.RawQuery = r.In.URL.RawQuery // as it was sent, also where net/url would not read it
			if keepHost {
				r.Out.Host = r.In.Host
			}
			forward.set(r)
			if r.Out.Body != nil {
				r.Out.Body = &clientBody{ReadCloser: r.Out.Body}
			}
		},
		ErrorHandler: (&upstreamErrors{s.log, u}).handle,
		ErrorLog:     slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		BufferPool:   &copyBuffers{},
	}
	return &site{
		handler: p, unlimitedBodies: true, close: transport.close,
		what: "the application at " + u.String(),
	}
}

// upstreamErrors answers for an application that does not.
type upstreamErrors struct {
	log      *slog.Logger
	upstream *upstream
}

func (e *upstreamErrors) handle(w http.ResponseWriter, r *http.Request, err error) {
	gone := r.Context().Err() != nil && errors.Is(err, context.Canceled)
	b, hasBody := r.Body.(*clientBody)
	switch {
	case hasBody && (b.failed.Load() || gone && !b.whole.Load()):
		return // the server knows what is wrong with the body, and answers if there is somebody to be told
	case gone:
		w.WriteHeader(http.StatusBadGateway) // nobody reads this
		return
	}
	status, text := http.StatusBadGateway, "The application behind this server cannot be reached."
	switch errorType(err) {
	case "timeout":
		status, text = http.StatusGatewayTimeout, "The application behind this server did not answer in time."
	case "response_ended", "connection_reset", "_OTHER":
		text = "The application behind this server did not answer properly."
	}
	e.log.WarnContext(r.Context(), "the application did not answer", "upstream", e.upstream.String(), "method", r.Method, "path", r.URL.Path,
		"status", status, "error", callError(err))
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

// clientBody is the body of a request on its way to the application. It remembers whether the client has sent it.
type clientBody struct {
	io.ReadCloser
	whole, failed, closed atomic.Bool
}

// Read implements [io.Reader].
func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		b.whole.Store(true)
	case err != nil && !b.closed.Load():
		b.failed.Store(true)
		err = &clientBodyError{err}
	}
	return n, err
}

// clientBodyError is why a body cannot be passed on: its client does not send it, or sends rubbish.
type clientBodyError struct{ error }

// Unwrap returns what the server says of the body.
func (e *clientBodyError) Unwrap() error { return e.error }

// Close implements [io.Closer]: the transport does not want the rest, and reading on fails for that reason.
func (b *clientBody) Close() error {
	b.closed.Store(true)
	return b.ReadCloser.Close()
}

// copyBufferSize is how much of a body is on its way at a time.
const copyBufferSize = 32 << 10

// copyBuffers is a [httputil.BufferPool]. The zero value is ready.
type copyBuffers struct{ pool sync.Pool }

// Get implements [httputil.BufferPool].
func (b *copyBuffers) Get() []byte {
	if p, ok := b.pool.Get().(*[copyBufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, copyBufferSize)
}

// Put implements [httputil.BufferPool].
func (b *copyBuffers) Put(p []byte) { b.pool.Put((*[copyBufferSize]byte)(p)) }
