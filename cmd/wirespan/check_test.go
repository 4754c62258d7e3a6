package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// checkWith runs check in an environment that the official clients see too.
func checkWith(t *testing.T, env map[string]string, args ...string) (code int, stdout string) {
	t.Helper()
	for k, v := range env {
		t.Setenv(k, v)
	}
	code, stdout, stderr := once(t, nil, append([]string{"check"}, args...)...)
	if stderr != "" {
		t.Errorf("standard error is %q", stderr)
	}
	return code, stdout
}

// accepted expects that the span arrived.
func accepted(t *testing.T, env map[string]string) {
	t.Helper()
	code, stdout := checkWith(t, env)
	if code != exitOK {
		t.Errorf("exit code %d", code)
	}
	expect(t, "standard output", stdout, `(?m)^result +the test span was accepted after .*; its trace is [0-9a-f]{32}$`)
}

// rejected expects a sentence on what happened and one on what to change.
func rejected(t *testing.T, env map[string]string, happened, change string, args ...string) {
	t.Helper()
	code, stdout := checkWith(t, env, args...)
	if code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	lines := regexp.MustCompile(`(?m)^(result|change) +(.*)$`).FindAllStringSubmatch(stdout, -1)
	if len(lines) != 2 {
		t.Fatalf("standard output is\n%s", stdout)
	}
	expect(t, "what happened", lines[0][2], happened)
	expect(t, "what to change", lines[1][2], change)
}

func http1(url string) map[string]string {
	return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url}
}

func overGRPC(url string) map[string]string {
	return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
}

func with(env map[string]string, name, value string) map[string]string {
	env[name] = value
	return env
}

// traceService is a collector's gRPC receiver that answers err.
type traceService struct {
	coltracepb.UnimplementedTraceServiceServer
	err error
}

func (s traceService) Export(context.Context, *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	return &coltracepb.ExportTraceServiceResponse{}, s.err
}

// grpcReceiver starts a gRPC server, with the trace service when it is given one, and returns its address.
func grpcReceiver(t *testing.T, service coltracepb.TraceServiceServer, options ...grpc.ServerOption) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(options...)
	if service != nil {
		coltracepb.RegisterTraceServiceServer(s, service)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Serve(l)
	}()
	t.Cleanup(func() { s.Stop(); <-ended })
	return l.Addr().String()
}

// httpReceiver starts a collector's HTTP receiver.
func httpReceiver(t *testing.T, config *tls.Config) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		var sent coltracepb.ExportTraceServiceRequest
		body, _ := io.ReadAll(r.Body)
		if err := proto.Unmarshal(body, &sent); err != nil || len(sent.GetResourceSpans()) != 1 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
	s := httptest.NewUnstartedServer(mux)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if config != nil {
		s.TLS = config
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return strings.TrimPrefix(strings.TrimPrefix(s.URL, "https://"), "http://")
}

// silence is a listener that takes connections and says nothing.
func silence(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// secured returns a TLS configuration for a receiver, and the file of its authority.
func secured(t *testing.T) (*tls.Config, string) {
	t.Helper()
	cert, key := writeCertificate(t, t.TempDir())
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, cert
}

func TestCheckAccepted(t *testing.T) {
	config, authority := secured(t)
	t.Run("http", func(t *testing.T) { accepted(t, http1("http://"+httpReceiver(t, nil))) })
	t.Run("https", func(t *testing.T) {
		accepted(t, with(http1("https://"+httpReceiver(t, config)), "OTEL_EXPORTER_OTLP_CERTIFICATE", authority))
	})
	t.Run("for traces alone", func(t *testing.T) {
		accepted(t, map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://" + httpReceiver(t, nil) + "/v1/traces"})
	})
	t.Run("grpc", func(t *testing.T) { accepted(t, overGRPC("http://"+grpcReceiver(t, traceService{}))) })
	t.Run("grpc with TLS", func(t *testing.T) {
		addr := grpcReceiver(t, traceService{}, grpc.Creds(credentials.NewTLS(config)))
		accepted(t, with(overGRPC("https://"+addr), "OTEL_EXPORTER_OTLP_CERTIFICATE", authority))
	})
	t.Run("grpc over a Unix socket", func(t *testing.T) {
		socket := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		s := grpc.NewServer()
		coltracepb.RegisterTraceServiceServer(s, traceService{})
		go s.Serve(l)
		t.Cleanup(s.Stop)
		accepted(t, overGRPC("unix://"+socket))
	})
}

func TestCheckWithoutEndpoint(t *testing.T) {
	rejected(t, nil, "^no OTLP endpoint is configured", "^set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318")
}

func TestCheckRefusesEndpoint(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318")
	code, _, stderr := once(t, nil, "check")
	refused(t, code, stderr, "OTEL_EXPORTER_OTLP_ENDPOINT", `"localhost:4318"`, "http://127.0.0.1:4318")
}

// Any of the signals refuses headers of all of them; what stands there may be a secret.
func TestHeadersAreRefusedWithoutTellingThem(t *testing.T) {
	for variable, args := range map[string][]string{
		"OTEL_EXPORTER_OTLP_HEADERS":         {"check"},
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS":  {"demo"},
		"OTEL_EXPORTER_OTLP_METRICS_HEADERS": {"demo"},
		"OTEL_EXPORTER_OTLP_LOGS_HEADERS":    {"demo", "--logs", "otlp"},
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "api-key=some,secret")
			code, _, stderr := once(t, nil, args...)
			refused(t, code, stderr, "entry 2 of "+variable, "key=value")
			if strings.Contains(stderr, "secret") {
				t.Errorf("it tells the secret: %q", stderr)
			}
		})
	}
}

