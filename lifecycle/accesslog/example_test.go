package accesslog_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle/accesslog"
)

// A format of one's own, with a value that the handler sets.
func Example() {
	format, err := accesslog.Compile(`%(h)s "%(r)s" %(s)s %(b)s %({user}e)s`, accesslog.FormatOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	lines := accesslog.New(accesslog.Options{Format: format, Output: accesslog.Writer(os.Stdout)})
	server := &httpcore.Server{
		Addr:      "127.0.0.1:0",
		Collector: lines,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			accesslog.Set(r.Context(), "user", "anna")
			io.WriteString(w, "hello")
		}),
	}
	l, err := server.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if resp, err := client.Get("http://" + l.Addr().String() + "/orders?page=2"); err == nil {
		resp.Body.Close()
	}
	for _, end := range []func(context.Context) error{server.Shutdown, lines.Close} {
		if err := end(context.Background()); err != nil {
			fmt.Println(err)
		}
	}
	<-served
	// Output:
	// 127.0.0.1 "GET /orders?page=2 HTTP/1.1" 200 5 anna
}
