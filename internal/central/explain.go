package central

import (
	"context"
	"errors"

	"loaxa/internal/central/explain"
	"loaxa/internal/central/report"
	"loaxa/internal/radio"
)

// explainer reads the links of the chain from the rooms that hold them.
func (c *Central) explainer(plans *laid, fleet explain.Fleet, coming explain.Coming) *explain.Explainer {
	return explain.New(explain.Rooms{
		Plans: plans, Log: c.store, Devices: c.store, Fleet: fleet, Coming: coming, Trail: report.NewTrail(c.store),
		More: explain.Tellers(c.store),
	}, c.now)
}

// Explain tells why a device sounded, sounds or will sound at an instant, or not, without
// a running server.
func (c *Central) Explain(ctx context.Context, d radio.DeviceID, at radio.Millis) (radio.Explanation, error) {
	ring, err := c.commandKeyring(ctx)
	// Before there is a keyring no signature holds, and the preview says so.
	if err != nil && !errors.Is(err, radio.ErrNotFound) {
		return radio.Explanation{}, err
	}
	plans, fleet, coming := c.coming(ring)
	return c.explainer(plans, fleet, coming).Explain(ctx, d, at)
}
