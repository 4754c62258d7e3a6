package reliability_test

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wirespan/wirespan/e2e/internal/faults"
	"github.com/wirespan/wirespan/otelcollector"
)

// F45: TLS goes wrong in the ways that it does. Nothing is dropped, little is said about it, and all is delivered once it is mended.
func TestF45TLS(t *testing.T) {
	r := begin(t)
	other := r.authority()
	ours, file := r.authorityFile()
	good := r.issue(ours, time.Hour)
	var cases []func()
	for _, http := range []bool{false, true} {
		for _, c := range []struct {
			name        string
			certificate *tls.Certificate // that is wrong; nil: there is no TLS
		}{
			{"of another authority", r.issue(other, time.Hour)},
			{"expired", r.issue(ours, -time.Minute)},
			{"no TLS", nil},
		} {
			shown := &certificates{}
			shown.show(c.certificate)
			receiver := r.open(faults.Options{HTTP: http, TLS: shown.config()})
			run := r.start(secured(c.name, receiver, file))
			cases = append(cases, func() {
				run.mended(receiver, func() error {
					shown.show(good)
					if c.certificate != nil {
						return nil
					}
					receiver.Shut()
					receiver.Secure(shown.config())
					return receiver.Listen()
				})
			})
		}
	}
	{
		shown := &certificates{}
		shown.show(good)
		receiver := r.open(faults.Options{TLS: shown.config()})
		run := r.start(to("TLS where there is to be none", receiver))
		cases = append(cases, func() {
			run.mended(receiver, func() error {
				receiver.Shut()
				receiver.Secure(nil)
				return receiver.Listen()
			})
		})
	}
	{
		shown := &certificates{}
		shown.show(good)
		receiver := faults.New(faults.Options{TLS: shown.config()})
		silence := r.silence()
		s := secured("a handshake that hangs", receiver, file)
		s.addr = silence.Addr().String()
		run := r.start(s)
		t.Cleanup(receiver.Shut)
		cases = append(cases, func() {
			run.mended(receiver, func() error {
				silence.Close()
				return receiver.ListenAt(silence.Addr().String())
			})
		})
	}
	{
		shown := &certificates{}
		shown.show(good)
		receiver := r.open(faults.Options{TLS: shown.config()})
		run := r.start(secured("another certificate", receiver, file))
		next := r.issue(ours, 30*time.Minute)
		cases = append(cases, func() {
			stop := run.keepServing(1, 10*time.Millisecond)
			for _, certificate := range []*tls.Certificate{next, good, next} {
				time.Sleep(200 * time.Millisecond)
				shown.show(certificate)
				receiver.Reset()
			}
			stop()
			run.settled()
			run.finish(run.inFlight(3), nil)
		})
	}
	together(cases...)
}

// secured is a setup with TLS.
func secured(name string, receiver *faults.Receiver, file string) setup {
	s := to(name, receiver)
	s.env = map[string]string{"OTEL_EXPORTER_OTLP_CERTIFICATE": file, "OTEL_EXPORTER_OTLP_TIMEOUT": "1000"}
	return s
}

// mended makes spans while nothing can be sent, has that mended, and waits for them to arrive.
func (r *run) mended(receiver *faults.Receiver, mend func() error) {
	const spans = 50
	r.serve(spans)
	r.until("the receiver to be seen as down", func() bool { return r.Receiver().State == otelcollector.ReceiverDown })
	if s := r.Stats(); s.TotalDropped() > 0 || s.Retried == 0 || receiver.Counts().Unique > 0 {
		r.errorf("%+v, %+v, want all to be kept", s, receiver.Counts())
	}
	if told := r.reported(); len(told) != 1 {
		r.errorf("reported %q, want one report", told)
	}
	begin := time.Now()
	if err := mend(); err != nil {
		r.errorf("%v", err)
		return
	}
	r.settled()
	r.figure("delivered %v after it was mended", time.Since(begin).Round(time.Millisecond))
	r.finish(r.inFlight(1), nil) // what takes longer than a second is sent again
}

// certificates is what a receiver shows, which may change.
type certificates struct {
	now atomic.Pointer[tls.Certificate]
}

func (c *certificates) show(certificate *tls.Certificate) { c.now.Store(certificate) }

// config returns nil when there is nothing to show.
func (c *certificates) config() *tls.Config {
	if c.now.Load() == nil {
		return nil
	}
	return &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil }}
}

func (r *row) authority() *faults.Authority {
	r.Helper()
	a, err := faults.NewAuthority()
	if err != nil {
		r.Fatal(err)
	}
	return a
}

// authorityFile is authority, and the file that makes it known to a client.
func (r *row) authorityFile() (a *faults.Authority, file string) {
	r.Helper()
	a, file = r.authority(), filepath.Join(r.TempDir(), "ca.pem")
	if err := os.WriteFile(file, a.PEM, 0o600); err != nil {
		r.Fatal(err)
	}
	return a, file
}

// issue makes a certificate that is valid for so long.
func (r *row) issue(a *faults.Authority, valid time.Duration) *tls.Certificate {
	r.Helper()
	c, err := a.Issue(time.Now().Add(valid))
	if err != nil {
		r.Fatal(err)
	}
	return c
}

// silent takes connections and says nothing on them until it is closed.
type silent struct {
	net.Listener
	running sync.WaitGroup
	once    sync.Once
}

func (r *row) silence() *silent {
	r.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.Fatal(err)
	}
	s := &silent{Listener: l}
	s.running.Go(func() {
		var open []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			open = append(open, c)
		}
		for _, c := range open {
			c.Close()
		}
	})
	r.Cleanup(func() { s.Close() })
	return s
}

// Close implements [net.Listener]. It ends the connections.
func (s *silent) Close() error {
	var err error
	s.once.Do(func() { err = s.Listener.Close(); s.running.Wait() })
	return err
}
