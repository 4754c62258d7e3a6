package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// upload is what came of sending a batch.
type upload struct {
	err  error      // nil: it was accepted
	http int        // status of the answer over http/protobuf; 0: there was none
	text string     // what the answer said beside it
	grpc codes.Code // over grpc; codes.OK when there was no such answer
}

// stopTimeout is for a client that has nothing left to send.
const stopTimeout = time.Second

// send uploads spans with the official client for the protocol, once.
func (t *otlpTarget) send(ctx context.Context, config *tls.Config, spans []*tracepb.ResourceSpans) upload {
	var client otlptrace.Client
	var answer lastAnswer
	if t.protocol == protocolGRPC {
		client = otlptracegrpc.NewClient(otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}))
	} else {
		transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		answer.base = transport
		client = otlptracehttp.NewClient(
			otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}),
			otlptracehttp.WithHTTPClient(&http.Client{Transport: &answer}),
		)
	}
	if err := client.Start(ctx); err != nil {
		return upload{err: err}
	}
	err := client.UploadTraces(ctx, spans)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	_ = client.Stop(stop) // the upload has been told already
	u := upload{err: err, http: answer.status, text: answer.text}
	if err == nil && answer.foreign != "" {
		u.err = fmt.Errorf("%w: its answer is %s", errNoReceiver, answer.foreign)
	}
	var refused interface{ GRPCStatus() *status.Status }
	if errors.As(err, &refused) {
		u.grpc, u.text = refused.GRPCStatus().Code(), refused.GRPCStatus().Message()
	}
	return u
}

// lastAnswer notes what a receiver answered: the official client tells it in the text of its error only.
type lastAnswer struct {
	base    http.RoundTripper
	status  int
	text    string
	foreign string // the media type of a 2xx answer that no OTLP receiver gives
}

// errNoReceiver is for what answers 2xx to everything: OTLP has a receiver answer in the encoding of the request, and the
// official client does not look.
var errNoReceiver = errors.New("what listens there is no OTLP receiver")

// maxAnswer is how much of an answer is told.
const maxAnswer = 300

// RoundTrip implements [http.RoundTripper].
func (l *lastAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	l.status = resp.StatusCode
	if media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); media != "application/x-protobuf" && resp.StatusCode < 300 {
		l.foreign = media
	}
	if resp.StatusCode >= 300 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		l.text = strings.TrimSpace(string(body))
		resp.Body = readCloser{io.MultiReader(strings.NewReader(string(body)), resp.Body), resp.Body}
	}
	return resp, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// tlsFromEnvironment reads the certificates that the official client would read, had it not been given a client of ours.
func tlsFromEnvironment(env environment) (*tls.Config, error) {
	config := &tls.Config{}
	if name, file := env.first("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: %s holds no certificate in PEM", name, file)
		}
	}
	for _, prefix := range []string{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_", "OTEL_EXPORTER_OTLP_CLIENT_"} {
		certificate, key := env.get(prefix+"CERTIFICATE"), env.get(prefix+"KEY")
		switch {
		case certificate == "" && key == "":
			continue
		case certificate == "" || key == "":
			return nil, errors.New(prefix + "CERTIFICATE and " + prefix + "KEY belong together")
		}
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("%sCERTIFICATE: %w", prefix, err)
		}
		config.Certificates = []tls.Certificate{pair}
		break
	}
	return config, nil
}
