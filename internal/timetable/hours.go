package timetable

import (
	"time"

	"loaxa/internal/radio"
)

// Hours is a policy with its zone at hand: it answers for instants.
type Hours struct {
	policy radio.Policy
	zone   Zone
}

// NewHours checks the policy and loads its zone.
func NewHours(p radio.Policy) (Hours, error) {
	if err := p.Check(); err != nil {
		return Hours{}, err
	}
	zone, err := LoadZone(p.Zone)
	return Hours{policy: p, zone: zone}, err
}

// Permits says whether sound is permitted from start to end without a break, and
// up to which instant (at most about 48 hours on) it is permitted from start;
// until is start itself when not even that is. The windows hold by the local
// clock's digits, also on days on which the clock is changed.
func (h Hours) Permits(start, end time.Time) (ok bool, until time.Time) {
	until = start
	for until.Before(start.Add(48 * time.Hour)) {
		civil := h.zone.civil(until)
		stop, in := h.policy.Until(civil)
		if !in {
			break
		}
		// The digits run evenly only up to the next change of the zone's offset.
		last := until.Add(stop.Sub(civil))
		_, change := h.zone.In(until).ZoneBounds()
		if change.IsZero() || last.Before(change) {
			until = last
			break
		}
		until = change.UTC()
	}
	return until.After(start) && !end.After(until), until
}

// GainDB is the volume rule at t, 0 or below.
func (h Hours) GainDB(t time.Time) float64 { return h.policy.GainDB(h.zone.civil(t)) }

// Capped says whether the policy bounds what a day may have; a tally is of no use
// otherwise.
func (h Hours) Capped() bool { return h.policy.Capped() }

// Veto names the part of the policy that does not permit sound from start to end;
// NoVeto when all of it is permitted. It knows nothing of caps.
func (h Hours) Veto(start, end time.Time) radio.Veto {
	ok, until := h.Permits(start, end)
	if ok {
		return radio.NoVeto
	}
	return h.policy.HoursVeto(h.zone.civil(start), h.zone.civil(until))
}

// CapVeto names the cap that refuses so many samples of an airing planned from start,
// after what is counted.
func (h Hours) CapVeto(t *radio.Tally, start time.Time, samples int64) radio.Veto {
	return t.Veto(h.policy, h.zone.Date(start), radio.At(start), samples)
}

// Count adds what sounded, or will, to a tally.
func (h Hours) Count(t *radio.Tally, sounded radio.Sounded) {
	t.Add(h.zone.Date(sounded.Start.Time()), sounded)
}

// Today gives what is counted for the local day of t.
func (h Hours) Today(tally *radio.Tally, t time.Time) (sessions int, samples int64) {
	return tally.Of(h.zone.Date(t))
}

// Midnight gives the first instant of the local day so many days before that of t.
func (h Hours) Midnight(t time.Time, days int) time.Time {
	c := h.zone.civil(t)
	return h.zone.firstFrom(time.Date(c.Year(), c.Month(), c.Day()-days, 0, 0, 0, 0, time.UTC))
}

// GainEdge gives the first instant after t at which GainDB may become another, at most a
// day on.
func (h Hours) GainEdge(t time.Time) time.Time {
	civil := h.zone.civil(t)
	edge := t.Add(h.policy.GainEdge(civil).Sub(civil))
	if _, change := h.zone.In(t).ZoneBounds(); !change.IsZero() && change.After(t) && change.Before(edge) {
		return change.UTC()
	}
	return edge
}
