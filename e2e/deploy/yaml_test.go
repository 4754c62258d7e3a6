package deploy_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/wirespan/wirespan/e2e/internal/process"
)

// decode reads a YAML file of one document into v. A key that v does not have is an error.
func decode(t *testing.T, file string, v any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	decodeText(t, file, text, v)
}

func decodeText(t *testing.T, file string, text []byte, v any) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if err := d.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		t.Errorf("%s: more than one document: %v", file, err)
	}
}

// otlpProtocols is the part of a configuration that Tempo and the Collector share.
type otlpProtocols struct {
	GRPC struct {
		Endpoint          string
		MaxRecvMsgSizeMiB int `yaml:"max_recv_msg_size_mib"`
	}
	HTTP struct{ Endpoint string }
}

// collectorConfig is otel-collector.yaml. The Collector itself judges the rest, see [TestCollectorTakesItsConfiguration].
type collectorConfig struct {
	Extensions struct {
		HealthCheck struct{ Endpoint string } `yaml:"health_check"`
	}
	Receivers struct {
		OTLP struct{ Protocols otlpProtocols }
	}
	Processors map[string]any
	Exporters  map[string]any
	Service    struct {
		Extensions []string
		Telemetry  struct {
			Logs    map[string]any
			Metrics struct {
				Level   string
				Readers []struct {
					Pull struct {
						Exporter struct {
							Prometheus struct {
								Host string
								Port int
							}
						}
					}
				}
			}
		}
		Pipelines map[string]struct{ Receivers, Processors, Exporters []string }
	}
}

// variable is what the Collector replaces in its configuration: ${env:NAME:-default}.
var variable = regexp.MustCompile(`\$\{env:([A-Z_]+):-([^}]*)\}`)

const collectorFile = "otel-collector.yaml"

// readCollector reads the Collector's configuration as it is with the variables in env. It must ask for each of them.
func readCollector(t *testing.T, env map[string]string) *collectorConfig {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, collectorFile))
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{"GOMEMLIMIT": true} // the Go runtime's
	text = variable.ReplaceAllFunc(text, func(match []byte) []byte {
		parts := variable.FindSubmatch(match)
		name := string(parts[1])
		asked[name] = true
		if value, ok := env[name]; ok {
			return []byte(value)
		}
		return parts[2]
	})
	for name := range env {
		if !asked[name] {
			t.Errorf("%s does not ask for the variable %s", collectorFile, name)
		}
	}
	var c collectorConfig
	decodeText(t, collectorFile, text, &c)
	return &c
}

// ports returns what the Collector listens on for others than itself.
func (c *collectorConfig) ports(t *testing.T) []int {
	t.Helper()
	ports := []int{
		openPort(t, c.Receivers.OTLP.Protocols.GRPC.Endpoint),
		openPort(t, c.Receivers.OTLP.Protocols.HTTP.Endpoint),
		openPort(t, c.Extensions.HealthCheck.Endpoint),
	}
	for _, r := range c.Service.Telemetry.Metrics.Readers {
		p := r.Pull.Exporter.Prometheus
		ports = append(ports, openPort(t, net.JoinHostPort(p.Host, strconv.Itoa(p.Port))))
	}
	return ports
}

// openPort returns the port of an address that others in the compose network can reach.
func openPort(t *testing.T, address string) int {
	t.Helper()
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	if host != "0.0.0.0" {
		t.Errorf("%s is out of the reach of other containers", address)
	}
	return port
}

// Without any variable the Collector is for this machine alone.
func TestCollectorListensOnLoopbackByDefault(t *testing.T) {
	c := readCollector(t, nil)
	addresses := []string{
		c.Receivers.OTLP.Protocols.GRPC.Endpoint,
		c.Receivers.OTLP.Protocols.HTTP.Endpoint,
		c.Extensions.HealthCheck.Endpoint,
	}
	for _, r := range c.Service.Telemetry.Metrics.Readers {
		addresses = append(addresses, r.Pull.Exporter.Prometheus.Host+":0")
	}
	for _, a := range addresses {
		if !strings.HasPrefix(a, "127.0.0.1:") {
			t.Errorf("it listens on %s", a)
		}
	}
	traces := c.Service.Pipelines["traces"]
	if len(traces.Processors) == 0 || traces.Processors[0] != "memory_limiter" {
		t.Errorf("memory_limiter must be the first processor: %v", traces.Processors)
	}
}

