package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAdmin(t *testing.T) {
	s := start(t, nil, "demo")
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/livez":                      {200, "^ok\n$"},
		"/livez?verbose":              {200, `^\[\+\] process: ok\nok\n$`},
		"/healthz":                    {200, "^ok\n$"},
		"/readyz":                     {200, "^ok\n$"},
		"/readyz?verbose":             {200, `^\[\+\] accepting: ok\n\[\+\] traces: not sent\nok\n$`},
		"/debug/pprof/":               {200, "goroutine"},
		"/debug/pprof/cmdline":        {200, "."},
		"/debug/pprof/heap?debug=1":   {200, "heap profile"},
		"/debug/pprof/trace?seconds=": {200, "."},
		"/":                           {404, ""},
	} {
		status, body := fetch(t, s.admin+path)
		if status != want.status {
			t.Errorf("%s: status %d, want %d", path, status, want.status)
		}
		expect(t, path, body, want.body)
	}
	if resp, _ := s.get("/readyz"); resp.StatusCode != http.StatusNotFound {
		t.Error("the served port answers probes")
	}
}

func TestAdminOff(t *testing.T) {
	s := start(t, nil, "demo", "--admin", "off")
	if s.admin != "off" {
		t.Errorf("the banner says %q", s.admin)
	}
}

// pages are those of a server without telemetry.
func pages(loopback bool) adminPages {
	return adminPages{settings: &control{}, statistics: statisticsPage(nil), metrics: http.NotFoundHandler(), loopback: loopback}
}

func TestProfilesSettingsAndStatisticsOnlyOnLoopback(t *testing.T) {
	for addr, want := range map[net.Addr]bool{
		&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}: true,
		&net.TCPAddr{IP: net.IPv6loopback}:       true,
		&net.UnixAddr{Name: "/a"}:                true,
		&net.TCPAddr{IP: net.IPv4zero}:           false,
		&net.TCPAddr{IP: net.IPv6unspecified}:    false,
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}: false,
	} {
		if got := isLoopback(addr); got != want {
			t.Errorf("%v: %v, want %v", addr, got, want)
		}
	}
	for _, path := range []string{"/debug/pprof/", "/settings", "/statistics"} {
		w := httptest.NewRecorder()
		adminHandler(&readiness{}, pages(false)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s answers %d where others can reach it", path, w.Code)
		}
	}
}

// A page whose name was made to point here must not read profiles, nor messages of errors.
func TestProfilesAndStatisticsUnderAnotherName(t *testing.T) {
	h := adminHandler(&readiness{}, pages(true))
	for host, want := range map[string]int{
		"localhost:4380": 200, "127.0.0.1": 200, "[::1]:4380": 200, "localhost": 200,
		"rebound.example:4380": 403, "192.0.2.1": 403, "localhost.example": 403,
	} {
		for path, ok := range map[string]int{"/debug/pprof/cmdline": 200, "/statistics": 409} {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = host
			h.ServeHTTP(w, r)
			if refused := w.Code == 403; refused != (want == 403) || !refused && w.Code != ok {
				t.Errorf("%s of %s: %d, want %d", path, host, w.Code, want)
			}
		}
	}
}

func TestReadyzBeforeTheStart(t *testing.T) {
	var r readiness
	r.notReady("starting")
	w := httptest.NewRecorder()
	adminHandler(&r, pages(false)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusServiceUnavailable || strings.TrimSpace(w.Body.String()) != "starting" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}
