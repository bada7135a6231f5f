package dispatch

import (
	"context"
	"fmt"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// KeyringChanged puts a new keyring into the broker for every device. What the broker
// does not take now Run sends later, with the device's documents. Programmes are made
// again: approvals may hold by it that did not, and the other way round.
func (d *Dispatcher) KeyringChanged(ctx context.Context) error {
	defer d.Changed()
	places, err := d.rooms.Plans.Places(ctx)
	if err != nil {
		return fmt.Errorf("publish the keyring: %w", err)
	}
	_, content := d.rooms.Keys.Keyring()
	failed := 0
	for _, p := range places {
		if p.Device.Enrolled == 0 {
			continue
		}
		if failed == giveUpAfter { // the broker itself is away
			d.mu.Lock()
			d.due.unsent[p.Device.ID] = true
			d.mu.Unlock()
			continue
		}
		if err := d.sendKeys(ctx, p.Device.ID); err != nil {
			failed++
			d.later(p.Device.ID, err)
			continue
		}
		failed = 0
	}
	d.log.Info("keyring published", "version", content.Version, "devices", len(places))
	return nil
}

// sendKeys publishes the keyring of a device, behind the steps to the root that signed it.
func (d *Dispatcher) sendKeys(ctx context.Context, id radio.DeviceID) error {
	if roots := d.rooms.Keys.Roots(); roots != nil {
		if err := d.rooms.Publisher.Publish(ctx, wire.DownTopic(id, wire.Roots), roots, wire.Roots.Retained()); err != nil {
			return err
		}
	}
	keyring, _ := d.rooms.Keys.Keyring()
	return d.rooms.Publisher.Publish(ctx, wire.DownTopic(id, wire.Keys), keyring, wire.Keys.Retained())
}

// compareKeyring tells, once for each version, that a device holds a newer keyring than
// this centre: the centre came back from a backup, and devices turn its keyring away until
// the root signs another.
func (d *Dispatcher) compareKeyring(device radio.DeviceID, held, own int64) {
	d.mu.Lock()
	news := held > own && held > d.ahead
	d.ahead = max(d.ahead, held)
	d.mu.Unlock()
	if news {
		d.log.Warn("a device holds a newer keyring than this centre and will not take ours: what was revoked in it is not known here; sign again with `loaxa key sign`",
			"device", device, "held", held, "own", own)
	}
}
