package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
)

// stage is what a subcommand builds its site on.
type stage struct {
	options   *serverOptions
	log       *slog.Logger
	telemetry *telemetry
	addr      net.Addr        // of the server
	draining  <-chan struct{} // closed when the server begins to drain
}

// site is what a subcommand has to serve.
type site struct {
	handler http.Handler
	sync    httpcore.SyncHandler // may be nil
	what    string               // in words, for the banner
	hint    string
	// unlimitedBodies is for a site that passes bodies on, and leaves it to others how large one may be.
	unlimitedBodies bool
	// upgradeGrace is how long a drain lets upgraded connections end themselves; 0 is for a site that cannot tell them to.
	upgradeGrace time.Duration
	// close releases what the site holds, after the last request; may be nil.
	close func()
}

// server is a site that is being served.
type server struct {
	options     *serverOptions
	log         *slog.Logger
	logs        *logExport
	telemetry   *telemetry
	site        *site
	http        *httpcore.Server
	limiter     *limiter
	upgrades    *upgrades
	connections connections
	admin       *http.Server // nil: off
	control     control
	readiness   readiness
	draining    chan struct{}
	failed      chan error // what ended a Serve that should have gone on
	serving     chan struct{}
}

// serveSite runs a server until a signal ends it: the common part of serve, proxy and demo.
func (a *app) serveSite(command string, o *serverOptions, build func(*stage) (*site, error)) error {
	if err := o.check(); err != nil {
		return err
	}
	to, err := a.destinations(o)
	if err != nil {
		return err
	}
	signals, hangups, stop := a.signals()
	defer stop()
	log, err := a.openLog(context.Background(), o, to)
	if err != nil {
		return err
	}
	defer func() {
		if err := o.flush(log.close); err != nil {
			slog.New(o.handler(a.stderr)).Warn("the last records could not be written", "error", err)
		}
	}()
	s := &server{
		options: o, log: log.Logger, logs: log.export,
		draining: make(chan struct{}), failed: make(chan error, 1), serving: make(chan struct{}),
	}
	s.control.log = s.log
	slog.SetDefault(s.log) // what net/http and others write to the standard logger
	s.readiness.notReady("starting: the server does not listen yet")
	listeners, err := s.listen()
	if err != nil {
		return err
	}
	addr := listeners.site[0].Addr()
	if err := a.prepare(s, to, addr, log, build); err != nil {
		listeners.close()
		return err
	}
	b := banner{
		command: command, what: s.site.what, hint: s.site.hint, traces: to.traces, metrics: to.metrics,
		url: baseURL(o.scheme(), addr),
	}
	if listeners.admin != nil {
		b.admin = listeners.admin.Addr()
	}
	b.write(a.stderr, s.log, o.logFormat == "json")
	s.start(listeners)
	return s.wait(signals, hangups)
}

// listeners are the bound addresses: at least one of the site; admin is nil when it is off.
type listeners struct {
	site  []net.Listener
	admin net.Listener
}

func (l listeners) close() {
	for _, l := range l.site {
		l.Close()
	}
	if l.admin != nil {
		l.admin.Close()
	}
}

// listen binds both addresses, so that whatever hinders the start is known before anything runs.
func (s *server) listen() (listeners, error) {
	o := s.options
	if o.tlsCert != "" {
		if err := checkCertificate(o); err != nil {
			return listeners{}, err
		}
	}
	s.http = &httpcore.Server{
		Addr: o.addr, Workers: o.workers, Engine: o.engine, Accept: o.accept, SharePort: o.sharePort,
		ServerTiming: o.serverTiming, TraceResponse: o.traceResponse, RequestIDs: o.requestID, TrustedProxies: o.trustedProxies,
		MaxConnections: o.limits.maxConnections, MaxBlockedHandlers: o.limits.maxBlockedHandlers,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelError),
	}
	l, err := s.listenSite()
	if err != nil {
		return listeners{}, startError("listen on "+o.addr+" ("+nameOf(o.flags, "addr")+")", err)
	}
	for _, site := range l.site {
		if err := o.checkClients(site.Addr()); err != nil {
			l.close()
			return listeners{}, err
		}
	}
	if o.admin == off {
		return l, nil
	}
	admin, err := listenAdmin(o.admin)
	if err != nil {
		l.close()
		return listeners{}, startError("listen on "+o.admin+" for the admin port ("+nameOf(o.flags, "admin")+", or off)", err)
	}
	l.admin = admin
	return l, nil
}

// listenSite binds the address of the site, or takes it over from systemd.
func (s *server) listenSite() (listeners, error) {
	if name, ok := systemdName(s.options.addr); ok {
		return listenSystemd(name)
	}
	l, err := s.http.Listen()
	if err != nil {
		return listeners{}, err
	}
	return listeners{site: []net.Listener{l}}, nil
}

