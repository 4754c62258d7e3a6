package statistics_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/wirespan/wirespan/lifecycle/statistics"
)

func get(s *statistics.Statistics, method string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(method, "/statistics", nil))
	return w
}

// S32, S68: the page has the statistics, the state as it is saved, and the errors.
func TestHandler(t *testing.T) {
	s := started(t, statistics.Options{})
	c := open(s, 0)
	c.respond(200, 1500*time.Millisecond)
	c.fail(500, "handler_panic", errors.New("oops"))
	w := get(s, "GET")
	equal(t, "status", w.Code, http.StatusOK)
	equal(t, "type", w.Header().Get("Content-Type"), "application/json")
	equal(t, "caching", w.Header().Get("Cache-Control"), "no-store")
	page := object(t, w.Body.Bytes())
	equal(t, "active", page["active"], any(true))
	equal(t, "mean in seconds", page["statistics"].(map[string]any)["request_avg_finished_duration"], any(1.5))
	equal(t, "longest in milliseconds", page["state"].(map[string]any)["requestMaxDurationMillis"], any(1500.0))
	failures := page["errors"].(map[string]any)
	equal(t, "errors", failures["total"], any(1.0))
	equal(t, "the most common", failures["most_common"].([]any)[0].(map[string]any)["message"], any("oops"))
	equal(t, "errors of retries", len(page["retry_errors"].(map[string]any)["most_common"].([]any)), 0)
}

func TestHandlerMethods(t *testing.T) {
	s := statistics.New(statistics.Options{})
	equal(t, "HEAD", get(s, "HEAD").Code, http.StatusOK)
	w := get(s, "POST")
	equal(t, "POST", w.Code, http.StatusMethodNotAllowed)
	equal(t, "Allow", w.Header().Get("Allow"), "GET, HEAD")
	equal(t, "active", object(t, get(s, "GET").Body.Bytes())["active"], any(false))
}

func TestHandlerCannotWriteTheState(t *testing.T) {
	s, err := statistics.NewExtended(statistics.Options{Logger: quiet}, struct{ Err marshaler }{})
	must(t, err)
	s.Update(func(v *struct{ Err marshaler }) { v.Err.err = errors.New("cause") })
	equal(t, "status", get(s.Statistics, "GET").Code, http.StatusInternalServerError)
}
