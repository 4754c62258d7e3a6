package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// activePercent is how many of a crowd are active at a time.
	activePercent = 1
	// crowdAddresses is how many addresses a crowd comes from, 127.0.0.1 and following: one alone might have too few ports.
	crowdAddresses = 8
	// answerTimeout is what a request of a crowd may take: a server that does not answer must not hang the run.
	answerTimeout = 10 * time.Second
)

// crowd is many keep-alive connections to one server, in shares of equal size: each share has one connection active at a time.
// wrk cannot do that, it uses all its connections all the time.
type crowd struct{ shares [][]net.Conn }

// inCrowd measures a server most of whose connections are idle.
func inCrowd(ctx context.Context, o *options, server *process) (s sample, err error) {
	crowd, err := start(ctx, nil, roleCrowd, server.addr, strconv.Itoa(o.crowd))
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, crowd.stop()) }()
	return underLoad(ctx, o, server, func(d time.Duration) (l load, err error) {
		err = crowd.ask(askTurns+" "+d.String(), &l)
		return l, err
	})
}

// runCrowd is a process with many connections to a server. It has something to tell when each of them has been used once.
func runCrowd(ctx context.Context, args []string, questions io.Reader, answers io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("%q is not an address and a number of connections", args)
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	c, err := gather(ctx, args[0], n)
	defer c.close()
	if err != nil {
		return err
	}
	return answer(questions, answers, args[0], func(question string) (any, error) {
		d, ok := strings.CutPrefix(question, askTurns+" ")
		if !ok {
			return nil, fmt.Errorf("%q is no question", question)
		}
		duration, err := time.ParseDuration(d)
		if err != nil {
			return nil, err
		}
		return c.turns(duration)
	})
}

// gather opens n connections and uses each once. The crowd it returns has those that could be opened, error or not.
func gather(ctx context.Context, addr string, n int) (*crowd, error) {
	c := &crowd{shares: make([][]net.Conn, max(1, n*activePercent/100))}
	err := c.each(func(i int) error {
		for k := i; k < n; k += len(c.shares) {
			from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+k%crowdAddresses))}}
			conn, err := from.DialContext(ctx, "tcp", addr)
			if err != nil {
				return fmt.Errorf("open connection %d: %w", k, err)
			}
			c.shares[i] = append(c.shares[i], conn)
			if err := exchange(conn, make([]byte, kibibyte)); err != nil {
				return fmt.Errorf("use connection %d: %w", k, err)
			}
		}
		return nil
	})
	return c, err
}

// turns lets the connections of each share take turns for a while, in a closed loop.
func (c *crowd) turns(d time.Duration) (load, error) {
	latencies := make([][]time.Duration, len(c.shares))
	begin := time.Now()
	err := c.each(func(i int) error {
		buffer := make([]byte, kibibyte)
		for k := 0; time.Since(begin) < d; k++ {
			sent := time.Now()
			if err := exchange(c.shares[i][k%len(c.shares[i])], buffer); err != nil {
				return err
			}
			latencies[i] = append(latencies[i], time.Since(sent))
		}
		return nil
	})
	return newLoad(slices.Concat(latencies...), time.Since(begin)), err
}

// each does something to all shares at once and returns the first error.
func (c *crowd) each(do func(share int) error) error {
	errs := make([]error, len(c.shares))
	var done sync.WaitGroup
	for i := range c.shares {
		done.Go(func() { errs[i] = do(i) })
	}
	done.Wait()
	return cmp.Or(errs...)
}

// close resets the connections: those that are closed in good form would keep their ports for a minute.
func (c *crowd) close() {
	for _, conn := range slices.Concat(c.shares...) {
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

// newLoad sorts the latencies in place.
func newLoad(latencies []time.Duration, took time.Duration) load {
	if len(latencies) == 0 {
		return load{}
	}
	slices.Sort(latencies)
	percentile := func(p int) time.Duration { return latencies[(len(latencies)-1)*p/100] }
	return load{PerSecond: float64(len(latencies)) / took.Seconds(), P50: percentile(50), P99: percentile(99)}
}

var (
	crowdRequest = []byte("GET / HTTP/1.1\r\nHost: crowd\r\n\r\n")
	okStatus     = []byte("HTTP/1.1 200 ")
	lastWords    = []byte(greeting)
)

// exchange sends a request and reads the response, which is over when the greeting has been said.
func exchange(c net.Conn, buffer []byte) error {
	if err := c.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	if _, err := c.Write(crowdRequest); err != nil {
		return err
	}
	n := 0
	for !bytes.HasSuffix(buffer[:n], lastWords) {
		if n == len(buffer) {
			return fmt.Errorf("%q is not the response", buffer)
		}
		m, err := c.Read(buffer[n:])
		if err != nil {
			return fmt.Errorf("read the response: %w", err)
		}
		n += m
	}
	if !bytes.HasPrefix(buffer[:n], okStatus) {
		return fmt.Errorf("%q is not the response", buffer[:n])
	}
	return nil
}

// room says whether processes may open so many connections each. Wirespan fills nine tenths of what is allowed.
func room(connections int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if need := uint64(connections)*10/9 + 100; need > limit.Cur {
		return fmt.Errorf("%d connections need %d open files, and a process may have %d: raise ulimit -n, or lower -idle and -crowd",
			connections, need, limit.Cur)
	}
	return nil
}
