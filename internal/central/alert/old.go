package alert

import (
	"context"
	"time"

	"loaxa/internal/radio"
)

const (
	// kept is how long alerts can be read when they are over: 24 months, as long as the log
	// stays live and orders are kept. The audit keeps who signed what for ever, and the
	// log what sounded.
	kept = 731 * 24 * time.Hour
	// forgetEvery is how often older ones are looked for.
	forgetEvery = time.Hour
)

// Forget drops old alerts until ctx ends. It is no part of Run, so that an alert of today
// waits for none of them.
func (d *Desk) Forget(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		more, err := d.rooms.Papers.ForgetAlert(ctx, radio.At(d.now().Add(-kept)))
		wait := forgetEvery
		switch {
		case err != nil && ctx.Err() == nil:
			d.log.Error("old alerts are not forgotten", "error", err)
		case more:
			wait = retry
		}
		timer.Reset(wait)
	}
}
