package main

import (
	"cmp"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"
)

// adminServer answers probes, metrics, statistics and profiles, and changes settings, on a port of its own, by net/http: it must
// answer also when the server that it tells about does not.
func adminServer(r *readiness, pages adminPages, errorLog *log.Logger) *http.Server {
	return &http.Server{
		Handler:           adminHandler(r, pages),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      3 * time.Minute, // a profile collects for as long as it is asked to
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          errorLog,
	}
}

// adminPages is what is served beside probes and profiles.
type adminPages struct {
	settings, statistics, metrics http.Handler
	loopback                      bool // only this machine can reach the port
}

// adminHandler answers probes and metrics, and where only this machine can reach it all the rest.
func adminHandler(r *readiness, pages adminPages) http.Handler {
	mux := http.NewServeMux()
	live := probe("process", func() string { return "" }, nil)
	mux.HandleFunc("GET /livez", live)
	mux.HandleFunc("GET /healthz", live)
	mux.HandleFunc("GET /readyz", probe("accepting", r.why, r.more))
	metrics := pages.metrics
	if pages.loopback {
		metrics = localOnly(metrics.ServeHTTP)
		settings := localOnly(pages.settings.ServeHTTP)
		mux.Handle("GET /settings", settings)
		mux.Handle("PATCH /settings", settings)
		mux.Handle("GET /statistics", localOnly(pages.statistics.ServeHTTP)) // with messages of errors
		mux.Handle("/debug/pprof/", localOnly(pprof.Index))
		mux.Handle("/debug/pprof/cmdline", localOnly(pprof.Cmdline))
		mux.Handle("/debug/pprof/profile", localOnly(pprof.Profile))
		mux.Handle("/debug/pprof/symbol", localOnly(pprof.Symbol))
		mux.Handle("/debug/pprof/trace", localOnly(pprof.Trace))
	}
	mux.Handle("GET "+metricsPath, metrics)
	return mux
}

// probe answers 200, or 503 with the reason that why gives. ?verbose names the check, as Kubernetes' own probes do, and adds
// what more has to say; that may be nil.
func probe(check string, why func() string, more func() []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		reason, verbose := why(), r.URL.Query().Has("verbose")
		mark, verdict := "[+]", "ok"
		if reason != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			mark, verdict = "[-]", "not ok"
		}
		switch {
		case verbose:
			fmt.Fprintf(w, "%s %s: %s\n", mark, check, cmp.Or(reason, "ok"))
			if more != nil {
				for _, line := range more() {
					fmt.Fprintln(w, line)
				}
			}
			fmt.Fprintln(w, verdict)
		default:
			fmt.Fprintln(w, cmp.Or(reason, "ok"))
		}
	}
}

// localOnly refuses a request that names a host which is not this machine: the page of another site whose name
// was made to point to 127.0.0.1 must not read profiles, nor change settings.
func localOnly(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if addr, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !addr.IsLoopback()) {
			http.Error(w, "This is served under the name localhost or a loopback address only.", http.StatusForbidden)
			return
		}
		h(w, r)
	})
}

// isLoopback reports whether only this machine can reach the address.
func isLoopback(a net.Addr) bool {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}
