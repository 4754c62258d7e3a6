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
