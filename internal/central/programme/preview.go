package programme

import (
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Preview tells what a device would do with its documents in [from, to) if nothing
// changed: the airings of its own expansion, and of each that would not sound the
// outcome and the reason the device would report. It decides in the order of the
// agent's playout: what the programme excludes, then what the policy refuses: its hours
// and dates, from the planned start to the planned end, then its caps, as if all that
// is planned on the day of from had sounded, and would.
//
// A programme without a last instant (as Programme makes it) does not run out:
// dispatch issues it anew long before.
func (r Resolver) Preview(p radio.Programme, policy radio.Policy, settings radio.Settings, from, to time.Time) ([]radio.PreviewAiring, error) {
	all, err := r.Previews(p, policy, []time.Duration{settings.SpeechDelay()}, from, to)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Previews is Preview for devices that differ only in what they add to planned starts
// (radio.Settings.SpeechDelay): one list for each delay, in their order. The programme is
// expanded once.
func (Resolver) Previews(p radio.Programme, policy radio.Policy, delays []time.Duration, from, to time.Time) ([][]radio.PreviewAiring, error) {
	fail := func(err error) ([][]radio.PreviewAiring, error) {
		return nil, fmt.Errorf("preview of device %s: %w", p.Device, err)
	}
	if p.NotAfter == 0 {
		p.NotAfter = radio.At(to.Add(ahead))
	}
	table, err := timetable.New(&p)
	if err != nil {
		return fail(err)
	}
	hours, err := timetable.NewHours(policy)
	if err != nil {
		return fail(err)
	}
	// What stands in the way of the first airings may begin before them; what counts
	// towards a cap of their day, or is the session they belong to, the day before.
	first := from.Add(-ahead)
	if midnight := hours.Midnight(from, 1); hours.Capped() && midnight.Before(first) {
		first = midnight
	}
	placed, err := table.Placed(first, to)
	if err != nil {
		return fail(err)
	}
	kept, err := timetable.Declined(p, first, to)
	if err != nil {
		return fail(err)
	}
	// What was moved stands where it is now.
	kept = slices.DeleteFunc(kept, func(a timetable.Placed) bool { return a.Excluded == radio.ReasonMoved })
	if len(kept) > 0 {
		placed = append(placed, kept...)
		slices.SortStableFunc(placed, func(a, b timetable.Placed) int { return a.Start().Compare(b.Start()) })
	}
	causes := newCauses(placed)
	out := make([][]radio.PreviewAiring, len(delays))
	tallies := make([]radio.Tally, len(delays))
	for n := range out {
		out[n] = make([]radio.PreviewAiring, 0, len(placed))
	}
	for i, a := range placed {
		causes.find(i)
		v := airing(a)
		v.With, v.ClearAt = causes.of[i].with, causes.of[i].clear
		for n, delay := range delays {
			v.Outcome, v.Reason, v.Veto = verdict(a.Airing, hours, &tallies[n], delay)
			if !a.Start().Before(from) {
				out[n] = append(out[n], v)
			}
		}
	}
	return out, nil
}

// ahead covers the longest audio and the longest grace together.
const ahead = 3 * time.Hour

func airing(a timetable.Placed) radio.PreviewAiring {
	return radio.PreviewAiring{
		Device: a.Device, ID: a.ID, Start: radio.At(a.Start()), SlotAt: a.SlotAt, Samples: a.Samples, Priority: a.Priority,
		Schedule: a.Schedule, Slot: a.Slot, Entry: a.Entry, Repeat: a.Repeat, Kind: a.Kind,
		Bulletin: a.Bulletin, Version: a.Version, Title: a.Title, Instead: a.Instead, ShiftMS: radio.SamplesDuration(a.Shift).Milliseconds(),
	}
}

// verdict is what the rules say about an airing at its instant on a device whose state
// is in order; the same cases, in the same order, as judge in agent/playout, which the
// test in e2e holds it to. What sounds is counted.
func verdict(a radio.Airing, hours timetable.Hours, tally *radio.Tally, offset time.Duration) (radio.Outcome, radio.Reason, radio.Veto) {
	switch a.Excluded {
	case radio.NoReason:
	case radio.ReasonOverlap:
		return radio.Missed, radio.ReasonOverlap, radio.NoVeto
	case radio.ReasonCommune, radio.ReasonHeld:
		return radio.Declined, a.Excluded, radio.NoVeto
	default:
		return radio.Refused, a.Excluded, radio.NoVeto
	}
	start := a.Start().Add(offset)
	veto := hours.Veto(start, start.Add(radio.SamplesDuration(a.Samples)))
	if !hours.Capped() {
		return refusal(veto)
	}
	if veto == radio.NoVeto {
		veto = hours.CapVeto(tally, a.Start(), a.Samples)
	}
	if veto == radio.NoVeto {
		hours.Count(tally, radio.Sounded{Start: radio.At(a.Start()), End: radio.At(a.End()), Samples: a.Samples})
	}
	return refusal(veto)
}

func refusal(v radio.Veto) (radio.Outcome, radio.Reason, radio.Veto) {
	if v == radio.NoVeto {
		return "", "", v
	}
	return radio.Refused, radio.ReasonPolicy, v
}

// causes finds why airings are shifted or dropped. They are asked for in the order of
// their starts, and what blocks one begins before it ends, so that the causes of a
// blocker that was shifted itself can be handed on.
type causes struct {
	all []timetable.Placed
	of  []cause
	// longest samples of one airing: how far back a blocker can begin.
	longest time.Duration
}

type cause struct {
	known bool
	with  []radio.ScheduleID
	clear radio.Millis
}

func newCauses(all []timetable.Placed) *causes {
	c := &causes{all: all, of: make([]cause, len(all))}
	for _, a := range all {
		c.longest = max(c.longest, radio.SamplesDuration(a.Samples))
	}
	return c
}

func (c *causes) find(i int) cause {
	a := c.all[i]
	if c.of[i].known || (a.Shift == 0 && a.Excluded != radio.ReasonOverlap) {
		return c.of[i]
	}
	planned := a.Start().Add(-radio.SamplesDuration(a.Shift))
	until := a.Start()
	if a.Shift == 0 {
		until = a.End()
	}
	first, _ := slices.BinarySearchFunc(c.all, planned.Add(-c.longest), func(b timetable.Placed, t time.Time) int { return b.Start().Compare(t) })
	var got cause
	var second []radio.ScheduleID
	for j := first; j < len(c.all) && c.all[j].Start().Before(until); j++ {
		b := c.all[j]
		if j == i || b.Excluded != radio.NoReason || !b.End().After(planned) || !goesFirst(b, a) {
			continue
		}
		got.clear = max(got.clear, radio.At(b.End()))
		behind := c.find(j)
		second = append(second, behind.with...)
		if b.Schedule == a.Schedule && b.Slot == a.Slot && b.SlotAt == a.SlotAt {
			continue // its own slot runs late: the reason lies before that
		}
		got.with = append(got.with, b.Schedule)
	}
	got.known, got.with = true, once(append(got.with, second...))
	c.of[i] = got
	return got
}

// goesFirst is the order of placement (timetable): higher priority, earlier slot
// instant, then ids; in one slot what stands before.
func goesFirst(b, a timetable.Placed) bool {
	switch {
	case b.Priority != a.Priority:
		return b.Priority.Rank() > a.Priority.Rank()
	case slices.Contains(a.Behind, b.Schedule):
		return true
	case slices.Contains(b.Behind, a.Schedule):
		return false
	case b.SlotAt != a.SlotAt:
		return b.SlotAt < a.SlotAt
	case b.Schedule != a.Schedule:
		return b.Schedule < a.Schedule
	case b.Slot != a.Slot:
		return b.Slot < a.Slot
	}
	return b.Offset-b.Shift < a.Offset-a.Shift
}

// once keeps the first of equal ids, in their order.
func once(ids []radio.ScheduleID) []radio.ScheduleID {
	var out []radio.ScheduleID
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}
