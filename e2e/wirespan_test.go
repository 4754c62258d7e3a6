package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wirespan/wirespan/e2e/internal/process"
	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// wirespan is a server that runs as a process.
type wirespan struct {
	*process.Process
	service string
	url     string // http://127.0.0.1:PORT
	admin   string
	// prior is what the sink had of this service when it started.
	sink *sink.Sink
}

// environment is what the programs of the suite see of the outside, and the variables in set.
func environment(set ...string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + work, "GORACE=halt_on_error=1"}
	return append(env, set...)
}

// exporting returns the variables with which a service sends to the Collector, by the protocol.
func exporting(c *collector, protocol, service string) []string {
	return []string{
		"OTEL_SERVICE_NAME=" + service,
		"OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol,
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.endpoint(protocol),
	}
}

// demo starts the demo with the shared pipeline. The name of the test is that of its service.
func demo(t *testing.T, args ...string) *wirespan {
	t.Helper()
	p := shared.get(t)
	return p.start(t, "grpc", t.Name(), nil, append([]string{"demo"}, args...)...)
}

// start starts the command as a service of the pipeline, and stops it at the end of the test.
func (p *pipeline) start(t *testing.T, protocol, service string, env []string, args ...string) *wirespan {
	t.Helper()
	w := startWirespan(t, append(exporting(p.collector, protocol, service), env...), args...)
	w.service, w.sink = service, p.sink
	return w
}

// startWirespan starts the command on free ports, and stops it at the end of the test.
func startWirespan(t *testing.T, env []string, args ...string) *wirespan {
	t.Helper()
	w := launch(t, nil, env, args...)
	t.Cleanup(func() {
		if err := w.Stop(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// launch starts the command on free ports, by another command when before is one. The test ends it, however it likes.
func launch(t *testing.T, before, env []string, args ...string) *wirespan {
	t.Helper()
	command := append(slices.Clone(before), wirespanProgram.path(t))
	command = append(append(command, args...), "--addr", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format", "json")
	p, err := process.Start("wirespan "+args[0], command[0], environment(env...), command[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("wirespan %s wrote:\n%s", args[0], p.Output())
		}
	})
	var serving struct{ Msg, URL, Admin string }
	_, err = p.Line(patience, func(line string) bool {
		return json.Unmarshal([]byte(line), &serving) == nil && serving.Msg == "serving"
	})
	if err != nil {
		t.Fatal(err)
	}
	return &wirespan{Process: p, url: serving.URL, admin: serving.Admin}
}

// address returns the host:port of its URL.
func (w *wirespan) address(t *testing.T) (host, port string) {
	t.Helper()
	u, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	return u.Hostname(), u.Port()
}

// listens returns the same in one.
func (w *wirespan) listens() string { return strings.TrimPrefix(w.url, "http://") }

// dial opens a connection to it.
func (w *wirespan) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", w.listens())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return conn
}

// counts is what a server says about its spans when it has stopped.
type counts struct {
	Exported  uint64 `json:"spans_exported"`
	Rejected  uint64 `json:"spans_rejected"`
	Dropped   uint64 `json:"spans_dropped"`
	Spooled   uint64 `json:"spans_spooled"`
	Made      uint64 `json:"spans_made"`
	Recovered uint64 `json:"spans_recovered"`
	Lost      string `json:"dropped"` // the same as Dropped by reason
}

// stop ends the server with SIGTERM, which must succeed, and returns what it has counted.
func (w *wirespan) stop(t *testing.T) counts {
	t.Helper()
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	return w.counted(t)
}

// counted returns what the server, which has ended, has counted.
func (w *wirespan) counted(t *testing.T) counts {
	t.Helper()
	var stopped struct {
		Msg string
		counts
	}
	_, err := w.Line(patience, func(line string) bool {
		return json.Unmarshal([]byte(line), &stopped) == nil && stopped.Msg == "stopped"
	})
	if err != nil {
		t.Fatal(err)
	}
	return stopped.counts
}

// finish stops the server and returns all its spans: as many as it says it has sent, and none lost.
func (w *wirespan) finish(t *testing.T) []*sink.Span {
	t.Helper()
	n := w.stop(t)
	if n.Rejected != 0 || n.Dropped != 0 {
		t.Errorf("%d spans were rejected and %d dropped", n.Rejected, n.Dropped)
	}
	spans := await(t, w.sink, w.service, fmt.Sprintf("all %d spans", n.Exported), func(spans []*sink.Span) bool {
		return uint64(len(spans)) >= n.Exported
	})
	if uint64(len(spans)) != n.Exported {
		t.Errorf("%d spans arrived, and %d were sent", len(spans), n.Exported)
	}
	return spans
}
