package statistics

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// stateJSON is a State as it is written.
type stateJSON struct {
	StatsID                   *int            `json:"statsId"`
	RequestsFinished          int64           `json:"requestsFinished"`
	RequestsFailed            int64           `json:"requestsFailed"`
	RequestsRetries           int64           `json:"requestsRetries"`
	RequestsFailedPerMinute   float64         `json:"requestsFailedPerMinute"`
	RequestsFinishedPerMinute float64         `json:"requestsFinishedPerMinute"`
	RequestMinDuration        *millis         `json:"requestMinDurationMillis"`
	RequestMaxDuration        *millis         `json:"requestMaxDurationMillis"`
	TotalFailedDuration       millis          `json:"requestTotalFailedDurationMillis"`
	TotalFinishedDuration     millis          `json:"requestTotalFinishedDurationMillis"`
	StartedAt                 instant         `json:"crawlerStartedAt"`
	LastStartedAt             instant         `json:"crawlerLastStartTimestamp"`
	FinishedAt                instant         `json:"crawlerFinishedAt"`
	Errors                    json.RawMessage `json:"errors"`
	RetryErrors               json.RawMessage `json:"retryErrors"`
	StatusCodes               map[int]int64   `json:"requestsWithStatusCode"`
	PersistedAt               instant         `json:"statsPersistedAt"`
	RetryHistogram            []int64         `json:"requestRetryHistogram"`
	Runtime                   millis          `json:"crawlerRuntimeMillis"`

	// What can be calculated is written for whoever reads the file, and not read back.
	TotalDuration       millis  `json:"requestTotalDurationMillis"`
	AvgFailedDuration   *millis `json:"requestAvgFailedDurationMillis"`
	AvgFinishedDuration *millis `json:"requestAvgFinishedDurationMillis"`
	RequestsTotal       int64   `json:"requestsTotal"`

	Exact *exact `json:"wirespan,omitempty"`
}

// exact is what the other fields cannot say: durations in nanoseconds, and all durations as an HdrHistogram of
// microseconds in its compressed V2 encoding.
type exact struct {
	Min           *time.Duration `json:"requestMinDurationNanos"`
	Max           *time.Duration `json:"requestMaxDurationNanos"`
	TotalFailed   time.Duration  `json:"requestTotalFailedDurationNanos"`
	TotalFinished time.Duration  `json:"requestTotalFinishedDurationNanos"`
	Runtime       time.Duration  `json:"crawlerRuntimeNanos"`
	Durations     string         `json:"requestDurationHistogram"`
}

// aliases maps the other names by which a field may be called in a file to those of stateJSON.
var aliases = map[string]string{
	"stats_id":                        "statsId",
	"requests_finished":               "requestsFinished",
	"requests_failed":                 "requestsFailed",
	"requests_retries":                "requestsRetries",
	"requests_failed_per_minute":      "requestsFailedPerMinute",
	"requests_finished_per_minute":    "requestsFinishedPerMinute",
	"request_min_duration":            "requestMinDurationMillis",
	"request_max_duration":            "requestMaxDurationMillis",
	"request_total_failed_duration":   "requestTotalFailedDurationMillis",
	"request_total_finished_duration": "requestTotalFinishedDurationMillis",
	"crawler_started_at":              "crawlerStartedAt",
	"crawler_last_started_at":         "crawlerLastStartTimestamp",
	"crawler_finished_at":             "crawlerFinishedAt",
	"crawler_runtime":                 "crawlerRuntimeMillis",
	"retry_errors":                    "retryErrors",
	"requests_with_status_code":       "requestsWithStatusCode",
	"stats_persisted_at":              "statsPersistedAt",
	"request_retry_histogram":         "requestRetryHistogram",
}

