package faults

import (
	"compress/gzip"
	"io"
	"net/http"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// httpService is POST /v1/traces.
type httpService struct{ receiver *Receiver }

// ServeHTTP implements [http.Handler].
func (h httpService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, bytes, err := readRequest(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a, err := h.receiver.decide(r.Context(), request, bytes, r.RemoteAddr)
	switch {
	case err != nil:
		panic(http.ErrAbortHandler) // there is nobody to answer
	case a.HTTP != 0:
		if a.RetryAfter != "" {
			w.Header().Set("Retry-After", a.RetryAfter)
		}
		http.Error(w, "as the script has it", a.HTTP)
		return
	}
	body, err := proto.Marshal(a.response())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.Write(body)
}

func readRequest(r *http.Request) (*collectorpb.ExportTraceServiceRequest, int, error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		plain, err := gzip.NewReader(body)
		if err != nil {
			return nil, 0, err
		}
		body = plain
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, 0, err
	}
	var request collectorpb.ExportTraceServiceRequest
	return &request, len(data), proto.Unmarshal(data, &request)
}
