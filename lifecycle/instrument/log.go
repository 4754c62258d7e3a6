package instrument

import (
	"context"
	"log/slog"
)

// Log returns hooks that log the lines of [Print] at the level Debug, with the number and the worker of the connection as
// attributes. Nil is slog.Default. While Debug is off, no line is made.
func Log(l *slog.Logger, o PrintOptions) *Hooks {
	if l == nil {
		l = slog.Default()
	}
	ctx := context.Background()
	return (&writer{
		say: func(c Conn, line string) {
			if c.ID == 0 {
				l.LogAttrs(ctx, slog.LevelDebug, line)
				return
			}
			l.LogAttrs(ctx, slog.LevelDebug, line, slog.Uint64("connection_id", c.ID), slog.Int("worker_id", c.Worker))
		},
		on:      func() bool { return l.Enabled(ctx, slog.LevelDebug) },
		payload: o.Payload,
	}).hooks()
}
