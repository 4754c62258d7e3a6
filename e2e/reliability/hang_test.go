package reliability_test

import (
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/otelcollector"
)

// F35: calls are not answered. One that is not answered in time is tried again, the others go on meanwhile, and requests are
// served as if nothing was.
func TestF35ReceiverHangs(t *testing.T) {
	r := begin(t)
	var cases []func()
	for _, http := range []bool{false, true} {
		never, release := make(chan struct{}), make(chan struct{})
		receiver := r.open(faults.Options{HTTP: http, Script: func(c *faults.Call) faults.Answer {
			if c.N%4 == 0 {
				return faults.Answer{Until: never}
			}
			return faults.Answer{}
		}})
		s := to("hangs", receiver)
		s.env = map[string]string{"OTEL_EXPORTER_OTLP_TIMEOUT": "500"}
		run := r.start(s)
		cases = append(cases, func() {
			server := serveHTTP(run)
			const batches = 24
			run.serveBatches(batches)
			run.until("what does not hang, and what did", func() bool { return run.Stats().Exported == batches })
			run.until("the slots of what hung", func() bool { return run.Receiver().Uploads == 0 })

			receiver.Act(func(*faults.Call) faults.Answer { return faults.Answer{Until: release} })
			begin, calls := time.Now(), receiver.Counts().Calls
			p99 := server.get(1000)
			run.until("two calls that timed out", func() bool { return receiver.Counts().Calls >= calls+2 })
			p99 = max(p99, server.get(1000))
			run.figure("p99 %v of 2000 requests while all calls hung, for %v", p99, time.Since(begin).Round(time.Millisecond))
			if n := run.Receiver(); n.Uploads > otelcollector.MaxUploads {
				run.errorf("%+v: more uploads than there may be", n)
			}
			if s := run.Stats(); s.Exported != batches {
				run.errorf("%+v: exported although nothing was answered", s)
			}
			close(release)
			receiver.Act(faults.OK)
			server.close()
			run.settled()
			run.finish(int(run.Stats().Retried), nil) // where the machine is busy, any call may take too long
		})
	}
	together(cases...)
}

// F35, the same on one connection only: what stands between accepts everything and passes nothing on. Another connection takes
// its place.
func TestF35ConnectionHangs(t *testing.T) {
	r := begin(t)
	ca, file := r.authorityFile()
	shown := &certificates{}
	shown.show(r.issue(ca, time.Hour))
	var cases []func()
	for _, c := range []struct {
		name   string
		http   bool
		secure bool
	}{
		{name: "one connection hangs"},
		{name: "one connection hangs", http: true},
		{name: "one of HTTP/2 hangs", http: true, secure: true},
	} {
		options, env := faults.Options{HTTP: c.http}, map[string]string{"OTEL_EXPORTER_OTLP_TIMEOUT": "1000"}
		if c.secure {
			options.TLS, env["OTEL_EXPORTER_OTLP_CERTIFICATE"] = shown.config(), file
		}
		receiver := r.open(options)
		proxy := r.proxy(receiver.Addr())
		s := to(c.name, receiver)
		s.addr, s.env = proxy.Addr(), env
		run := r.start(s)
		cases = append(cases, func() {
			run.serve(1)
			run.flush()
			silent := time.Now()
			proxy.Silence()
			run.serve(1)
			run.flush()
			run.figure("first success after %v", time.Since(silent).Round(time.Millisecond))
			run.finish(int(run.Stats().Retried), nil)
		})
	}
	together(cases...)
}
