package dispatch

import (
	"context"
	"errors"
	"maps"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

const (
	// A welcome the broker does not take is said again this often: a device that has just
	// come back may have its hands full with what lay there for it, for a moment. Its next
	// hello is a minute away, and without a welcome it may not trust its clock.
	welcomeEvery = time.Second
	// welcomeTries is for how many rounds; then the device says hello again.
	welcomeTries = 10
)

// greeting is a hello that has no welcome yet.
type greeting struct {
	hello wire.HelloPayload
	tries int // left
}

// unanswered notes whether the newest hello of a device waits for its welcome.
func (d *Dispatcher) unanswered(device radio.DeviceID, h wire.HelloPayload, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.greetings, device)
	if errors.Is(err, radio.ErrUnavailable) {
		d.greetings[device] = &greeting{hello: h, tries: welcomeTries}
	}
}

// greet says welcomes again until ctx ends. It is beside Run's work, which may take longer
// than a device waits.
func (d *Dispatcher) greet(ctx context.Context) {
	tick := time.NewTicker(welcomeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			d.greetAll(ctx)
		}
	}
}

// greetAll is one round. It gives up when many devices on end fail: then the broker is away.
func (d *Dispatcher) greetAll(ctx context.Context) {
	d.mu.Lock()
	due := maps.Clone(d.greetings)
	for device, g := range due {
		if g.tries--; g.tries <= 0 {
			delete(d.greetings, device)
		}
	}
	d.mu.Unlock()
	failed := 0
	for device, g := range due {
		current, err := d.welcome(ctx, device, g.hello)
		if err != nil {
			if failed++; failed == giveUpAfter || ctx.Err() != nil {
				return
			}
			continue
		}
		failed = 0
		d.mu.Lock()
		if d.greetings[device] == g { // and no newer hello
			delete(d.greetings, device)
		}
		d.mu.Unlock()
		d.log.Info("welcome said again", "device", device)
		d.catchUp(ctx, device, current, g.hello.Revisions)
	}
}