func checkCertificate(o *serverOptions) error {
	for _, f := range []struct{ flag, file string }{{"tls-cert", o.tlsCert}, {"tls-key", o.tlsKey}} {
		if _, err := os.ReadFile(f.file); err != nil {
			return startError("read "+f.file+" ("+nameOf(o.flags, f.flag)+")", err)
		}
	}
	if _, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey); err != nil {
		return startError("use the certificate "+o.tlsCert+" with the key "+o.tlsKey, err)
	}
	return nil
}

// prepare starts the telemetry and builds the site.
func (a *app) prepare(s *server, to *destinations, addr net.Addr, log *serverLog, build func(*stage) (*site, error)) error {
	settings, err := s.control.start(s.options)
	if err != nil {
		return err
	}
	t, err := a.startTelemetry(context.Background(), to, s.options, settings, s.http.Backlog, log)
	if err != nil {
		return err
	}
	s.telemetry, s.control.spans = t, t.spans
	s.readiness.describe(func() []string { return append(t.describe(), s.limiter.describe()...) })
	s.site, err = build(&stage{options: s.options, log: s.log, telemetry: t, addr: addr, draining: s.draining})
	if err == nil {
		s.limiter, err = newLimiter(s.site.handler, s.options)
	}
	if err == nil {
		err = s.limiter.tell(t.meter)
	}
	if err != nil {
		return errors.Join(err, s.options.flush(t.shutdown))
	}
	s.http.Hooks, s.http.Sync = t.hooks, s.site.sync
	if m := log.statsd; m != nil {
		s.http.OnWorkerStart, s.http.OnWorkerStop = m.workerStarted, m.workerStopped
	}
	handler := s.site.handler
	if s.limiter != nil {
		handler, s.http.Sync = s.limiter, nil // which would not ask it
	}
	s.upgrades = newUpgrades(handler)
	s.http.Handler = s.upgrades
	s.http.Collector = lifecycle.Tee(t.collector, &s.connections) // last, see connections
	if s.site.unlimitedBodies {
		s.http.MaxBodyBytes = -1
	}
	return nil
}

// tellMetrics answers the metrics, if there are any.
func (s *server) tellMetrics(w http.ResponseWriter, r *http.Request) {
	if m := s.telemetry.meter; m != nil && m.page != nil {
		m.page.ServeHTTP(w, r)
		return
	}
	http.Error(w, "There are no metrics: they are switched off.", http.StatusNotFound)
}

func (s *server) start(l listeners) {
	var all sync.WaitGroup
	for _, l := range l.site {
		all.Go(func() { s.serve(l) })
	}
	go func() {
		defer close(s.serving)
		all.Wait()
	}()
	s.readiness.ready()
	if l.admin != nil {
		s.admin = adminServer(&s.readiness, adminPages{
			settings: &s.control, statistics: statisticsPage(s.telemetry.statistics), metrics: http.HandlerFunc(s.tellMetrics),
			loopback: isLoopback(l.admin.Addr()),
		}, slog.NewLogLogger(s.log.Handler(), slog.LevelWarn))
		go func() {
			if err := s.admin.Serve(l.admin); !errors.Is(err, http.ErrServerClosed) {
				s.fail(startError("go on with the admin port", err))
			}
		}()
	}
}

// serve serves one listener of the site.
func (s *server) serve(l net.Listener) {
	var err error
	if o := s.options; o.tlsCert != "" {
		err = s.http.ServeTLS(l, o.tlsCert, o.tlsKey)
	} else {
		err = s.http.Serve(l)
	}
	if !errors.Is(err, httpcore.ErrServerClosed) {
		s.fail(startError("go on serving", err))
	}
}

// fail ends the server; the first failure is the one that is told.
func (s *server) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// wait returns when the server has ended: by a signal, or because it could not go on.
func (s *server) wait(signals, hangups <-chan os.Signal) error {
	reason, failure := s.untilTheEnd(signals, hangups)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.drain(reason)
	}()
	select {
	case <-ended:
		return failure
	case <-signals:
		return errForced
	}
}

// untilTheEnd returns when the server has to end, and why: with an error when it could not go on.
func (s *server) untilTheEnd(signals, hangups <-chan os.Signal) (reason string, failure error) {
	for {
		select {
		case sig := <-signals:
			return "it got the signal " + signalName(sig), nil
		case sig := <-hangups:
			s.hangUp(sig)
		case failure = <-s.failed:
			return "the server failed", failure
		}
	}
}
