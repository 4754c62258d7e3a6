package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// statsdVariable names the StatsD server in the environment of a server.
const statsdVariable = "BENCH_STATSD"

// told is what a StatsD server has read.
type told struct {
	Datagrams uint64 `json:"datagrams"`
	Requests  uint64 `json:"requests"` // that are counted in them
}

// requestCounted is in every line that counts a request.
var requestCounted = []byte("hypercorn.requests:1|c")

// runStatsd is a process that takes metrics as a StatsD server does, and only counts them.
func runStatsd(_ context.Context, args []string, questions io.Reader, answers io.Writer) (err error) {
	if len(args) > 0 {
		return fmt.Errorf("%q is too much: it takes no arguments", args)
	}
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	if err := socket.SetReadBuffer(mebibyte); err != nil { // or as much of it as is allowed
		return errors.Join(err, socket.Close())
	}
	var datagrams, requests atomic.Uint64
	var reading sync.WaitGroup
	reading.Go(func() {
		buffer := make([]byte, 64*kibibyte)
		for {
			n, err := socket.Read(buffer)
			if err != nil {
				return // it was closed
			}
			requests.Add(uint64(bytes.Count(buffer[:n], requestCounted)))
			datagrams.Add(1)
		}
	})
	defer func() {
		err = errors.Join(err, socket.Close())
		reading.Wait()
	}()
	return answer(questions, answers, socket.LocalAddr().String(), func(question string) (any, error) {
		if question != askAccount {
			return nil, fmt.Errorf("%q is no question", question)
		}
		return told{datagrams.Load(), requests.Load()}, nil
	})
}
