package main

import (
	"strings"
	"testing"
	"time"
)

const wrote = `Running 1s test @ http://127.0.0.1:8080/
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.21ms    3.74ms  61.19ms   94.18%
    Req/Sec    32.64k     1.33k   35.93k    63.64%
  Latency Distribution
     50%  749.00us
     75%    1.24ms
     90%    2.01ms
     99%   28.27ms
  64406 requests in 1.00s, 9.34MB read
Requests/sec:  64406.58
Transfer/sec:      9.26MB
`

func TestParseWrk(t *testing.T) {
	got, err := parseWrk(wrote)
	want := load{PerSecond: 64406.58, P50: 749 * time.Microsecond, P99: 28270 * time.Microsecond}
	if got != want || err != nil {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestParseWrkTakesSeconds(t *testing.T) {
	got, err := parseWrk(strings.Replace(wrote, "28.27ms", " 1.08s ", 1)) // one letter less, and wrk fills up with a space
	if got.P99 != 1080*time.Millisecond || err != nil {
		t.Errorf("got %v, %v", got.P99, err)
	}
}

func TestParseWrkRefusesFailuresAndGaps(t *testing.T) {
	for name, output := range map[string]string{
		"statuses": strings.Replace(wrote, "Requests/sec", "  Non-2xx or 3xx responses: 7\nRequests/sec", 1),
		"sockets":  strings.Replace(wrote, "Requests/sec", "  Socket errors: connect 0, read 1, write 0, timeout 0\nRequests/sec", 1),
		"rate":     strings.Replace(wrote, "Requests/sec", "Requests", 1),
		"median":   strings.Replace(wrote, "50%", "51%", 1),
		"tail":     strings.Replace(wrote, "     99%", "     98%", 1),
	} {
		if got, err := parseWrk(output); err == nil {
			t.Errorf("%s: got %+v without an error", name, got)
		}
	}
}
