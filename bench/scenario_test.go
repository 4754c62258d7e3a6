package main

import (
	"slices"
	"strings"
	"testing"
)

func TestPlanChoosesByName(t *testing.T) {
	for _, c := range []struct{ only, scenario, want string }{
		{"nethttp", "hello", "hello/nethttp hello/nethttp-otelhttp"},
		{"fasthttp,sync", "hello", "hello/fasthttp hello/fasthttp-sdk hello/wirespan-sync hello/wirespan-sync-traced"},
		{"hertz", "", "hello/hertz idle/hertz"},
		{"", "upload,file", "upload-1m/nethttp upload-1m/wirespan-handler file-1m/nethttp file-1m/wirespan-handler"},
		{"apache", "", ""},
	} {
		var got []string
		for _, r := range plan(&options{only: c.only, scenario: c.scenario}) {
			got = append(got, r.scenario.name+"/"+r.server.name)
		}
		if joined := strings.Join(got, " "); joined != c.want {
			t.Errorf("-only %q -scenario %q chooses %s, want %s", c.only, c.scenario, joined, c.want)
		}
	}
}

func TestTurns(t *testing.T) {
	o := &options{turns: 4}
	for name, want := range map[string][]int{pipelined: {1, 1, 1, 1}, hellos: {4, 4, 4, 4}, sampling: {4, 4, 4, 4}, eachCollector: {4, 4, 4, 4}, receiverAway: {1, 1, 1, 0}} {
		var got []int
		for round := range len(want) {
			got = append(got, scenarioNamed(t, name).turns(o, round))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has %v turns in the first rounds, want %v", name, got, want)
		}
	}
}

func TestScenariosAreForServersThatExist(t *testing.T) {
	for _, s := range scenarios {
		for _, name := range s.servers {
			if candidateNamed(name) == nil {
				t.Errorf("%s is for %s, of which there is none", s.name, name)
			}
		}
	}
}

func TestOnlyServersOfHandlersGetAnApplication(t *testing.T) {
	for _, s := range scenarios {
		if s.application != nil && !slices.Equal(s.servers, handlers) {
			t.Errorf("%s is for %q, of which some can only greet", s.name, s.servers)
		}
	}
}