func TestCheckConnectionRefused(t *testing.T) {
	addr := "127.0.0.1:" + freePort(t)
	for name, env := range map[string]map[string]string{
		"http": http1("http://" + addr), "https": http1("https://" + addr), "grpc": overGRPC("http://" + addr), "grpcs": overGRPC("https://" + addr),
	} {
		t.Run(name, func(t *testing.T) {
			rejected(t, env, "^nothing listens on "+addr+": the connection was refused", "^start the collector, or set OTEL_EXPORTER_OTLP_ENDPOINT")
		})
	}
}

func TestCheckWrongProtocol(t *testing.T) {
	config, authority := secured(t)
	speaksGRPC, useGRPC := "speaks gRPC, and the protocol is http/protobuf", "^set OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or .* 4318"
	speaksHTTP, useHTTP := "speaks HTTP/1.1, and the protocol is grpc", "^set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or .* 4317"
	t.Run("http to grpc", func(t *testing.T) {
		rejected(t, http1("http://"+grpcReceiver(t, traceService{})), speaksGRPC, useGRPC)
	})
	t.Run("https to grpc", func(t *testing.T) {
		addr := grpcReceiver(t, traceService{}, grpc.Creds(credentials.NewTLS(config)))
		rejected(t, with(http1("https://"+addr), "OTEL_EXPORTER_OTLP_CERTIFICATE", authority), speaksGRPC, useGRPC)
	})
	t.Run("grpc to http", func(t *testing.T) {
		rejected(t, overGRPC("http://"+httpReceiver(t, nil)), speaksHTTP, useHTTP)
	})
	t.Run("grpc to https", func(t *testing.T) {
		env := overGRPC("https://" + httpReceiver(t, config.Clone()))
		rejected(t, with(env, "OTEL_EXPORTER_OTLP_CERTIFICATE", authority), speaksHTTP, useHTTP)
	})
}

func TestCheckWrongScheme(t *testing.T) {
	config, _ := secured(t)
	isTLS, useTLS := "speaks TLS, and the endpoint says http", "^write https:// in OTEL_EXPORTER_OTLP_ENDPOINT"
	isPlain, usePlain := "does not speak TLS, and the endpoint says https", "^write http:// in OTEL_EXPORTER_OTLP_ENDPOINT"
	t.Run("http to https", func(t *testing.T) { rejected(t, http1("http://"+httpReceiver(t, config.Clone())), isTLS, useTLS) })
	t.Run("https to http", func(t *testing.T) { rejected(t, http1("https://"+httpReceiver(t, nil)), isPlain, usePlain) })
	t.Run("grpc to grpc with TLS", func(t *testing.T) {
		addr := grpcReceiver(t, traceService{}, grpc.Creds(credentials.NewTLS(config)))
		rejected(t, overGRPC("http://"+addr), isTLS, useTLS)
	})
	t.Run("grpc with TLS to grpc", func(t *testing.T) {
		rejected(t, overGRPC("https://"+grpcReceiver(t, traceService{})), isPlain, usePlain)
	})
}

func TestCheckCertificate(t *testing.T) {
	config, authority := secured(t)
	untrusted, useAuthority := "^the certificate of .* is not trusted: x509: ", "^set OTEL_EXPORTER_OTLP_CERTIFICATE"
	t.Run("http", func(t *testing.T) {
		rejected(t, http1("https://"+httpReceiver(t, config.Clone())), untrusted, useAuthority)
	})
	t.Run("grpc", func(t *testing.T) {
		addr := grpcReceiver(t, traceService{}, grpc.Creds(credentials.NewTLS(config)))
		rejected(t, overGRPC("https://"+addr), untrusted, useAuthority)
	})
	t.Run("of the client", func(t *testing.T) {
		strict := config.Clone()
		strict.ClientAuth, strict.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		env := with(http1("https://"+httpReceiver(t, strict)), "OTEL_EXPORTER_OTLP_CERTIFICATE", authority)
		rejected(t, env, "ended the TLS handshake", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")
	})
}

func TestCheckStatus(t *testing.T) {
	for code, want := range map[int][2]string{
		401: {"answered 401 Unauthorized: who are you", "^set OTEL_EXPORTER_OTLP_HEADERS"},
		403: {"answered 403 Forbidden", "^set OTEL_EXPORTER_OTLP_HEADERS"},
		404: {"answered 404 Not Found.*; the path was /v1/traces", "correct the path in OTEL_EXPORTER_OTLP_ENDPOINT.*leave it out there"},
		405: {"answered 405 Method Not Allowed", "correct the path"},
		413: {"answered 413", "limit on the size"},
		429: {"answered 429", "overloaded"},
		503: {"answered 503", "overloaded"},
		500: {"answered 500 Internal Server Error: who are you", "log"},
		400: {"not accepted", "log"},
	} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			app := application(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "who are you\x1b[2J", code) })
			rejected(t, http1(app.URL), want[0], want[1])
		})
	}
	t.Run("path for traces alone", func(t *testing.T) {
		env := map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://" + httpReceiver(t, nil)}
		rejected(t, env, "answered 404 Not Found.*; the path was /", "correct the path in OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: .* nothing is added")
	})
}

