//go:build !linux

package spool

import "runtime"

// Rest leaves the processor to others for a moment.
func Rest() { runtime.Gosched() }
