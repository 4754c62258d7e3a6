package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	greeting  = "Hello, World!"
	plainText = "text/plain; charset=utf-8"
)

// blockFor is how long the handlers block that do.
const blockFor = 5 * time.Millisecond

// slowPath is where handlers block that greet everywhere else.
const slowPath = "/slow"

// served counts the requests that reached the handler of this process. All candidates count, so that it costs all the same.
var served atomic.Uint64

// hello is the greeting, for every server that takes an http.Handler.
func hello(w http.ResponseWriter, _ *http.Request) {
	served.Add(1)
	w.Header().Set("Content-Type", plainText)
	fmt.Fprint(w, greeting)
}

// blocking greets late, like a handler that asks a database first.
func blocking(string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(blockFor)
		hello(w, r)
	})
}

// mixed greets late on one path.
func mixed(dir string) http.Handler {
	slow := blocking(dir)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == slowPath {
			slow.ServeHTTP(w, r)
			return
		}
		hello(w, r)
	})
}

// responses answers with so many bytes, and says how many they are.
func responses(size int) func(string) http.Handler {
	return func(string) http.Handler {
		body := bytes.Repeat([]byte("x"), size)
		length := strconv.Itoa(size)
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			served.Add(1)
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Header().Set("Content-Length", length)
			_, _ = w.Write(body)
		})
	}
}

// uploads reads what is sent to it, and greets.
func uploads(string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		hello(w, r)
	})
}

// files serves the files of a directory.
func files(dir string) http.Handler {
	fileServer := http.FileServer(http.Dir(dir))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		fileServer.ServeHTTP(w, r)
	})
}
