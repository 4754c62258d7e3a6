package e2e_test

import (
	"strconv"
	"strings"
	"testing"
)

// TestMetricsAndLogsReachTheCollector reads them in the log of the Collector, which takes them and has nobody to pass them to.
func TestMetricsAndLogsReachTheCollector(t *testing.T) {
	t.Parallel()
	p := shared.get(t)
	for protocol, status := range map[string]int{"grpc": 418, "http/protobuf": 451} { // a status tells them apart
		t.Run(protocol, func(t *testing.T) {
			path := "/status/" + strconv.Itoa(status)
			w := p.start(t, protocol, t.Name(), nil, "demo", "--metrics", "otlp", "--logs", "otlp", "--log-level", "debug")
			w.get(t, status, path)
			w.stop(t)
			trace := w.request(t, path).TraceID()
			for what, parts := range map[string][]string{
				"metric of requests":        {"http.server.request.duration{", "http.response.status_code=" + strconv.Itoa(status), "count=1"},
				"metric of connections":     {"wirespan.connection.count{wirespan.connection.state=idle}"},
				"account of the export":     {"wirespan.spans.ended{"},
				"log record with its trace": {"response completed", "path=" + path, "trace_id=" + trace},
			} {
				_, err := p.collector.Line(patience, func(line string) bool {
					for _, part := range parts {
						if !strings.Contains(line, part) {
							return false
						}
					}
					return true
				})
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}
