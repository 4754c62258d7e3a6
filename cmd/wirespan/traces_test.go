package main

import (
	"strings"
	"testing"
)

func TestWhereTracesGo(t *testing.T) {
	const endpoint, here = "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"
	for name, c := range map[string]struct {
		flag     string
		env      map[string]string
		terminal bool
		made     bool
		console  bool
		otlp     string
		says     string
	}{
		"nothing configured":           {flag: "auto", made: true, says: "not sent, for no OTLP endpoint is configured: set " + endpoint},
		"nothing, on a terminal":       {flag: "auto", terminal: true, made: true, console: true, says: "; one line a request"},
		"endpoint":                     {flag: "auto", env: map[string]string{endpoint: here}, terminal: true, made: true, otlp: here + "/v1/traces", says: "(http/protobuf)"},
		"console":                      {flag: "console", made: true, console: true, says: "set " + endpoint},
		"console with endpoint":        {flag: "console", env: map[string]string{endpoint: here}, made: true, console: true, says: "does not name otlp"},
		"both":                         {flag: "otlp,console", env: map[string]string{endpoint: here}, made: true, console: true, otlp: here + "/v1/traces"},
		"otlp without endpoint":        {flag: "otlp", made: true, otlp: "http://localhost:4318/v1/traces", says: "the default: " + endpoint + " is not set"},
		"none":                         {flag: "none", env: map[string]string{endpoint: here}, says: "none: they are switched off"},
		"switched off":                 {flag: "auto", env: map[string]string{endpoint: here, "OTEL_SDK_DISABLED": "TRUE"}, says: "none: OTEL_SDK_DISABLED is true"},
		"exporter none":                {flag: "auto", env: map[string]string{endpoint: here, "OTEL_TRACES_EXPORTER": "none"}, says: "none: OTEL_TRACES_EXPORTER is none"},
		"exporter console":             {flag: "auto", env: map[string]string{"OTEL_TRACES_EXPORTER": "console"}, made: true, console: true},
		"exporter, and the flag first": {flag: "console", env: map[string]string{"OTEL_TRACES_EXPORTER": "none"}, made: true, console: true},
		"path":                         {flag: "auto", env: map[string]string{endpoint: here + "/x/"}, made: true, otlp: here + "/x/v1/traces"},
		"for traces alone":             {flag: "auto", env: map[string]string{endpoint: "http://elsewhere", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": here}, made: true, otlp: here + "/"},
		"grpc":                         {flag: "auto", env: map[string]string{endpoint: here, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, made: true, otlp: here, says: "(grpc)"},
		"grpc for traces alone":        {flag: "auto", env: map[string]string{endpoint: here, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, made: true, otlp: here},
		"password":                     {flag: "auto", env: map[string]string{endpoint: "http://me:secret@127.0.0.1"}, made: true, otlp: "http://me:xxxxx@127.0.0.1/v1/traces"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := parseTraces(c.flag)
			if err != nil {
				t.Fatal(err)
			}
			d, err := o.resolve(variables(c.env), c.terminal)
			if err != nil {
				t.Fatal(err)
			}
			otlp := ""
			if d.otlp != nil {
				otlp = d.otlp.String()
			}
			if d.made != c.made || d.console != c.console || otlp != c.otlp {
				t.Errorf("made %v, console %v, otlp %q", d.made, d.console, otlp)
			}
			if !strings.Contains(d.String(), c.says) || strings.Contains(d.String(), "secret") {
				t.Errorf("it says %q, want %q in it", d, c.says)
			}
		})
	}
}
