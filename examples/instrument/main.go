// Command instrument serves with hooks, which keep an account of how long the server has waited for its clients.
package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/wirespan/wirespan/httpcore"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "host:port or unix:/path to listen on")
	flag.Parse()
	waits := new(waits)
	mux := http.NewServeMux()
	mux.Handle("PUT /upload", waits.of("/upload", upload))
	mux.Handle("GET /large", waits.of("/large", large))
	mux.Handle("GET /waits", waits)
	server := &httpcore.Server{Addr: *addr, Handler: mux}
	log.Printf("listening on %s", *addr)
	log.Fatal(server.ListenAndServe())
}

func upload(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func large(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, strings.Repeat("All work and no play makes Jack a dull boy.\n", 1<<20))
}
