package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// counted is what /statistics says of requests.
type counted struct {
	Statistics struct {
		RequestsFinished int `json:"requests_finished"`
		RequestsFailed   int `json:"requests_failed"`
	} `json:"statistics"`
	State struct {
		Codes map[string]int `json:"requestsWithStatusCode"`
	} `json:"state"`
	Errors struct {
		Total int `json:"total"`
	} `json:"errors"`
}

func (s *served) statistics() (c counted) {
	s.t.Helper()
	status, body := fetch(s.t, s.admin+"/statistics")
	if err := json.Unmarshal([]byte(body), &c); status != http.StatusOK || err != nil {
		s.t.Fatalf("/statistics answers %d %q: %v", status, body, err)
	}
	return c
}

// awaitFinished asks until so many requests have finished: their outcomes come after their responses.
func (s *served) awaitFinished(want int) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); s.statistics().Statistics.RequestsFinished != want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%d requests have finished, want %d", s.statistics().Statistics.RequestsFinished, want)
		}
	}
}

func TestNoStatistics(t *testing.T) {
	s := start(t, nil, "demo")
	status, body := fetch(t, s.admin+"/statistics")
	if status != http.StatusConflict || body != "There are no statistics: none are counted (--statistics-interval, --statistics-store).\n" {
		t.Errorf("%d %q", status, body)
	}
}

func TestStatisticsInMemory(t *testing.T) {
	s := start(t, nil, "demo", "--statistics-interval", "0s")
	s.get("/")
	s.get("/status/404")
	s.get("/panic")
	s.awaitFinished(2)
	waitFor(t, s.admin+"/readyz?verbose", `\[\+\] statistics: in memory; requests: 3 = 2 finished \+ 1 failed\n`)
	c := s.statistics()
	if c.State.Codes["200"] != 1 || c.State.Codes["404"] != 1 || c.State.Codes["500"] != 1 || c.Errors.Total != 1 {
		t.Errorf("there are %+v", c)
	}
	s.stop()
	expect(t, "standard error", s.stderr.String(), `msg="Final request statistics:" requests_finished=2 requests_failed=1 `)
	expect(t, "standard error", s.stderr.String(), `msg="Error analysis:" total_errors=1 unique_errors=1`)
	if strings.Contains(s.stderr.String(), "msg=Statistics") {
		t.Errorf("they are logged although the interval is 0:\n%s", s.stderr)
	}
}

func TestStatisticsAreLogged(t *testing.T) {
	s := start(t, nil, "demo", "--statistics-interval", "20ms")
	s.stderr.await(t, `msg=Statistics requests_finished=0 `)
	s.get("/")
	s.stderr.await(t, `msg=Statistics requests_finished=1 `)
}

// What was counted is there after a restart, in each kind of store.
func TestStatisticsOutliveTheProcess(t *testing.T) {
	for name, target := range map[string]func(*testing.T) string{
		"database": func(t *testing.T) string { return filepath.Join(t.TempDir(), "statistics.db") },
		"json":     func(t *testing.T) string { return filepath.Join(t.TempDir(), "statistics.json") },
		"redis":    func(t *testing.T) string { return startRedis(t, freePort(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			store := target(t)
			for run := 1; run <= 3; run++ {
				s := start(t, map[string]string{"OTEL_SERVICE_NAME": "shop"}, "demo", "--statistics-store", store)
				s.get("/")
				s.awaitFinished(run)
				s.stop()
				expect(t, "standard error", s.stderr.String(), `msg=stopped .*statistics_saved=true `)
			}
			s := start(t, map[string]string{"OTEL_SERVICE_NAME": "bank"}, "demo", "--statistics-store", store)
			if others := map[string]int{"json": 3}[name]; others != 0 {
				s.awaitFinished(others) // such a file is of one service
				return
			}
			s.get("/")
			s.awaitFinished(1)
		})
	}
}

// The original's file carries on here, and what is written in its place is a file of that form.
func TestStatisticsOfTheOriginal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "SDK_CRAWLER_STATISTICS_3.json")
	write(t, file, readFile(t, filepath.Join("..", "..", "lifecycle", "statistics", "testdata", "crawlee.json")))
	s := start(t, nil, "demo", "--statistics-store", file)
	s.get("/")
	s.awaitFinished(121)
	s.stop()
	var state struct {
		Finished int            `json:"requestsFinished"`
		Failed   int            `json:"requestsFailed"`
		Codes    map[string]int `json:"requestsWithStatusCode"`
	}
	if err := json.Unmarshal([]byte(readFile(t, file)), &state); err != nil || state.Finished != 121 || state.Failed != 7 || state.Codes["200"] != 119 {
		t.Errorf("the file has %+v, %v", state, err)
	}
	if left, _ := filepath.Glob(file + ".*"); len(left) > 0 {
		t.Errorf("beside it lie %q", left)
	}
}

