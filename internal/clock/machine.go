package clock

import (
	"context"
	"errors"
	"time"
)

// instant is the machine's wall clock and Mono, read together.
type instant struct {
	wall time.Time
	mono time.Duration
}

// delta is the wall clock minus Mono. Slewing moves both alike on Linux, so the
// delta changes only when the wall clock is set, a leap second is inserted or the
// machine slept.
func (i instant) delta() time.Duration { return time.Duration(i.wall.UnixNano()) - i.mono }

// sync is the kernel's word about its own clock.
type sync struct {
	synced bool
	bound  time.Duration // largest possible error, grown by the kernel itself
}

// machine is the hardware below System; tests put their own in its place.
type machine struct {
	read   func() instant
	kernel func() sync
	// arm starts a timer on the machine's wall clock.
	arm func(until time.Time) timer
	// rtc reads a hardware clock, to the second; ErrNotFound when there is none.
	rtc func(name string) (time.Time, error)
}

// timer is one armed wait. wait ends at the instant, when the wall clock is set,
// when changed is closed or when ctx ends; it may be called once.
type timer interface {
	wait(ctx context.Context, changed <-chan struct{}) (Woke, error)
	close() error
}

// errNoTimer: this machine cannot tell when its clock is set; tick instead.
var errNoTimer = errors.New("no timer that notices a clock step")

func realMachine() machine {
	return machine{read: readInstant, kernel: kernelSync, arm: armTimer, rtc: readRTC}
}

func armTimer(until time.Time) timer {
	if t, err := armStepTimer(until); err == nil {
		return t
	}
	// A kernel or sandbox without timerfd: coarser, but still right.
	return tickTimer{until: until, read: readInstant, tick: maxTick}
}

// readInstant reads Mono on both sides of the wall clock and tries again when the
// process lost the processor in between, so that the pair is good to a millisecond
// even on a loaded board.
func readInstant() instant {
	var best instant
	narrowest := time.Duration(1<<63 - 1)
	for range 4 {
		before := Mono()
		wall := time.Now().Round(0).UTC()
		after := Mono()
		if width := after - before; width < narrowest {
			narrowest, best = width, instant{wall: wall, mono: before + width/2}
		}
		if narrowest < 100*time.Microsecond {
			break
		}
	}
	return best
}

// maxTick bounds how long a ticking wait can overlook a clock step.
const maxTick = time.Second

// tickTimer waits in ticks and compares the clocks after each.
type tickTimer struct {
	until time.Time
	read  func() instant
	tick  time.Duration
}

func (t tickTimer) close() error { return nil }

func (t tickTimer) wait(ctx context.Context, changed <-chan struct{}) (Woke, error) {
	start := t.read()
	now := start
	for {
		left := t.until.Sub(now.wall)
		if left <= 0 {
			return Due, nil
		}
		tick := time.NewTimer(min(left, t.tick))
		select {
		case <-ctx.Done():
			tick.Stop()
			return 0, ctx.Err()
		case <-changed:
			tick.Stop()
			return Stepped, nil
		case <-tick.C:
		}
		now = t.read()
		if (now.delta() - start.delta()).Abs() > stepTolerance {
			return Stepped, nil
		}
	}
}