// The Collector's own validation knows every setting of every component.
func TestCollectorTakesItsConfiguration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "collector")
	if err := process.Build("..", "./cmd/collector", path, nil); err != nil {
		t.Fatal(err)
	}
	for _, file := range composeFiles {
		env := []string{"HOME=" + t.TempDir()}
		for name, value := range environment(t, load(t, file).Services["otel-collector"]) {
			env = append(env, name+"="+value)
		}
		p, err := process.Start("the Collector", path, env, "validate", "--config", filepath.Join(root, collectorFile))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Stopped(); err != nil {
			t.Errorf("with the environment of %s: %v", file, err)
		}
	}
}

// tempoConfig is the part of Tempo's configuration that deploy/tempo/tempo.yaml uses, by the manual of Tempo 3.
type tempoConfig struct {
	StreamOverHTTPEnabled bool `yaml:"stream_over_http_enabled"`
	Server                struct {
		HTTPListenPort int `yaml:"http_listen_port"`
	}
	Distributor struct {
		Receivers struct {
			OTLP struct{ Protocols otlpProtocols }
		}
	}
	Storage struct {
		Trace struct {
			Backend    string
			WAL, Local struct{ Path string }
		}
	}
	Overrides struct {
		Defaults struct {
			Compaction struct {
				BlockRetention string `yaml:"block_retention"`
			}
		}
	}
	UsageReport struct {
		ReportingEnabled bool `yaml:"reporting_enabled"`
	} `yaml:"usage_report"`
}

func tempoPorts(t *testing.T) []int {
	t.Helper()
	var c tempoConfig
	decode(t, "deploy/tempo/tempo.yaml", &c)
	p := c.Distributor.Receivers.OTLP.Protocols
	return []int{c.Server.HTTPListenPort, openPort(t, p.GRPC.Endpoint), openPort(t, p.HTTP.Endpoint)}
}

// Tempo writes only where its volume is.
func TestTempoWritesToItsVolume(t *testing.T) {
	var c tempoConfig
	decode(t, "deploy/tempo/tempo.yaml", &c)
	var volume string
	for _, v := range load(t, "deploy/compose.tempo.yml").Services["tempo"].Volumes {
		if v.Type == "volume" {
			volume = v.Target + "/"
		}
	}
	for _, path := range []string{c.Storage.Trace.WAL.Path, c.Storage.Trace.Local.Path} {
		if volume == "" || !strings.HasPrefix(path, volume) {
			t.Errorf("%s is outside of the volume %s", path, volume)
		}
	}
}

// dataSource is one of Grafana's data sources, by its manual of provisioning.
type dataSource struct {
	Name, Type, UID, Access, URL string
	IsDefault                    bool `yaml:"isDefault"`
	Editable                     bool
	JSONData                     struct {
		NodeGraph struct {
			Enabled bool
		} `yaml:"nodeGraph"`
		StreamingEnabled struct {
			Search bool
		} `yaml:"streamingEnabled"`
		TraceQuery struct {
			TimeShiftEnabled   bool   `yaml:"timeShiftEnabled"`
			SpanStartTimeShift string `yaml:"spanStartTimeShift"`
			SpanEndTimeShift   string `yaml:"spanEndTimeShift"`
		} `yaml:"traceQuery"`
	} `yaml:"jsonData"`
}

func readDataSources(t *testing.T) []dataSource {
	t.Helper()
	var c struct {
		APIVersion  int `yaml:"apiVersion"`
		Prune       bool
		DataSources []dataSource `yaml:"datasources"`
	}
	decode(t, "deploy/grafana/provisioning/datasources/tempo.yaml", &c)
	if c.APIVersion != 1 || len(c.DataSources) == 0 {
		t.Errorf("version %d with %d data sources", c.APIVersion, len(c.DataSources))
	}
	return c.DataSources
}

func TestDataSources(t *testing.T) {
	defaults := 0
	for _, s := range readDataSources(t) {
		if s.Name == "" || s.UID == "" || s.Type != "tempo" || s.Access != "proxy" {
			t.Errorf("data source %+v", s)
		}
		if s.IsDefault {
			defaults++
		}
	}
	if defaults != 1 {
		t.Errorf("%d defaults, want one", defaults)
	}
}

// A YAML file that is added here is checked here.
func TestEveryFileIsChecked(t *testing.T) {
	known := append([]string{
		collectorFile,
		"deploy/tempo/tempo.yaml",
		"deploy/grafana/provisioning/datasources/tempo.yaml",
	}, composeFiles...)
	files, err := fs.Glob(os.DirFS(root), "*.y*ml")
	if err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(os.DirFS(root), "deploy", func(path string, _ fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); ext == ".yaml" || ext == ".yml" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasPrefix(f, ".") && !slices.Contains(known, f) {
			t.Errorf("no test reads %s", f)
		}
	}
	for _, f := range known {
		if !slices.Contains(files, f) {
			t.Errorf("%s is not there", f)
		}
	}
}