func TestCheckNoReceiver(t *testing.T) {
	any200 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"status":"fine"}`)
	}))
	defer any200.Close()
	rejected(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": any200.URL},
		`answered 200, but what listens there is no OTLP receiver: its answer is application/json`, `set OTEL_EXPORTER_OTLP_ENDPOINT to the collector's address`)
}

func TestCheckPartialSuccess(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, _ *http.Request) {
		body, _ := proto.Marshal(&coltracepb.ExportTraceServiceResponse{
			PartialSuccess: &coltracepb.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "too old"},
		})
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.Write(body)
	})
	rejected(t, http1(app.URL), "took the span in part.*too old", "log")
}

func TestCheckCode(t *testing.T) {
	for code, want := range map[codes.Code][2]string{
		codes.Unauthenticated:   {"answered Unauthenticated: who are you", "^set OTEL_EXPORTER_OTLP_HEADERS"},
		codes.PermissionDenied:  {"answered PermissionDenied", "^set OTEL_EXPORTER_OTLP_HEADERS"},
		codes.ResourceExhausted: {"answered ResourceExhausted", "overloaded"},
		codes.Internal:          {"not accepted: .*who are you", "log"},
	} {
		t.Run(code.String(), func(t *testing.T) {
			rejected(t, overGRPC("http://"+grpcReceiver(t, traceService{err: status.Error(code, "who are you")})), want[0], want[1])
		})
	}
	t.Run("no trace service", func(t *testing.T) {
		rejected(t, overGRPC("http://"+grpcReceiver(t, nil)), "answered Unimplemented", "switch on the receiver otlp")
	})
}

func TestCheckUnknownName(t *testing.T) {
	// Two dots in a row: no name service needs to be asked.
	for name, env := range map[string]map[string]string{"http": http1("http://no..name:4318"), "grpc": overGRPC("http://no..name:4317")} {
		t.Run(name, func(t *testing.T) {
			rejected(t, env, "^the name no..name has no address", "^correct the host in OTEL_EXPORTER_OTLP_ENDPOINT")
		})
	}
}

func TestCheckTimeout(t *testing.T) {
	addr := silence(t)
	for name, env := range map[string]map[string]string{"http": http1("http://" + addr), "grpc": overGRPC("http://" + addr)} {
		t.Run(name, func(t *testing.T) {
			rejected(t, env, "^"+addr+" took the connection and did not answer in time", "--timeout", "--timeout=300ms")
		})
	}
}

func TestDiagnoseUnreachable(t *testing.T) {
	target, err := otlpFromEnvironment(variables(http1("http://192.0.2.1:4318")), signalTraces)
	if err != nil {
		t.Fatal(err)
	}
	for want, dial := range map[string]error{
		"the connection was not made in time":              os.ErrDeadlineExceeded,
		"192.0.2.1:4318 cannot be reached: no way through": errors.New("no way through"),
	} {
		d := diagnose(&target, upload{err: dial}, func() peer { return peer{dial: dial} })
		expect(t, "what happened", d.happened, want)
		expect(t, "what to change", d.change, "OTEL_EXPORTER_OTLP_ENDPOINT")
	}
}

func TestCheckFiles(t *testing.T) {
	rubbish := filepath.Join(t.TempDir(), "rubbish")
	if err := os.WriteFile(rubbish, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env  map[string]string
		says string
	}{
		"missing":    {map[string]string{"OTEL_EXPORTER_OTLP_CERTIFICATE": "/does/not/exist"}, "OTEL_EXPORTER_OTLP_CERTIFICATE"},
		"no PEM":     {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": rubbish}, "holds no certificate"},
		"no key":     {map[string]string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": rubbish}, "belong together"},
		"no pair":    {map[string]string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": rubbish, "OTEL_EXPORTER_OTLP_CLIENT_KEY": rubbish}, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"},
		"for traces": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY": rubbish}, "belong together"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "https://127.0.0.1:4318"
			err := check(t.Context(), &out, variables(c.env), checkOptions{})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q in it", err, c.says)
			}
		})
	}
}
