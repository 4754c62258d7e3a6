//go:build !linux && !darwin && !freebsd && !dragonfly

package spool

import (
	"fmt"
	"runtime"
)

func systemFiles() (fileSystem, error) {
	return nil, fmt.Errorf("there is no spool on %s, whose file locks and permissions it does not know", runtime.GOOS)
}
