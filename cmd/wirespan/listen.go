package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wirespan/wirespan/lifecycle/instrument"
)

// startError puts what hinders the start into one sentence.
func startError(what string, err error) error {
	return fmt.Errorf("cannot %s: %w", what, plainError(err))
}

// createError is startError for a file that is made where there is none yet: what can be missing is its directory.
func createError(what, file string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("the directory " + filepath.Dir(file) + " does not exist")
	}
	return startError(what, err)
}

// plainError takes an error of the system down to its cause: the sentence around it names the rest.
func plainError(err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return errors.New("the address is already in use")
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("it does not exist")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("permission denied")
	case errors.As(err, &errno):
		return errno
	}
	return err
}

// listenAdmin binds the admin address.
func listenAdmin(address string) (net.Listener, error) {
	path, isUnix := strings.CutPrefix(address, unixScheme)
	if !isUnix {
		return net.Listen("tcp", address)
	}
	l, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && isStale(path) {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
		l, err = net.Listen("unix", path)
	}
	return l, err
}

// isStale reports whether path is a socket that a process left behind when it was killed: nobody listens on it.
func isStale(path string) bool {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// baseURL returns the URL under which a server on a can be reached from this machine.
// On a Unix socket it names the path in place of the host, as curl --unix-socket takes it.
func baseURL(scheme string, a net.Addr) string {
	if u, ok := a.(*net.UnixAddr); ok {
		return scheme + "+unix:" + u.Name
	}
	return scheme + "://" + reachable(a)
}

// reachable returns host and port of a: those of the loopback interface where a stands for every interface.
func reachable(a net.Addr) string {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return a.String()
	}
	switch {
	case t.IP.IsUnspecified() && t.IP.To4() != nil:
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(t.Port))
	case t.IP == nil, t.IP.IsUnspecified():
		return net.JoinHostPort("localhost", strconv.Itoa(t.Port))
	}
	return t.String()
}

// dialer returns a function that connects to the server on a, whatever host it is asked for.
func dialer(a net.Addr) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		network, address := "tcp", reachable(a)
		if _, ok := a.(*net.UnixAddr); ok {
			network = "unix"
		}
		var d net.Dialer
		return instrument.FromContext(ctx).Dial(ctx, network, address, d.DialContext)
	}
}

// hostOf returns the URL for requests over [dialer].
func hostOf(scheme string, a net.Addr) *url.URL {
	if _, ok := a.(*net.UnixAddr); ok {
		return &url.URL{Scheme: scheme, Host: "localhost"}
	}
	return &url.URL{Scheme: scheme, Host: reachable(a)}
}
