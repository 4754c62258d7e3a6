package limit

import (
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/wirespan/wirespan/internal/forwarded"
)

// Handler refuses what is too much, and passes everything else on. Any goroutine may use it.
type Handler struct {
	next    http.Handler
	options Options
	proxies forwarded.Proxies
	clients *clients // nil: any rate

	inProgress  atomic.Int64 // not counted when any number may be
	rateLimited atomic.Uint64
	shed        atomic.Uint64
}

var _ http.Handler = (*Handler)(nil)

// New returns a Handler before next. It fails when the options make no sense.
func New(next http.Handler, o Options) (*Handler, error) {
	if next == nil {
		return nil, errors.New("limit: there is no handler to pass requests on to")
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Handler{next: next, options: o, proxies: o.TrustedProxies}
	if o.Rate > 0 {
		h.clients = newClients(&o)
	}
	return h, nil
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.options.HealthCheckPath != "" && r.URL.Path == h.options.HealthCheckPath {
		h.next.ServeHTTP(w, r)
		return
	}
	if h.clients != nil {
		if wait := h.clients.take(h.proxies.Client(r), time.Now()); wait > 0 {
			h.rateLimited.Add(1)
			refuse(w, http.StatusTooManyRequests, "rate_limited", wait, "this client makes more requests than it may")
			return
		}
	}
	if h.options.MaxRequests > 0 {
		if !h.enter() {
			h.shed.Add(1)
			refuse(w, http.StatusServiceUnavailable, "max_concurrent_requests_exceeded", shedPause,
				"the server has as many requests in progress as it may")
			return
		}
		defer h.inProgress.Add(-1)
	}
	h.next.ServeHTTP(w, r)
}

// enter counts a request that is about to begin; false: there are too many.
func (h *Handler) enter() bool {
	for {
		n := h.inProgress.Load()
		if n >= int64(h.options.MaxRequests) {
			return false
		}
		if h.inProgress.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// shedPause is after what time to come again when nobody knows when it will be better.
const shedPause = time.Second

// refuse answers a request instead of its handler. code is the machine's word for reason.
func refuse(w http.ResponseWriter, status int, code string, wait time.Duration, reason string) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Wirespan-Error", code)
	header.Set("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)) // RFC 9110, 10.2.3: whole seconds
	w.WriteHeader(status)
	_, _ = w.Write([]byte(strconv.Itoa(status) + " " + http.StatusText(status) + ": " + reason + "\n"))
}

// Stats are the accounts of a Handler. Those of requests only rise.
type Stats struct {
	RateLimited uint64 // requests that were refused with 429
	Shed        uint64 // requests that were refused with 503
	InProgress  int    // requests at this moment; 0 unless there is a MaxRequests
	Clients     int    // clients that are remembered
}

// Stats returns the accounts of this moment.
func (h *Handler) Stats() Stats {
	s := Stats{RateLimited: h.rateLimited.Load(), Shed: h.shed.Load(), InProgress: int(h.inProgress.Load())}
	if h.clients != nil {
		s.Clients = h.clients.count()
	}
	return s
}
