package statistics

import (
	"encoding/json"
	"net/http"
	"time"
)

// page is what the handler answers.
type page struct {
	Active      bool            `json:"active"`
	Statistics  Final           `json:"statistics"`
	State       json.RawMessage `json:"state"`
	Errors      errorsPage      `json:"errors"`
	RetryErrors errorsPage      `json:"retry_errors"`
}

type errorsPage struct {
	Total      int64        `json:"total"`
	Unique     int          `json:"unique"`
	MostCommon []ErrorGroup `json:"most_common"`
}

// mostCommon is how many groups of errors a page shows.
const mostCommon = 10

// Handler returns a handler that answers GET and HEAD with the statistics as JSON: what they come to, with durations in
// seconds; the state as it is saved; and the most common errors. It is for /statistics at a port for operators:
// messages of errors are not for everybody.
func (s *Statistics) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Statistics) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
		return
	}
	text, err := s.page()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write(append(text, '\n'))
}

func (s *Statistics) page() ([]byte, error) {
	final, state := s.both()
	text, err := s.encode(state)
	if err != nil {
		return nil, err
	}
	return json.Marshal(page{
		Active: s.Active(), Statistics: final, State: text,
		Errors: s.errors.page(), RetryErrors: s.retryErrors.page(),
	})
}

// both returns what Calculate and State do, of one moment.
func (s *Statistics) both() (Final, State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drainLocked()
	now := time.Now()
	return calculate(s.total, s.run.runtime(now)), s.stateLocked(now)
}

func (t *ErrorTracker) page() errorsPage {
	return errorsPage{Total: t.Total(), Unique: t.Unique(), MostCommon: append([]ErrorGroup{}, t.MostCommon(mostCommon)...)}
}
