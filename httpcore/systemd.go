package httpcore

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// SystemdListener is a listening socket that systemd, or whoever else keeps to its protocol, has opened for this process.
type SystemdListener struct {
	// Name is what FileDescriptorName= in the socket unit says: by default the unit's name, such as "web.socket".
	Name string
	// Listener is for Serve or ServeTLS. It is the caller's to close.
	Listener net.Listener
}

// firstSystemdDescriptor is SD_LISTEN_FDS_START.
const firstSystemdDescriptor = 3

// SystemdListeners returns the sockets that were handed to this process by socket activation, in the order of the units:
// none when it was started otherwise. It follows sd_listen_fds_with_names(3), and takes the variables LISTEN_PID, LISTEN_FDS
// and LISTEN_FDNAMES out of the environment, so that no child takes the sockets for its own; a second call returns none.
// Call it at the start, while no other goroutine changes the environment. The error names the variable, or the descriptor,
// that makes no sense; all descriptors are closed then.
//
// Whoever has opened the sockets keeps them, so their queue outlasts the process: a server that drains, and another one that
// is started in its place with the same sockets, refuse no client between them.
func SystemdListeners() ([]SystemdListener, error) {
	names, err := systemdNames(os.Getenv, os.Getpid())
	for _, name := range []string{"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name) // fails for names that make no sense
	}
	if err != nil {
		return nil, fmt.Errorf("httpcore: %w", err)
	}
	var list []SystemdListener
	var errs []error
	for i, name := range names {
		l, err := inherit(firstSystemdDescriptor+i, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, SystemdListener{Name: name, Listener: l})
	}
	if len(errs) == 0 {
		return list, nil
	}
	for _, l := range list {
		_ = l.Listener.Close()
	}
	return nil, fmt.Errorf("httpcore: %w", errors.Join(errs...))
}

// systemdNames returns the name of each descriptor that was handed over to the process pid.
func systemdNames(env func(string) string, pid int) ([]string, error) {
	to, fds := env("LISTEN_PID"), env("LISTEN_FDS")
	if to == "" || fds == "" {
		return nil, nil
	}
	wanted, err := strconv.Atoi(to)
	if err != nil || wanted <= 0 {
		return nil, fmt.Errorf("LISTEN_PID is %q, want the number of a process", to)
	}
	if wanted != pid {
		return nil, nil // they are another process's
	}
	n, err := strconv.Atoi(fds)
	if err != nil || n < 0 || n > maxSystemdDescriptors {
		return nil, fmt.Errorf("LISTEN_FDS is %q, want a number of descriptors", fds)
	}
	given := env("LISTEN_FDNAMES")
	if given == "" {
		given = strings.TrimSuffix(strings.Repeat("unknown:", n), ":")
	}
	names := strings.Split(given, ":")
	if n == 0 {
		return nil, nil
	}
	if len(names) != n {
		return nil, fmt.Errorf("LISTEN_FDNAMES is %q, which are %d names for %d descriptors", given, len(names), n)
	}
	return names, nil
}

// maxSystemdDescriptors is far above what anybody hands over.
const maxSystemdDescriptors = 1 << 12

// inherit returns a listener for the socket fd, which it closes: the listener has a descriptor of its own, which children do
// not inherit.
func inherit(fd int, name string) (net.Listener, error) {
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d (%s) is not a listening socket: %w", fd, name, err)
	}
	return l, nil
}
