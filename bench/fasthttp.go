package main

import (
	"context"
	"net"

	"github.com/valyala/fasthttp"
)

func startFastHTTP(context.Context) (*server, error) {
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		return nil, err
	}
	go fasthttp.Serve(l, func(ctx *fasthttp.RequestCtx) { //nolint:errcheck // it serves until the process ends
		served.Add(1)
		ctx.SetContentType(plainText)
		ctx.SetBodyString(greeting)
	})
	return &server{addr: l.Addr().String()}, nil
}
