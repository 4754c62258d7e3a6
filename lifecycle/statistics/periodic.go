package statistics

import (
	"context"
	"log/slog"
	"time"
)

// periodic is what a run does now and then: it logs and it saves.
type periodic struct {
	*Statistics
	logged bool  // once at least
	ended  int64 // requests at the last message
}

func newPeriodic(s *Statistics) *periodic { return &periodic{Statistics: s} }

// loop runs until ctx ends.
func (p *periodic) loop(ctx context.Context) {
	log, stopLog := ticks(p.options.LogInterval)
	defer stopLog()
	save, stopSave := ticks(p.options.PersistInterval)
	defer stopSave()
	if p.options.Persistence != PersistenceOn {
		save = nil
	} else if p.options.LoadLater {
		p.loadNow(ctx)
	}
	for {
		select {
		case <-log:
			p.log()
		case <-save:
			p.save(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// ticks returns a channel that ticks, or nil for an interval that is none.
func ticks(interval time.Duration) (<-chan time.Time, func()) {
	if interval <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(interval)
	return t.C, t.Stop
}

// log logs the periodic message, unless it would say what it has said.
func (p *periodic) log() {
	if p.options.LogInterval < 0 {
		return
	}
	f := p.Calculate()
	if p.logged && f.RequestsTotal == p.ended && !p.options.LogUnchanged {
		return
	}
	p.logged, p.ended = true, f.RequestsTotal
	p.logFinal(p.options.LogMessage, f)
}

// firstLoad is how long a store may take to be read before the rest goes on without it.
const firstLoad = 10 * time.Second

// loadNow reports what goes wrong; the next save tries again.
func (p *periodic) loadNow(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, firstLoad)
	defer cancel()
	if err := p.load(limited); err != nil && ctx.Err() == nil {
		p.options.Logger.Warn("statistics of former runs are not loaded yet", "error", err)
	}
}

// save reports what goes wrong; the next tick tries again.
func (p *periodic) save(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, p.options.PersistInterval)
	defer cancel()
	if err := p.Persist(limited); err != nil && ctx.Err() == nil {
		p.options.Logger.Error("statistics are not saved", "error", err)
	}
}

// LogFinal logs the statistics as the periodic message does, under "Final request statistics:", and how many errors there
// were. It is for the end of a program, after Stop. Any goroutine may call it.
func (s *Statistics) LogFinal() {
	s.logFinal("Final request statistics:", s.Calculate())
	s.options.Logger.Info("Error analysis:", "total_errors", s.errors.Total(), "unique_errors", s.errors.Unique())
}

func (s *Statistics) logFinal(message string, f Final) {
	if s.options.Format == FormatTable {
		s.options.Logger.Info(message + "\n" + f.Table())
		return
	}
	var values []slog.Attr
	for _, v := range f.values() {
		values = append(values, slog.Any(v.name, seconds(v.of)))
	}
	s.options.Logger.LogAttrs(context.Background(), slog.LevelInfo, message, values...)
}
