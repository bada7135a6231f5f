package playout

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"loaxa/internal/clock"
)

// alarm is the one timer of playout: it waits on the wall clock and also rings
// when that clock is set or changes its trust. Ringing without need is harmless.
type alarm struct {
	clock clock.Clock
	log   *slog.Logger
	rang  chan struct{} // holds one

	until  time.Time // zero: not armed
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func newAlarm(c clock.Clock, log *slog.Logger) *alarm {
	return &alarm{clock: c, log: log, rang: make(chan struct{}, 1)}
}

// set arms the alarm, unless it is armed for this instant already.
func (a *alarm) set(ctx context.Context, until time.Time) {
	if a.cancel != nil && until.Equal(a.until) {
		return
	}
	a.clear()
	ctx, a.cancel = context.WithCancel(ctx)
	a.until = until
	a.wg.Go(func() { a.wait(ctx, until) })
}

func (a *alarm) wait(ctx context.Context, until time.Time) {
	if _, err := a.clock.Wait(ctx, until); err != nil {
		if errors.Is(err, context.Canceled) || ctx.Err() != nil {
			return
		}
		// A timer that cannot be had must not silence the device: look again soon.
		a.log.Warn("clock timer failed, looking again in a second", "error", err)
		t := time.NewTimer(time.Second)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
	select {
	case a.rang <- struct{}{}:
	default: // it rings already
	}
}

// clear disarms, or notes that it has rung.
func (a *alarm) clear() {
	if a.cancel != nil {
		a.cancel()
		a.cancel = nil
	}
}

func (a *alarm) stop() {
	a.clear()
	a.wg.Wait()
}
