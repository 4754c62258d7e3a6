package reliability_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/e2e/internal/toxic"
	"github.com/wirespan/wirespan/otelcollector"
)

// setup is how a collector is made.
type setup struct {
	name     string
	oracle   *faults.Oracle
	addr     string                  // of the receiver, or of what stands before it
	http     bool                    // OTLP/HTTP rather than gRPC
	spool    otelcollector.SpoolMode // "": there is none
	env      map[string]string
	settings func(*otelcollector.Config)
}

// run is a collector that feeds a receiver. Its methods may be called from any goroutine.
type run struct {
	*otelcollector.Collector
	*traffic
	row    *row
	name   string
	oracle *faults.Oracle

	mu      sync.Mutex
	reports []string // what the ErrorHandler was told
	figures []string
}

// to is the setup for a receiver.
func to(name string, r *faults.Receiver) setup {
	return setup{name: name, oracle: r.Oracle, addr: r.Addr(), http: r.SpeaksHTTP()}
}

// with adds a spool, unless it is "".
func (s setup) with(spool otelcollector.SpoolMode) setup {
	if s.spool = spool; spool != "" {
		s.name += ", " + string(spool)
	}
	return s
}

// open makes a receiver that is shut when the row ends.
func (r *row) open(o faults.Options) *faults.Receiver {
	r.Helper()
	receiver, err := faults.Open(o)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(receiver.Shut)
	return receiver
}

// proxy makes one to a receiver that is closed when the row ends.
func (r *row) proxy(target string) *toxic.Proxy {
	r.Helper()
	p, err := toxic.Open(target)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := p.Close(); err != nil {
			r.Error(err)
		}
	})
	return p
}

// start makes a collector. The variables of the official clients are read here, and only here.
func (r *row) start(s setup) *run {
	r.Helper()
	protocol, scheme := "grpc", "http"
	if s.http {
		protocol = "http/protobuf"
	}
	if s.env["OTEL_EXPORTER_OTLP_CERTIFICATE"] != "" {
		scheme = "https"
	}
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_ENDPOINT": scheme + "://" + s.addr,
		"OTEL_EXPORTER_OTLP_TIMEOUT": "60000", "OTEL_EXPORTER_OTLP_CERTIFICATE": "",
	} {
		r.Setenv(name, value)
	}
	for name, value := range s.env {
		r.Setenv(name, value)
	}
	if s.http {
		s.name += ", HTTP"
	}
	run := &run{row: r, name: s.name, oracle: s.oracle}
	config := otelcollector.Config{ServiceName: "reliability", FlushInterval: 20 * time.Millisecond, ErrorHandler: run.report}
	if s.spool != "" {
		config.SpoolDir, config.SpoolMode = r.spoolDir(), s.spool
	}
	if s.settings != nil {
		s.settings(&config)
	}
	var err error
	if run.Collector, err = otelcollector.New(r.Context(), config); err != nil {
		r.Fatal(err)
	}
	run.traffic = newTraffic(run.Collector)
	return run
}

func (r *run) report(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reports = append(r.reports, err.Error())
}

func (r *run) reported() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.reports...)
}

// errorf fails the row.
func (r *run) errorf(format string, args ...any) {
	r.row.Helper()
	r.row.Errorf("%s: %s", r.name, fmt.Sprintf(format, args...))
}

// figure adds to the line of the run.
func (r *run) figure(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.figures = append(r.figures, fmt.Sprintf(format, args...))
}

// until waits for something, with an eye on the accounts. It fails the row, and returns false, when that does not happen.
func (r *run) until(what string, is func() bool) bool {
	r.row.Helper()
	ok := eventually(patience, func() bool { r.balance(); return is() })
	if !ok {
		r.errorf("waited %v for %s: %+v, %+v", patience, what, r.Stats(), r.oracle.Counts())
	}
	return ok
}

// flush has sent what was made before, in one call if it was made at once.
func (r *run) flush() {
	r.row.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.ForceFlush(ctx); err != nil {
		r.errorf("%v", err)
	}
}

// serveAlone makes a span, and waits until it has come to the receiver for the first time: it is alone in its batch.
func (r *run) serveAlone() {
	r.row.Helper()
	n := r.serve(1)
	r.until("a span to come", func() bool { return r.oracle.Fate(n).Attempts > 0 })
}

// settled waits for all spans to be out of the collector's hands.
func (r *run) settled() bool {
	r.row.Helper()
	return r.until("all spans to be sent or dropped", func() bool { s := r.Stats(); return s.Queued+s.Spooled == 0 })
}

// balance checks that every span is in exactly one account.
func (r *run) balance() otelcollector.Stats {
	r.row.Helper()
	s := r.Stats()
	if s.Made+s.Recovered != s.Exported+s.Rejected+s.TotalDropped()+s.Queued+s.Spooled {
		r.errorf("the accounts do not balance: %+v", s)
	}
	return s
}

// finish ends the traffic and the collector, and checks the accounts against those of the receiver: nothing is lost but for the
// reasons that are expected, and no more than some duplicates came.
func (r *run) finish(duplicates int, lost map[otelcollector.DropReason]uint64) otelcollector.Stats {
	r.row.Helper()
	r.hangUp()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil && lost[otelcollector.DroppedShutdown] == 0 {
		r.errorf("shut down: %v", err)
	}
	s, came := r.balance(), r.oracle.Counts()
	if uint64(came.Unique) > s.Made+s.Recovered || s.Exported > uint64(came.Unique) {
		r.errorf("%d made, %d arrived, %d exported", s.Made, came.Unique, s.Exported)
	}
	if came.Duplicate > duplicates || uint64(came.Duplicate) > s.Retried {
		r.errorf("%d duplicates, want at most %d, and %d that were sent again", came.Duplicate, duplicates, s.Retried)
	}
	for reason, n := range s.Dropped {
		if n != lost[reason] {
			r.errorf("%d spans dropped as %s, want %d", n, reason, lost[reason])
		}
	}
	for reason, n := range lost {
		if s.Dropped[reason] == 0 && n > 0 {
			r.errorf("no span dropped as %s, want %d", reason, n)
		}
	}
	for _, p := range r.oracle.Problems() {
		r.errorf("%s", p)
	}
	r.row.Logf("%s: made %d, exported %d, rejected %d, dropped %v, queued %d, spooled %d, retried %d; arrived %d, twice %d, in %d calls; %s",
		r.name, s.Made, s.Exported, s.Rejected, s.Dropped, s.Queued, s.Spooled, s.Retried,
		came.Unique, came.Duplicate, came.Calls, strings.Join(r.figures, ", "))
	return s
}

// inFlight is how many spans may come twice when connections break so often: those of the calls that were taken and not
// answered.
func (r *run) inFlight(cuts int) int { return cuts * otelcollector.MaxUploads * r.oracle.Largest() }
