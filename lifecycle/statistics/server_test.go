package statistics_test

import (
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"testing"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle/statistics"
)

// S25, S26, S28: a server that is fed into statistics, from the request to the page.
func TestServer(t *testing.T) {
	s := started(t, statistics.Options{})
	mux := http.NewServeMux()
	mux.Handle("/statistics", s.Handler())
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("oops") })
	server := &httpcore.Server{Handler: mux, Collector: s.Collector(), ErrorLog: log.New(io.Discard, "", 0)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	client := &http.Client{Transport: &http.Transport{}}
	for _, path := range []string{"/none", "/panic", "/none", "/statistics"} {
		response, err := client.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	client.CloseIdleConnections()
	must(t, server.Shutdown(t.Context()))
	if err := <-served; !errors.Is(err, httpcore.ErrServerClosed) {
		t.Error(err)
	}

	f, state := s.Calculate(), s.State()
	equal(t, "finished", f.RequestsFinished, 3)
	equal(t, "failed", f.RequestsFailed, 1)
	if want := map[int]int64{200: 1, 404: 2, 500: 1}; !maps.Equal(state.RequestsWithStatusCode, want) {
		t.Errorf("status codes %v, want %v", state.RequestsWithStatusCode, want)
	}
	if got := s.Errors().MostCommon(1); len(got) != 1 || got[0].Message != "panic: oops" || got[0].Where[:15] != "server_test.go:" {
		t.Errorf("errors %+v", got)
	}
	if *f.RequestMinDuration <= 0 || *f.P50 < *f.RequestMinDuration {
		t.Errorf("shortest %v, median %v", *f.RequestMinDuration, *f.P50)
	}
}
