package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// machine is where, when and with what it was measured.
type machine struct {
	date, processor, kernel string
	processors              int
	modules                 []string
}

// rivals are the modules whose versions belong to the results.
var rivals = []string{
	"github.com/cloudwego/hertz",
	"github.com/valyala/fasthttp",
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
	"go.opentelemetry.io/otel/sdk",
}

func thisMachine() machine {
	m := machine{
		date:       time.Now().UTC().Format(time.DateOnly),
		processor:  runtime.GOARCH,
		kernel:     runtime.GOOS,
		processors: runtime.NumCPU(),
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range bytes.Lines(text) {
			if name, model, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(name) == "model name" {
				m.processor = strings.TrimSpace(model)
			}
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.kernel = "Linux " + strings.TrimSpace(string(text))
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, d := range build.Deps {
			if slices.Contains(rivals, d.Path) {
				m.modules = append(m.modules, d.Path+" "+d.Version)
			}
		}
	}
	return m
}

func (m machine) describe() string {
	return fmt.Sprintf("%d processors (%s), %s, %s; %s.\n",
		m.processors, m.processor, m.kernel, runtime.Version(), strings.Join(m.modules, ", "))
}
