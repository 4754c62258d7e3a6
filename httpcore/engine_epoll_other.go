//go:build !linux

package httpcore

import "net"

type epollEngine struct{}

func canPoll(net.Listener) bool { return false }

// useEpoll is not called where nothing can be polled.
func (s *server) useEpoll() (engine, error) { return nil, errNoEpoll }

func (s *server) retireRunners() {}
