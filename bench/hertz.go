package main

import (
	"context"
	"net"
	"net/http"

	"github.com/cloudwego/hertz/pkg/app"
	hertz "github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/hlog"
)

// startHertz leaves out what hertz logs of its start and of connections that end.
func startHertz(context.Context, http.Handler, string) (*server, error) {
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		return nil, err
	}
	hlog.SetLevel(hlog.LevelFatal)
	h := hertz.New(hertz.WithListener(l), hertz.WithDisablePrintRoute(true))
	h.GET("/", func(_ context.Context, c *app.RequestContext) {
		served.Add(1)
		c.SetContentType(plainText)
		c.SetBodyString(greeting)
	})
	go h.Run() //nolint:errcheck // it serves until the process ends
	return &server{addr: l.Addr().String()}, nil
}
