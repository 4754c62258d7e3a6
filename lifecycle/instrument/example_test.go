package instrument_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/wirespan/wirespan/httpcore"
	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// What httptrace.ClientTrace tells a client, the hooks tell a server.
func Example() {
	server := &httpcore.Server{
		Addr:    "127.0.0.1:0",
		Handler: http.NotFoundHandler(),
		Hooks: &instrument.Hooks{
			TaskCompleted: func(i instrument.TaskEvent) { fmt.Println("handled", i.Method, i.Target) },
			SendReady:     func(i instrument.IOReady) { fmt.Println("sent; the client had to be waited for:", !i.Immediate) },
			Close:         func(i instrument.CloseInfo) { fmt.Println("closed:", i.Reason) },
		},
	}
	l, err := server.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + l.Addr().String() + "/hello")
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	if err := server.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	<-served
	// Output:
	// handled GET /hello
	// sent; the client had to be waited for: false
	// closed: complete
}

// The inner hooks come before the outer ones.
func ExampleWith() {
	say := func(s string) *instrument.Hooks {
		return &instrument.Hooks{QueuePut: func(i instrument.QueueEvent) { fmt.Println(s, i.Item) }}
	}
	ctx := instrument.With(context.Background(), say("outer"))
	ctx = instrument.With(ctx, say("inner"))
	instrument.FromContext(ctx).QueuePut(instrument.QueueEvent{Item: 42})
	// Output:
	// inner 42
	// outer 42
}
