package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
)

// idle measures the memory of connections that have been used once. The server is warm before, so that neither its code nor
// its pools are taken for theirs. What the kernel holds for their sockets is in no process, and the same for all.
func idle(ctx context.Context, o *options, server *process) (s sample, err error) {
	if o.warmUp > 0 {
		if _, err := (wrk{}).run(ctx, o, server.addr, o.warmUp); err != nil {
			return s, err
		}
	}
	var before, after uint64
	if err := server.ask(askMemory, &before); err != nil {
		return s, err
	}
	crowd, err := start(ctx, nil, roleCrowd, server.addr, strconv.Itoa(o.idle))
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, crowd.stop()) }()
	// A server may take its time to let buffers go.
	if err := pause(ctx, o.warmUp+100*time.Millisecond); err != nil {
		return s, err
	}
	if err := server.ask(askMemory, &after); err != nil {
		return s, err
	}
	s.memory = (float64(after) - float64(before)) / float64(o.idle)
	return s, nil
}

// ownMemory returns what of this process is resident once all garbage is gone. The first collection empties pools into their
// second half, and the next one that.
func ownMemory() (uint64, error) {
	runtime.GC()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return 0, fmt.Errorf("read the resident memory: %w", err)
	}
	return parseMemory(text, "Rss")
}

// parseMemory reads a line of those of /proc, in bytes. smaps_rollup has the sum over all mappings, which is exact where the
// counters of statm lag behind.
func parseMemory(text []byte, name string) (uint64, error) {
	for line := range bytes.Lines(text) {
		var kilobytes uint64
		if _, err := fmt.Sscanf(string(line), name+": %d kB", &kilobytes); err == nil {
			return kilobytes * kibibyte, nil
		}
	}
	return 0, errors.New("read the resident memory: the kernel does not tell it")
}
