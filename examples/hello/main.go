// Command hello is the smallest server: httpcore stands where net/http's ListenAndServe stood.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"

	"github.com/wirespan/wirespan/httpcore"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "host:port or unix:/path to listen on")
	flag.Parse()
	log.Printf("listening on %s", *addr)
	log.Fatal(httpcore.ListenAndServe(*addr, http.HandlerFunc(hello)))
}

func hello(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "Hello, %s!\n", r.URL.Path[1:])
}
