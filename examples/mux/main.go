// Command mux serves a net/http ServeMux: a board of notes. Each request is logged with the route that it matched.
package main

import (
	"flag"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "host:port or unix:/path to listen on")
	flag.Parse()
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server := &httpcore.Server{
		Addr:      *addr,
		Handler:   newBoard().routes(),
		Collector: lifecycle.NewLogging(logger, lifecycle.LoggingOptions{HealthCheckPath: "/healthz"}),
	}
	log.Fatal(server.ListenAndServe())
}

type board struct {
	mu    sync.Mutex
	notes map[string][]byte
}

func newBoard() *board { return &board{notes: make(map[string][]byte)} }

func (b *board) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /notes/{name}", b.read)
	mux.HandleFunc("PUT /notes/{name}", b.write)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func (b *board) read(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	note, ok := b.notes[r.PathValue("name")]
	b.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(note)
}

func (b *board) write(w http.ResponseWriter, r *http.Request) {
	note, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<10))
	if err != nil {
		http.Error(w, "a note has at most 4 KiB", http.StatusRequestEntityTooLarge)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notes[r.PathValue("name")] = note
	w.WriteHeader(http.StatusNoContent)
}
