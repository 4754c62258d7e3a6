package otelcollector

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

const (
	defaultTimeout = 10 * time.Second
	// maxAnswer bounds the answer of a receiver (OTLP specification: 4 MiB).
	maxAnswer = 4 << 20
)

// httpTraces is the official HTTP client on a transport of ours, which observes the answers.
type httpTraces struct {
	otlptrace.Client
	transport *http.Transport
	receiver  []attribute.KeyValue
}

// httpClient makes the client, with what the official one would read from the environment for a transport of its own.
// Proxies are those of HTTP_PROXY and HTTPS_PROXY.
func httpClient(h *instrument.Hooks, timeout time.Duration, secure *tls.Config) otlptrace.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return h.Dial(ctx, network, address, dial)
	}
	transport.TLSClientConfig = secure
	transport.MaxIdleConnsPerHost = MaxUploads
	// An upload that is not answered in time ends a connection of HTTP/1.1, but only its stream with HTTP/2, as https mostly is: one
	// whose other end has vanished would be used until the kernel gave it up, after a quarter of an hour.
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 10 * time.Second}
	return &httpTraces{
		Client: otlptracehttp.NewClient(
			otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}),
			otlptracehttp.WithHTTPClient(&http.Client{Transport: observeHTTP{transport}, Timeout: timeout, CheckRedirect: followPost}),
		),
		transport: transport,
		receiver:  receiverFromEnv(protocolHTTP),
	}
}

// followPost follows the redirects that have the spans sent to another place (RFC 9110, 15.4.8 and 15.4.9). The others have a page
// fetched, such as that of a login, whose status would be taken for the answer of a receiver.
func followPost(next *http.Request, via []*http.Request) error {
	const most = 10 // as net/http
	if next.Method != http.MethodPost || len(via) >= most {
		return http.ErrUseLastResponse
	}
	return nil
}

// Stop implements [otlptrace.Client].
func (h *httpTraces) Stop(ctx context.Context) error {
	err := h.Client.Stop(ctx)
	h.transport.CloseIdleConnections()
	return err
}

func timeoutFromEnv() (time.Duration, error) {
	name, value := firstSet("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
	if value == "" {
		return defaultTimeout, nil
	}
	ms, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0, wrong(name, value, "a number of milliseconds")
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// halfSet is the error for one of two variables that belong together.
func halfSet(name, value, missing string) error {
	return fmt.Errorf("otelcollector: %s is %q, but %s is not set: they belong together", name, value, missing)
}

// tlsFromEnv returns nil when no certificate is set.
func tlsFromEnv() (*tls.Config, error) {
	var config tls.Config
	if name, file := firstSet("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("otelcollector: %s: %w", name, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, wrong(name, file, "a file with certificates in PEM")
		}
	}
	for _, prefix := range []string{"OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"} {
		certName, keyName := prefix+"CLIENT_CERTIFICATE", prefix+"CLIENT_KEY"
		cert, key := env(certName), env(keyName)
		switch {
		case cert == "" && key == "":
			continue
		case key == "":
			return nil, halfSet(certName, cert, keyName)
		case cert == "":
			return nil, halfSet(keyName, key, certName)
		}
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("otelcollector: %s and %s: %w", certName, keyName, err)
		}
		config.Certificates = []tls.Certificate{pair}
		break
	}
	if config.RootCAs == nil && config.Certificates == nil {
		return nil, nil
	}
	config.MinVersion = tls.VersionTLS12
	return &config, nil
}

// observeHTTP notes how an upload ended.
type observeHTTP struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (o observeHTTP) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := o.next.RoundTrip(req)
	r := attemptOf(req.Context())
	if r == nil {
		return resp, err
	}
	r.known = true
	if err != nil {
		r.retry, r.cause = true, err // it has not been answered: no connection, TLS, timeout
		return nil, err
	}
	r.status = attribute.Int(keyStatusCode.Name(), resp.StatusCode)
	if code := resp.StatusCode; code < 200 || code > 299 {
		r.http(code, resp.Header.Get("Retry-After"))
		return resp, nil
	}
	if err := r.accept(resp); err != nil {
		_ = resp.Body.Close() // the error that counts is the one above
		return nil, err
	}
	return resp, nil
}

// http judges a status that is not a success, by the list of the OTLP specification.
func (r *result) http(code int, after string) {
	switch code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		r.retry = true
		r.after, r.told = retryAfter(after)
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		r.why = DroppedAuth
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		r.why = DroppedConfig
	case http.StatusRequestEntityTooLarge:
		r.why = DroppedTooLarge
	default:
		switch {
		case code < 400: // a redirect that is not followed
			r.why = DroppedConfig
		case code < 500:
			r.why = DroppedInvalid
		}
	}
}

// accept reads from the answer how many spans were rejected, and puts the answer back.
func (r *result) accept(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		r.retry, r.cause = true, err
		return fmt.Errorf("read answer: %w", err)
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	r.accepted = true
	var answer collectorpb.ExportTraceServiceResponse
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "application/x-protobuf" && proto.Unmarshal(body, &answer) == nil {
		r.partial(&answer)
	}
	return nil
}

// retryAfter reads the header in either of its forms (RFC 9110, 10.2.3).
func retryAfter(value string) (after time.Duration, told bool) {
	if s, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(s) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0), true
	}
	return 0, false
}
