package deploy_test

import (
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// root is where this repository begins.
var root = func() string {
	path, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return path
}()

// composeFiles are all there are: TestEveryFileIsChecked sees to that.
var composeFiles = []string{"docker-compose.yml", "deploy/compose.tempo.yml"}

// load reads a compose file as "docker compose" does: by the schema of the Compose Specification, which knows no other
// keys than its own, and with services, volumes and networks that refer to each other checked.
func load(t *testing.T, file string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, file)})
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// eachProject runs test for each compose file.
func eachProject(t *testing.T, test func(t *testing.T, p *types.Project)) {
	t.Helper()
	for _, file := range composeFiles {
		t.Run(file, func(t *testing.T) { test(t, load(t, file)) })
	}
}

// environment returns a service's variables. One without a value would come from whoever starts it.
func environment(t *testing.T, s types.ServiceConfig) map[string]string {
	t.Helper()
	env := map[string]string{}
	for name, value := range s.Environment {
		if value == nil {
			t.Errorf("%s: the variable %s has no value", s.Name, name)
			continue
		}
		env[name] = *value
	}
	return env
}

// pinned is a name with a version of three numbers.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+\.\d+$`)

func TestImagesArePinned(t *testing.T) {
	eachProject(t, func(t *testing.T, p *types.Project) {
		for name, s := range p.Services {
			if s.Build == nil && !pinned.MatchString(s.Image) {
				t.Errorf("%s: the image %q has no full version", name, s.Image)
			}
		}
	})
}

// The Collector that runs in the container is the one that the suite has tried.
func TestCollectorIsTheOneTested(t *testing.T) {
	version := moduleVersion(t, "go.opentelemetry.io/collector/otelcol")
	eachProject(t, func(t *testing.T, p *types.Project) {
		want := "otel/opentelemetry-collector-contrib:" + strings.TrimPrefix(version, "v")
		if got := p.Services["otel-collector"].Image; got != want {
			t.Errorf("image %s, want %s", got, want)
		}
	})
}

func moduleVersion(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", module).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestMountedFilesExist(t *testing.T) {
	eachProject(t, func(t *testing.T, p *types.Project) {
		for name, s := range p.Services {
			for _, v := range s.Volumes {
				if v.Type != types.VolumeTypeBind {
					continue
				}
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if !v.ReadOnly {
					t.Errorf("%s may write to %s", name, v.Source)
				}
			}
			if s.Build != nil {
				if _, err := os.Stat(filepath.Join(s.Build.Context, "Dockerfile")); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	})
}

// listening are the ports that a service listens on, by the name of the service.
func listening(t *testing.T, p *types.Project) map[string][]int {
	t.Helper()
	collector := readCollector(t, environment(t, p.Services["otel-collector"]))
	return map[string][]int{
		"wirespan":       dockerfilePorts(t),
		"otel-collector": collector.ports(t),
		"jaeger":         {4317, 4318, 16686}, // its defaults without a configuration
		"tempo":          tempoPorts(t),
		"grafana":        {3000}, // its default
	}
}

func TestPublishedPorts(t *testing.T) {
	eachProject(t, func(t *testing.T, p *types.Project) {
		ports := listening(t, p)
		taken := map[string]string{}
		for name, s := range p.Services {
			for _, port := range s.Ports {
				if port.HostIP != "127.0.0.1" {
					t.Errorf("%s: port %d is published on %q, want loopback", name, port.Target, port.HostIP)
				}
				if !slices.Contains(ports[name], int(port.Target)) {
					t.Errorf("%s: nothing listens on the published port %d, but on %v", name, port.Target, ports[name])
				}
				if other := taken[port.Published]; other != "" {
					t.Errorf("%s and %s both want port %s", name, other, port.Published)
				}
				taken[port.Published] = name
			}
		}
	})
}

// Each address that one service is given of another is one that the other listens on, and starts before it.
func TestServicesFindEachOther(t *testing.T) {
	eachProject(t, func(t *testing.T, p *types.Project) {
		ports := listening(t, p)
		check := func(from, hostPort string) {
			t.Helper()
			host, text, err := net.SplitHostPort(hostPort)
			if err != nil {
				t.Errorf("%s: %v", from, err)
				return
			}
			port, err := strconv.Atoi(text)
			if err != nil {
				t.Errorf("%s: %v", from, err)
			}
			if _, ok := p.Services[host]; !ok || !slices.Contains(ports[host], port) {
				t.Errorf("%s: nothing listens on %s", from, hostPort)
			}
			if _, ok := p.Services[from].DependsOn[host]; !ok {
				t.Errorf("%s does not depend on %s, which it calls", from, host)
			}
		}
		endpoint, err := url.Parse(environment(t, p.Services["wirespan"])["OTEL_EXPORTER_OTLP_ENDPOINT"])
		if err != nil || endpoint.Port() != "4318" {
			t.Fatalf("endpoint %v, %v: want the port for http/protobuf, the default protocol", endpoint, err)
		}
		check("wirespan", endpoint.Host)
		check("otel-collector", environment(t, p.Services["otel-collector"])["OTLP_BACKEND"])
		if _, ok := p.Services["grafana"]; ok {
			for _, source := range readDataSources(t) {
				u, err := url.Parse(source.URL)
				if err != nil {
					t.Fatal(err)
				}
				check("grafana", u.Host)
			}
		}
	})
}

// A drain and the flush after it are not cut short.
func TestWirespanMayFinish(t *testing.T) {
	const drain, flush = 30 * time.Second, 5 * time.Second // the defaults of the command
	eachProject(t, func(t *testing.T, p *types.Project) {
		s := p.Services["wirespan"]
		if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) <= drain+flush {
			t.Errorf("stop_grace_period %v, want more than %v", s.StopGracePeriod, drain+flush)
		}
		if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || s.Privileged || s.User != "" {
			t.Errorf("it may do more than it needs to")
		}
	})
}

// The compose files must also be right for the real thing, where it is installed.
func TestDockerComposeTakesThem(t *testing.T) {
	if out, err := exec.Command("docker", "compose", "version").CombinedOutput(); err != nil {
		t.Skipf("docker compose is not installed: %v: %s", err, out)
	}
	for _, file := range composeFiles {
		if out, err := exec.Command("docker", "compose", "-f", filepath.Join(root, file), "config", "-q").CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}

// Both files run the same demo and the same Collector; they differ in the backend only.
func TestVariantsDifferInTheBackendOnly(t *testing.T) {
	a, b := load(t, composeFiles[0]), load(t, composeFiles[1])
	for _, name := range []string{"wirespan", "otel-collector"} {
		x, y := environment(t, a.Services[name]), environment(t, b.Services[name])
		delete(x, "OTLP_BACKEND")
		delete(y, "OTLP_BACKEND")
		if !maps.Equal(x, y) || a.Services[name].Image != b.Services[name].Image {
			t.Errorf("%s: %v with %v, and %v with %v", name, a.Services[name].Image, x, b.Services[name].Image, y)
		}
	}
}