func TestStoresThatMakeNoSense(t *testing.T) {
	dir := t.TempDir()
	missing, rubbish, wrong := filepath.Join(dir, "missing", "s.db"), filepath.Join(dir, "rubbish.db"), filepath.Join(dir, "wrong.json")
	write(t, rubbish, strings.Repeat("no database\n", 1000))
	write(t, wrong, `{"requestsFinished": -1}`)
	nowhere := "the directory " + filepath.Dir(missing) + " does not exist"
	for file, why := range map[string]string{missing: nowhere, missing + ".json": nowhere, rubbish: "invalid database", wrong: "requestsFinished"} {
		failsToStart(t, []string{"demo", "--addr", "127.0.0.1:0", "--admin", "off", "--statistics-store", file}, file, "--statistics-store", why)
	}
}

// The next process begins while the one before drains, and has its counts as soon as that lets go of the file.
func TestStatisticsAreHandedOver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "statistics.db")
	before := start(t, nil, "demo", "--statistics-store", file)
	before.get("/")
	before.awaitFinished(1)
	next := start(t, nil, "demo", "--statistics-store", file)
	next.stderr.await(t, `level=WARN msg="statistics of former runs are not loaded yet" error=.*timeout`)
	waitFor(t, next.admin+"/readyz?verbose", `\[!\] statistics: in .*/statistics\.db \(cannot be reached: .*timeout\); requests: 0 = `)
	next.get("/")
	next.awaitFinished(1)
	before.stop()
	next.stop()
	last := start(t, nil, "demo", "--statistics-store", file)
	last.awaitFinished(2)
}

// A Redis that is away hinders neither the start nor a request, and what was counted meanwhile is not lost when it is back.
func TestRedisThatIsAway(t *testing.T) {
	port := freePort(t)
	args := []string{"demo", "--flush-timeout", "500ms", "--statistics-store", "redis://:secret@127.0.0.1:" + port + "?max_retries=-1"}
	s := start(t, nil, args...)
	s.get("/")
	s.awaitFinished(1)
	waitFor(t, s.admin+"/readyz?verbose", `\[!\] statistics: in redis://REDACTED@127\.0\.0\.1:\d+\?max_retries=-1 \(cannot be reached: .*connection refused\); requests: 1 = `)
	s.stop()
	expect(t, "standard error", s.stderr.String(), `msg="not all telemetry was sent" error=".*connection refused`)
	expect(t, "standard error", s.stderr.String(), `msg=stopped .*statistics_saved=false `)
	if strings.Contains(s.stderr.String(), "secret") {
		t.Errorf("the password is told:\n%s", s.stderr)
	}

	store := "redis://127.0.0.1:" + port + "?max_retries=-1"
	s = start(t, nil, "demo", "--statistics-store", store)
	s.get("/")
	s.awaitFinished(1)
	s.stderr.await(t, `level=WARN msg="statistics of former runs are not loaded yet"`)
	startRedis(t, port)
	s.stop()
	s = start(t, nil, "demo", "--statistics-store", store)
	s.awaitFinished(1)
}

// startRedis starts a redis-server of the test's own, in memory only, and returns its URL.
func startRedis(t *testing.T, port string) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skipf("redis-server is needed, and scripts/setup.sh redis-server installs it: %v", err)
	}
	cmd := exec.Command(path, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	rest := make(chan struct{})
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-rest
		cmd.Wait()
	})
	ready := make(chan bool, 1)
	go func() {
		defer close(rest)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if strings.Contains(lines.Text(), "Ready to accept connections") {
				ready <- true
				break
			}
		}
		io.Copy(io.Discard, stdout)
		close(ready)
	}()
	if !<-ready {
		t.Fatal("redis-server does not start")
	}
	return "redis://127.0.0.1:" + port
}
