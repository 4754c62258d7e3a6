package main

import (
	"errors"
	"fmt"

	"github.com/wirespan/wirespan/httpcore"
)

// listenSystemd takes over the sockets with this name that systemd has opened; all of them when it is "". The others are
// closed: nobody would serve them.
func listenSystemd(name string) (listeners, error) {
	given, err := httpcore.SystemdListeners()
	if err != nil {
		return listeners{}, err
	}
	var l listeners
	var others []string
	for _, g := range given {
		if name == "" || name == g.Name {
			l.site = append(l.site, g.Listener)
			continue
		}
		g.Listener.Close()
		others = append(others, g.Name)
	}
	switch {
	case len(l.site) > 0:
		return l, nil
	case len(others) > 0:
		return l, fmt.Errorf("systemd has handed over no socket of that name, but %q", others)
	}
	return l, errors.New("systemd has handed over no socket: start it by a socket unit")
}
