package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// maxDemoBytes is the most that /bytes/{n} sends.
const maxDemoBytes = 1 << 30

// number reads a number that a request names; text may be empty, for byDefault.
func number(name, text string, byDefault, least, most int) (int, error) {
	if text == "" {
		return byDefault, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s must be a whole number from %d to %d, not %q", name, least, most, text)
	}
	return n, nil
}

// badRequest answers what cannot be understood with one sentence.
func badRequest(w http.ResponseWriter, err error) {
	http.Error(w, err.Error()+".", http.StatusBadRequest)
}

// echo reads the body whole before it answers, so that a client that sends before it reads is never stuck.
func echo(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect {
		http.Error(w, "CONNECT opens a tunnel, and there is none here.", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		badRequest(w, fmt.Errorf("the body could not be read: %w", err))
		return
	}
	// Bytes of a stranger: nothing that a browser should run.
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

func receive(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	size, err := io.Copy(hash, r.Body)
	if err != nil {
		badRequest(w, fmt.Errorf("the body could not be read: %w", err))
		return
	}
	writeJSON(w, struct {
		Size   int64  `json:"size"`
		SHA256 string `json:"sha256"`
	}{size, hex.EncodeToString(hash.Sum(nil))})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // it fails only when the client has left
}

// demoPattern is what /bytes sends, over and over.
var demoPattern = func() []byte {
	p := make([]byte, 32<<10)
	for i := range p {
		p[i] = "0123456789abcdef"[i%16]
	}
	return p
}()

func sendBytes(w http.ResponseWriter, r *http.Request) {
	n, err := number("the number of bytes", r.PathValue("n"), 0, 0, maxDemoBytes)
	if err != nil {
		badRequest(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(n))
	if r.Method == http.MethodHead {
		return
	}
	for n > 0 {
		sent, err := w.Write(demoPattern[:min(n, len(demoPattern))])
		if err != nil {
			return // the client left
		}
		n -= sent
	}
}

func sendStatus(w http.ResponseWriter, r *http.Request) {
	code, err := number("the status", r.PathValue("code"), 0, 200, 599)
	if err != nil {
		badRequest(w, err)
		return
	}
	text := http.StatusText(code)
	if text == "" {
		text = "a status without a name"
	}
	w.Header().Set("Content-Type", plainText)
	w.WriteHeader(code)
	if _, err := fmt.Fprintf(w, "%d %s\n", code, text); errors.Is(err, http.ErrBodyNotAllowed) {
		return // 204 and 304 have none
	}
}
