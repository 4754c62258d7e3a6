package process

import (
	"errors"
	"fmt"
	"net"
)

// FreePorts returns n ports of 127.0.0.1 that nobody listens on, for programs that cannot choose one themselves. Another
// program may take one before the caller does: whoever uses them tries again with others then.
func FreePorts(n int) ([]int, error) {
	var ports []int
	var open []net.Listener
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", errors.Join(err, closeAll(open)))
		}
		open = append(open, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, closeAll(open)
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
