package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/process"
	"github.com/wirespan/wirespan/e2e/internal/sink"
)

// patience is how long the suite waits for what must come. It is long, because it is over only when something is broken.
const patience = 60 * time.Second

// collector is an OpenTelemetry Collector that runs this repository's configuration.
type collector struct {
	*process.Process
	grpc, http string // what OTEL_EXPORTER_OTLP_ENDPOINT is set to
	health     string
	metrics    string
}

// startCollector starts a Collector that sends to backend, with addresses replaced and nothing else. ports are those
// for OTLP/gRPC and OTLP/HTTP; none: free ones.
func startCollector(path, backend string, ports ...int) (*collector, error) {
	var err error
	for range 3 { // a free port may be taken before the Collector takes it
		var c *collector
		if c, err = tryCollector(path, backend, ports); err == nil {
			return c, nil
		}
	}
	return nil, err
}

func tryCollector(path, backend string, ports []int) (*collector, error) {
	free, err := process.FreePorts(4)
	if err != nil {
		return nil, err
	}
	copy(free, ports)
	c := &collector{
		grpc:    localURL(free[0]),
		http:    localURL(free[1]),
		health:  localURL(free[2]),
		metrics: localURL(free[3]) + "/metrics",
	}
	config, err := filepath.Abs("../otel-collector.yaml")
	if err != nil {
		return nil, err
	}
	c.Process, err = process.Start("the Collector", path, environment(
		"OTLP_GRPC_PORT="+strconv.Itoa(free[0]),
		"OTLP_HTTP_PORT="+strconv.Itoa(free[1]),
		"HEALTH_ADDRESS=127.0.0.1:"+strconv.Itoa(free[2]),
		"METRICS_PORT="+strconv.Itoa(free[3]),
		"OTLP_BACKEND="+backend,
		"DEBUG_VERBOSITY=normal",
	), "--config", config)
	if err != nil {
		return nil, err
	}
	if err := untilOK(c.health, c.Process); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// endpoint returns where the Collector takes a protocol of OTEL_EXPORTER_OTLP_PROTOCOL.
func (c *collector) endpoint(protocol string) string {
	if protocol == "grpc" {
		return c.grpc
	}
	return c.http
}

func localURL(port int) string { return "http://127.0.0.1:" + strconv.Itoa(port) }

// untilOK asks url until the answer is 200. It gives up when p has ended, or patience has.
func untilOK(url string, p *process.Process) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		resp, err := client.Get(url)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(resp.Status)
		}
		select {
		case <-tick.C:
		case <-p.Ended():
			return fmt.Errorf("ended before %s answered:\n%s", url, p.Output())
		case <-timeout.C:
			return fmt.Errorf("%s does not answer 200: %w:\n%s", url, err, p.Output())
		}
	}
}

// pipeline is a Collector and the sink that it sends to.
type pipeline struct {
	collector *collector
	sink      *sink.Sink
}

// shared is the pipeline that most tests share. They tell their spans apart by service.name.
var shared sharedPipeline

type sharedPipeline struct {
	once sync.Once
	pipeline
	err error
}

// get starts the pipeline when the first test asks for it.
func (s *sharedPipeline) get(t *testing.T) *pipeline {
	t.Helper()
	path := collectorProgram.path(t)
	s.once.Do(func() {
		if s.sink, s.err = sink.Open(); s.err == nil {
			s.collector, s.err = startCollector(path, s.sink.Addr())
		}
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return &s.pipeline
}

// close ends it. The last batches, which the Collector sends before it ends, must be right, too.
func (s *sharedPipeline) close() error {
	var errs []error
	if s.collector != nil {
		errs = append(errs, s.collector.Stop())
	}
	if s.sink != nil {
		errs = append(errs, s.sink.Close())
		for _, p := range s.sink.Problems() {
			errs = append(errs, errors.New(p))
		}
	}
	return errors.Join(errs...)
}
