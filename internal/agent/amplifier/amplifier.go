// Package amplifier holds the switch of the amplifier before the loudspeakers: off
// at boot, at exit, after a crash and whenever nothing authorised sounds (design §4).
// It receives from agent/playout whether there is to be power, drives a GPIO line or
// a command of the board's maker, and tells playout since when there is power, and
// agent/status when the switch fails. Off, called by whoever is left, is the last act
// after the death of a process.
package amplifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"loaxa/internal/radio"
)

// Fault is the code of the fault of a switch that does not obey.
const Fault = "amplifier"

// Faults opens and closes the trouble; both may be repeated.
type Faults interface {
	Raise(ctx context.Context, code, text string)
	Clear(ctx context.Context, code string)
}

// driver is one way to switch. set may be repeated; after an error the state of the
// amplifier is not known.
type driver interface {
	set(ctx context.Context, on bool) error
	close() error
}

// retries between two tries of a switch that fails; the last one is repeated.
var retries = []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second}

// Amplifier is the switch of one device. Want, Power and Changed are safe from any
// goroutine.
type Amplifier struct {
	cfg    Config
	driver driver
	mono   func() time.Duration
	faults Faults
	log    *slog.Logger
	wake   chan struct{} // holds one

	mu      sync.Mutex
	want    bool
	asked   bool // Want has changed since the last try
	state   radio.AmplifierState
	since   time.Duration // Mono when the switch had obeyed
	changed chan struct{}
}

// New only checks; mono is clock.Mono. There must be a switch: see Config.Present.
func New(cfg Config, mono func() time.Duration, faults Faults, log *slog.Logger) (*Amplifier, error) {
	d, err := newDriver(cfg, log)
	if err != nil {
		return nil, err
	}
	return withDriver(cfg, d, mono, faults, log), nil
}

func withDriver(cfg Config, d driver, mono func() time.Duration, faults Faults, log *slog.Logger) *Amplifier {
	return &Amplifier{cfg: cfg, driver: d, mono: mono, faults: faults, log: log,
		wake: make(chan struct{}, 1), state: radio.AmplifierSwitching, changed: make(chan struct{})}
}

// Want says whether there is to be power from now on. It does not wait.
func (a *Amplifier) Want(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.want == on {
		return
	}
	a.want, a.asked = on, true
	// From here on nobody may count on power that is about to go.
	if a.state != radio.AmplifierFailed {
		a.tell(radio.AmplifierSwitching)
	}
	select {
	case a.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Power says what is known of the amplifier, and since when on Mono.
func (a *Amplifier) Power() (state radio.AmplifierState, since time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state, a.since
}

// Changed is closed when what Power says changes next.
func (a *Amplifier) Changed() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

// WarmUp is the time from power to sound.
func (a *Amplifier) WarmUp() time.Duration { return a.cfg.WarmUp }

// Lead is how long before a sound power has to be wanted: warm-up and the longest
// time the switch may take.
func (a *Amplifier) Lead() time.Duration { return a.cfg.WarmUp + a.cfg.Timeout }

// Hold is how long after the last sample power is kept, for the next item of a session.
func (a *Amplifier) Hold() time.Duration { return a.cfg.Hold }

// Run switches off, then does what is wanted until ctx ends; then it switches off.
// A switch that fails is one fault until it obeys, and is tried again for ever.
func (a *Amplifier) Run(ctx context.Context) error {
	var known, is bool
	failures := 0
	for ctx.Err() == nil {
		want, asked := a.wanted()
		var again *time.Timer
		if !known || is != want || asked {
			err := a.try(ctx, want)
			known, is = err == nil, want
			if err != nil {
				again = time.NewTimer(retries[min(failures, len(retries)-1)])
				failures++
			} else {
				failures = 0
			}
		}
		a.pause(ctx, again)
	}
	var err error
	if !known || is {
		err = a.try(context.WithoutCancel(ctx), false)
	}
	if err = errors.Join(err, a.driver.close()); err != nil {
		// Whoever stops the agent runs `loaxa-agent amplifier off` after it.
		a.log.Error("amplifier may be left on", "error", err)
	}
	return nil
}

// pause waits for another wish, the time of another try, or the end.
func (a *Amplifier) pause(ctx context.Context, again *time.Timer) {
	var rang <-chan time.Time
	if again != nil {
		defer again.Stop()
		rang = again.C
	}
	select {
	case <-a.wake:
	case <-rang:
	case <-ctx.Done():
	}
}

func (a *Amplifier) wanted() (want, asked bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	want, asked = a.want, a.asked
	a.asked = false
	return want, asked
}

// tell replaces what Power says; the caller holds mu.
func (a *Amplifier) tell(state radio.AmplifierState) {
	if state == a.state {
		return
	}
	a.state, a.since = state, a.mono()
	close(a.changed)
	a.changed = make(chan struct{})
}

// try switches once and tells how that went.
func (a *Amplifier) try(ctx context.Context, on bool) error {
	// A stop of the agent must not break off what is being switched.
	err := a.driver.set(context.WithoutCancel(ctx), on)
	a.mu.Lock()
	switch {
	case err != nil:
		a.tell(radio.AmplifierFailed)
	case on != a.want:
		a.tell(radio.AmplifierSwitching) // the other way, at once
	case on:
		a.tell(radio.AmplifierOn)
	default:
		a.tell(radio.AmplifierOff)
	}
	a.mu.Unlock()
	if err != nil {
		a.faults.Raise(ctx, Fault, fmt.Sprintf("switch %s: %v", word(on), err))
		return err
	}
	a.log.Info("amplifier", "power", word(on))
	a.faults.Clear(ctx, Fault)
	return nil
}

func word(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
