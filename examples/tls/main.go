// Command tls serves HTTPS with a certificate that it makes for itself.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/wirespan/wirespan/httpcore"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8443", "host:port or unix:/path to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *addr); err != nil {
		log.Fatal(err)
	}
}

// serve returns when ctx has ended and all requests have been answered.
func serve(ctx context.Context, addr string) error {
	dir, err := os.MkdirTemp("", "wirespan-tls-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := writeCertificate(cert, key); err != nil {
		return err
	}
	fmt.Printf("the certificate is %s\n", cert)

	server := &httpcore.Server{Addr: addr, Handler: http.HandlerFunc(hello)}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServeTLS(cert, key) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	return errors.Join(err, server.Shutdown(context.WithoutCancel(ctx)))
}

func hello(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "Hello over %s!\n", tls.VersionName(r.TLS.Version))
}
