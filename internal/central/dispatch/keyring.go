package dispatch

import (
	"context"
	"fmt"

	"loaxa/internal/wire"
)

// KeyringChanged puts a new keyring into the broker for every device. What the broker
// does not take now Run sends later, with the device's documents.
func (d *Dispatcher) KeyringChanged(ctx context.Context) error {
	places, err := d.rooms.Plans.Places(ctx)
	if err != nil {
		return fmt.Errorf("publish the keyring: %w", err)
	}
	keyring, content := d.rooms.Keys.Keyring()
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
		if err := d.rooms.Publisher.Publish(ctx, wire.DownTopic(p.Device.ID, wire.Keys), keyring, wire.Keys.Retained()); err != nil {
			failed++
			d.later(p.Device.ID, err)
			continue
		}
		failed = 0
	}
	d.log.Info("keyring published", "version", content.Version, "devices", len(places))
	return nil
}
