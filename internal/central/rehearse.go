package central

import (
	"context"

	"loaxa/internal/central/fault"
	"loaxa/internal/central/library"
	"loaxa/internal/central/preview"
	"loaxa/internal/central/programme"
	"loaxa/internal/radio"
)

// Rehearsal rehearses the coming days for commands; beside a running centre, too: it only
// reads.
func (c *Central) Rehearsal(ctx context.Context) (*preview.Preview, error) {
	ring, err := c.commandKeyring(ctx)
	if err != nil {
		return nil, err
	}
	_, _, coming := c.coming(ring)
	return coming, nil
}

// coming tells commands of the coming days, and what it reads: the plan and the fleet.
func (c *Central) coming(ring library.Keyring) (*laid, *fault.Fleet, *preview.Preview) {
	plans, fleet := newLaid(c.store, c.now, ring), fault.NewFleet(c.store, c.now, c.log.With("component", "fault"))
	approvals := library.NewApprovals(ring, nil, c.now) // nobody signs here
	return plans, fleet, preview.New(plans, fleet, programme.Resolver{Tuning: c.tuning(), Stands: approvals.Stands}, c.now)
}

// RehearsalOf finds a place by its code: an area (any kind), or a device; both empty is
// the whole province.
func (c *Central) RehearsalOf(ctx context.Context, area, device string) (radio.Target, error) {
	switch {
	case area != "" && device != "":
		var e radio.Invalid
		e.Add("device", "chỉ chọn một địa bàn hoặc một cụm loa", "name an area or a device, not both")
		return radio.Target{}, e.Err()
	case area != "":
		a, err := c.AreaByCode(ctx, area)
		return radio.Target{Area: a.ID}, err
	case device != "":
		d, err := c.DeviceByCode(ctx, device)
		return radio.Target{Device: d.ID}, err
	}
	return radio.Target{}, nil
}
