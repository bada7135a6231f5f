package dispatch

import (
	"context"
	"fmt"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// Dismiss says the last word to a device whose identity was taken: a programme with
// nothing in it. A device that hears it is silent at once; one that is away goes on until
// the programme it holds ends, 35 days after its issue at the latest. Whether it hears or
// not, no airing of it is planned any more. The same again issues nothing.
func (d *Dispatcher) Dismiss(ctx context.Context, place radio.Place) error {
	d.issuing.Lock()
	defer d.issuing.Unlock()
	id := place.Device.ID
	d.mu.Lock()
	delete(d.due.unsent, id)
	delete(d.due.wanted, id)
	delete(d.greetings, id)
	d.mu.Unlock()
	fail := func(err error) error { return fmt.Errorf("dismiss device %s: %w", place.Device.Code, err) }
	current, err := d.current(ctx, id)
	if err != nil {
		return fail(err)
	}
	last, held := current[string(wire.Programme)]
	if !held {
		return nil
	}
	now := d.now()
	nothing, err := d.programme(place, laid{}, now)
	if err != nil {
		return fail(err)
	}
	if last.Digest != nothing.digest {
		i, doc, err := d.issue(ctx, id, nothing, last.Revision, now)
		if err != nil {
			return fail(err)
		}
		if p, ok := doc.(radio.Programme); ok {
			d.freeze(ctx, published{place, p, i.IssuedAt})
		}
		last = i
	}
	if err := d.publish(ctx, last); err != nil {
		return fail(err)
	}
	return nil
}

// Clear empties the retained topics of a device that is out of use: an external broker
// would keep them for ever.
func (d *Dispatcher) Clear(ctx context.Context, id radio.DeviceID) error {
	for _, topic := range wire.RetainedTopics(id) {
		if err := d.rooms.Publisher.Publish(ctx, topic, nil, true); err != nil {
			return fmt.Errorf("clear %s: %w", topic, err)
		}
	}
	return nil
}
