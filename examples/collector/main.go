// Command collector serves with a lifecycle.Collector of its own, which keeps an account of each route.
package main

import (
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/wirespan/wirespan/httpcore"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "host:port or unix:/path to listen on")
	flag.Parse()
	accounts := newAccounts()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /slow/{duration}", slow)
	mux.Handle("GET /accounts", accounts)
	server := &httpcore.Server{Addr: *addr, Handler: mux, Collector: accounts}
	log.Printf("listening on %s", *addr)
	log.Fatal(server.ListenAndServe())
}

func slow(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.PathValue("duration"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}
