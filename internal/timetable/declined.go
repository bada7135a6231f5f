package timetable

import (
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// Declined gives the airings in [from, to) that a commune keeps off the device of p, each
// with its reason, in the order of their starts. What another word of the commune brings to
// the very instant of a slot sounds there: it is the same airing and not declined.
func Declined(p radio.Programme, from, to time.Time) ([]Placed, error) {
	if p.Declined == nil {
		return nil, nil
	}
	kept := *p.Declined
	kept.NotAfter = p.NotAfter
	table, err := New(&kept)
	if err != nil {
		return nil, fmt.Errorf("what the commune declines: %w", err)
	}
	all, err := table.Placed(from, to)
	if err != nil {
		return nil, err
	}
	type instant struct {
		schedule radio.ScheduleID
		slot     radio.SlotID
		at       radio.Millis
	}
	brought := map[instant]bool{}
	for _, s := range p.Slots {
		for _, at := range s.At {
			brought[instant{s.Schedule, s.Slot, at}] = true
		}
	}
	all = slices.DeleteFunc(all, func(a Placed) bool { return brought[instant{a.Schedule, a.Slot, a.SlotAt}] })
	if !slices.ContainsFunc(all, moved) {
		return all, nil
	}
	// Moved to the very time it had.
	sounding, err := New(&radio.Programme{Device: p.Device, Zone: p.Zone, NotAfter: p.NotAfter, Audio: p.Audio, Slots: p.Slots})
	if err != nil {
		return nil, fmt.Errorf("what the commune does not decline: %w", err)
	}
	return slices.DeleteFunc(all, func(a Placed) bool { return moved(a) && sounding.has(a) }), nil
}

func moved(a Placed) bool { return a.Excluded == radio.ReasonMoved }

// has says whether the rule of the airing's slot comes at its instant.
func (t *Timetable) has(a Placed) bool {
	return slices.ContainsFunc(t.slots, func(s slot) bool {
		return s.Schedule == a.Schedule && s.Slot == a.Slot && t.ruled(&s, a.SlotAt.Time())
	})
}
