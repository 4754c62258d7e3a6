package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// watch finds out how much of the machine went to processes that have nothing to do with the measurement: figures
// taken beside a busy neighbour are worth less, and the page says so.
type watch struct {
	begin     time.Time
	busy, own time.Duration
}

func newWatch() watch {
	return watch{begin: time.Now(), busy: machineBusy(), own: ownTime()}
}

// elsewhere returns the share of all processors, from 0 to 1. Children count as soon as they have ended.
func (w watch) elsewhere() float64 {
	others := machineBusy() - w.busy - (ownTime() - w.own)
	all := time.Since(w.begin) * time.Duration(runtime.NumCPU())
	return max(0, float64(others)/float64(all))
}

// ticksPerSecond is the unit of /proc/stat, the same on every architecture that Go knows.
const ticksPerSecond = 100

// machineBusy returns the time that the processors have spent on processes since the machine was started; 0 where
// the system does not tell.
func machineBusy() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	return parseBusy(string(text))
}

func parseBusy(stat string) time.Duration {
	var user, nice, system int64
	line, _, _ := strings.Cut(stat, "\n")
	if _, err := fmt.Sscanf(line, "cpu %d %d %d", &user, &nice, &system); err != nil {
		return 0
	}
	return time.Duration(user+nice+system) * (time.Second / ticksPerSecond)
}

// ownTime is that of this process and of its children that have ended.
func ownTime() time.Duration {
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if err := syscall.Getrusage(who, &usage); err == nil {
			total += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		}
	}
	return total
}