// MarshalJSON returns the object that is saved.
func (state State) MarshalJSON() ([]byte, error) {
	failures, err := json.Marshal(state.Errors)
	if err != nil {
		return nil, err
	}
	retried, err := json.Marshal(state.RetryErrors)
	if err != nil {
		return nil, err
	}
	total := state.RequestTotalFailedDuration + state.RequestTotalFinishedDuration
	j := stateJSON{
		StatsID:          state.ID,
		RequestsFinished: state.RequestsFinished, RequestsFailed: state.RequestsFailed, RequestsRetries: state.RequestsRetries,
		RequestsFailedPerMinute: state.RequestsFailedPerMinute, RequestsFinishedPerMinute: state.RequestsFinishedPerMinute,
		RequestMinDuration: (*millis)(state.RequestMinDuration), RequestMaxDuration: (*millis)(state.RequestMaxDuration),
		TotalFailedDuration:   millis(state.RequestTotalFailedDuration),
		TotalFinishedDuration: millis(state.RequestTotalFinishedDuration),
		StartedAt:             instant(state.StartedAt), LastStartedAt: instant(state.LastStartedAt),
		FinishedAt: instant(state.FinishedAt), PersistedAt: instant(state.PersistedAt),
		Errors: failures, RetryErrors: retried,
		StatusCodes: state.RequestsWithStatusCode, RetryHistogram: state.RetryHistogram,
		Runtime:             millis(state.Runtime),
		TotalDuration:       millis(total),
		AvgFailedDuration:   (*millis)(mean(micros(state.RequestTotalFailedDuration), state.RequestsFailed)),
		AvgFinishedDuration: (*millis)(mean(micros(state.RequestTotalFinishedDuration), state.RequestsFinished)),
		RequestsTotal:       state.RequestsFailed + state.RequestsFinished,
		Exact: &exact{
			Min: state.RequestMinDuration, Max: state.RequestMaxDuration,
			TotalFailed: state.RequestTotalFailedDuration, TotalFinished: state.RequestTotalFinishedDuration,
			Runtime: state.Runtime,
		},
	}
	if state.durations != nil {
		encoded, err := state.durations.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			return nil, fmt.Errorf("encode the durations: %w", err)
		}
		j.Exact.Durations = string(encoded)
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON or crawlee has written, with the fields by either of the names that crawlee has
// for them. Fields that it does not know do nothing, nor do errors in a form that is not that of [ErrorCounts].
func (state *State) UnmarshalJSON(text []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	for name, alias := range aliases {
		if field, ok := fields[name]; ok && fields[alias] == nil {
			fields[alias] = field
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	var j stateJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	read := State{
		ID:               j.StatsID,
		RequestsFinished: j.RequestsFinished, RequestsFailed: j.RequestsFailed, RequestsRetries: j.RequestsRetries,
		RequestsFinishedPerMinute: j.RequestsFinishedPerMinute, RequestsFailedPerMinute: j.RequestsFailedPerMinute,
		RequestMinDuration: (*time.Duration)(j.RequestMinDuration), RequestMaxDuration: (*time.Duration)(j.RequestMaxDuration),
		RequestTotalFinishedDuration: time.Duration(j.TotalFinishedDuration),
		RequestTotalFailedDuration:   time.Duration(j.TotalFailedDuration),
		StartedAt:                    time.Time(j.StartedAt), LastStartedAt: time.Time(j.LastStartedAt),
		FinishedAt: time.Time(j.FinishedAt), PersistedAt: time.Time(j.PersistedAt),
		Runtime: j.runtime(),
		Errors:  errorCounts(j.Errors), RetryErrors: errorCounts(j.RetryErrors),
		RequestsWithStatusCode: j.StatusCodes, RetryHistogram: j.RetryHistogram,
	}
	if err := read.refine(j.Exact); err != nil {
		return err
	}
	if err := read.check(); err != nil {
		return err
	}
	*state = read
	return nil
}

// refine takes over what is known exactly.
func (state *State) refine(e *exact) error {
	if e == nil {
		return nil
	}
	state.RequestMinDuration, state.RequestMaxDuration = e.Min, e.Max
	state.RequestTotalFailedDuration, state.RequestTotalFinishedDuration = e.TotalFailed, e.TotalFinished
	state.Runtime = e.Runtime
	if e.Durations == "" {
		return nil
	}
	durations, err := hdrhistogram.Decode([]byte(e.Durations))
	if err != nil {
		return fmt.Errorf("decode the durations: %w", err)
	}
	state.durations = durations
	return nil
}

// runtime is what was written as such. A file without it tells the time of its last run, which ended, after a crash, when
// the file was written: what followed was no runtime.
func (j *stateJSON) runtime() time.Duration {
	if j.Runtime != 0 {
		return time.Duration(j.Runtime)
	}
	began, ended := time.Time(j.LastStartedAt), time.Time(j.FinishedAt)
	if ended.IsZero() {
		ended = time.Time(j.PersistedAt)
	}
	if began.IsZero() || ended.Before(began) {
		return 0
	}
	return ended.Sub(began)
}

// errorCounts reads errors, or none of them when they are in another form.
func errorCounts(text json.RawMessage) ErrorCounts {
	var counts ErrorCounts
	if json.Unmarshal(text, &counts) != nil {
		return nil
	}
	for _, types := range counts {
		for _, messages := range types {
			maps.DeleteFunc(messages, func(_ string, n int64) bool { return n <= 0 })
		}
	}
	return counts
}

// millis is a duration that is written in rounded milliseconds, half to even.
type millis time.Duration

func (d millis) MarshalJSON() ([]byte, error) {
	rounded := math.RoundToEven(float64(d) / float64(time.Millisecond))
	return strconv.AppendInt(nil, int64(rounded), 10), nil
}

// UnmarshalJSON reads milliseconds, as a number or in a string, and durations of ISO 8601.
func (d *millis) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	word := strings.Trim(string(text), `"`)
	if n, err := strconv.ParseFloat(word, 64); err == nil {
		n *= float64(time.Millisecond)
		if !(math.Abs(n) < math.MaxInt64) {
			return fmt.Errorf("the duration %s is out of range", text)
		}
		*d = millis(n)
		return nil
	}
	parsed, err := parseISO8601(word)
	*d = millis(parsed)
	return err
}

// parseISO8601 reads a duration of days and shorter units: "P1DT2H3M4.5S".
func parseISO8601(word string) (time.Duration, error) {
	days, clock, _ := strings.Cut(strings.TrimPrefix(word, "P"), "T")
	var total time.Duration
	if days != "" {
		n, err := strconv.Atoi(strings.TrimSuffix(days, "D"))
		if err != nil || n < 0 || n > 100_000 {
			return 0, fmt.Errorf("%q is no duration", word)
		}
		total = time.Duration(n) * 24 * time.Hour
	}
	if clock == "" {
		return total, nil
	}
	d, err := time.ParseDuration(strings.ToLower(clock))
	if err != nil || !strings.HasPrefix(word, "P") {
		return 0, fmt.Errorf("%q is no duration", word)
	}
	return total + d, nil
}

// instant is a time that is written in UTC, and as null when it is zero.
type instant time.Time

func (i instant) MarshalJSON() ([]byte, error) {
	if time.Time(i).IsZero() {
		return []byte("null"), nil
	}
	return time.Time(i).UTC().MarshalJSON()
}

// UnmarshalJSON reads a time of ISO 8601; one without a zone is in UTC.
func (i *instant) UnmarshalJSON(text []byte) error {
	var word *string
	if err := json.Unmarshal(text, &word); err != nil {
		return err
	}
	if word == nil {
		return nil
	}
	t, err := time.Parse(time.RFC3339, *word) // fractions of a second go without saying
	if err != nil {
		t, err = time.Parse("2006-01-02T15:04:05", *word)
	}
	if t = t.UTC(); err == nil && (t.Year() < 1 || t.Year() > 9999) {
		err = fmt.Errorf("%s is in a year that cannot be written", text)
	}
	if err != nil {
		return err
	}
	*i = instant(t)
	return nil
}
