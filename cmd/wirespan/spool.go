package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/wirespan/wirespan/otelcollector"
)

// spoolOptions are the flags that say what becomes of spans that cannot be sent now.
type spoolOptions struct {
	dir      string
	maxBytes int64
	mode     string
	dead     int64
}

// spoolFlags mean nothing without --spool.
var spoolFlags = []string{"spool-max-bytes", "spool-dead-bytes", "spool-mode"}

func (o *spoolOptions) register(fs *pflag.FlagSet) {
	setting(fs, &o.dir, "spool", "", "directory", "keep spans there that cannot be sent now, over restarts too", parseText)
	setting(fs, &o.maxBytes, "spool-max-bytes", "1GiB", "size", "how much the spool may hold; the oldest spans give way", parseSize)
	setting(fs, &o.dead, "spool-dead-bytes", "", "size", "how much to keep, in dead/ of the spool, of what the receiver refuses for good; not given: nothing", parseSize)
	setting(fs, &o.mode, "spool-mode", string(otelcollector.SpoolOverflow), "mode",
		"overflow: what cannot be sent; journal: each batch before it is sent; mapped: overflow, and a kill loses no finished span",
		oneOf(string(otelcollector.SpoolOverflow), string(otelcollector.SpoolJournal), string(otelcollector.SpoolMapped)))
}

// minSpool is two segments of the least size.
const minSpool = 1 << 20

// parseSize takes a number of bytes with a binary unit.
func parseSize(s string) (int64, error) {
	number, unit := s, int64(1)
	for _, u := range []struct {
		name string
		size int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}} {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			number, unit = rest, u.size
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n > (1<<50)/unit || n*unit < minSpool {
		return 0, errors.New("use a size of at least 1MiB, such as 512MiB or 4GiB")
	}
	return n * unit, nil
}
