package playout

import (
	"context"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// maxSounded bounds the results a restart reads for the caps, and those kept: more than a
// programme can have on a day.
const maxSounded = 10000

// caps is what has sounded, for the policy's bounds of a day (radio.Tally). After a
// start it is what the journal proves; dates long past stay, so that a clock that is
// set back finds what it had.
type caps struct {
	list  []radio.Sounded
	tally *radio.Tally // of list; nil when it has to be counted anew
}

// recall takes over what the journal proves. What a restart cut off has no result in
// it yet: recover counts that itself.
func (c *caps) recall(ctx context.Context, j Journal) error {
	list, err := j.Sounded(ctx, maxSounded)
	c.list, c.tally = list, nil
	return err
}

// count takes a result.
func (c *caps) count(r radio.Confirmation) {
	h, counts := r.Sounded()
	if !counts {
		return
	}
	if c.list = append(c.list, h); len(c.list) > 2*maxSounded {
		c.list = append([]radio.Sounded(nil), c.list[maxSounded:]...)
	}
	c.tally = nil
}

// sum counts the list by the local days of the policy.
func (c *caps) sum(hours *timetable.Hours) *radio.Tally {
	if c.tally == nil {
		c.tally = &radio.Tally{}
		for _, h := range c.list {
			hours.Count(c.tally, h)
		}
	}
	return c.tally
}

// capped says whether a cap of the policy forbids to begin an airing of which so many
// samples would sound. What has begun counts as if it sounded to its end; but is the
// airing itself, when it is among that.
func (d *desk) capped(a radio.Airing, samples int64, but *live) bool {
	if d.hours == nil || !d.hours.Capped() {
		return false
	}
	t := d.caps.sum(d.hours)
	if len(d.live) > 0 {
		t = t.Clone()
	}
	for _, l := range d.live {
		if l == but || l.Start().After(a.Start()) {
			continue
		}
		n := l.Samples - l.skipped - l.late
		if l.stopping != "" {
			n = l.base + l.consumed
		}
		d.hours.Count(t, radio.Sounded{Start: radio.At(l.Start()), End: radio.At(l.End()), Samples: n})
	}
	return d.hours.CapVeto(t, a.Start(), samples) != radio.NoVeto
}

// left is how much of an airing would sound if it began now.
func (d *desk) left(a radio.Airing, now time.Time) int64 {
	late := now.Sub(d.due(a))
	if late <= slack || d.gone(a, now) {
		return a.Samples
	}
	return max(a.Samples-radio.DurationSamples(late+joinLead), 0)
}

// today is what has counted so far on this local day; nothing without caps.
func (d *desk) today() (sessions int, samples int64) {
	if d.hours == nil || !d.hours.Capped() {
		return 0, 0
	}
	return d.hours.Today(d.caps.sum(d.hours), d.lastWall)
}
