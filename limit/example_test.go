package limit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/wirespan/wirespan/limit"
)

func Example() {
	mux := http.NewServeMux()
	mux.HandleFunc("/", hello)
	h, err := limit.New(mux, limit.Options{Rate: 0.1, Burst: 2, MaxRequests: 1000})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		fmt.Printf("%d %q\n", w.Code, w.Header().Get("Retry-After"))
	}
	fmt.Println(h.Stats().RateLimited, "refused")
	// Output:
	// 200 ""
	// 200 ""
	// 429 "10"
	// 1 refused
}
