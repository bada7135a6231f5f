package programme

import (
	"cmp"
	"maps"
	"slices"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// over is the last date of a rule that gives no instant any more.
const over radio.Date = "1970-01-01"

// decide enters a slot as the commune has decided about it. What the commune or a place
// below it laid down itself, and what has priority, stands as it is. Of a normal slot from
// above a word about one date or airing counts before the standing one, and that before the
// default; what is declined goes where the log finds it, with what was moved away.
func (w *work) decide(s radio.Schedule, slot radio.Slot, ps radio.ProgrammeSlot) {
	if s.Priority != radio.Normal || !w.place.Offered(s) {
		w.p.Slots = append(w.p.Slots, ps)
		return
	}
	live, kept := ps, ps
	kept.Until = over
	word, ok := w.said.Standing(s.ID, slot.ID)
	switch {
	case !ok && w.said.Rule.Default == radio.OfferHold:
		live.Until, kept.Until, kept.Declined = over, ps.Until, radio.ReasonHeld
	case !ok:
	case word.Do == radio.DecideDecline:
		live.Until, kept.Until, kept.Declined = over, ps.Until, radio.ReasonCommune
	case word.Do == radio.DecideMove:
		// A rule that was edited since, and comes more than once a day now, stays where
		// it is: nobody has said which of its times is meant.
		if rule, err := timetable.Retimed(ps.Cron, word.To); err == nil {
			live.Cron, kept.Until, kept.Declined = rule, ps.Until, radio.ReasonMoved
		}
	}
	off := map[radio.Reason][]radio.Millis{} // of single dates
	for _, date := range w.dates(s.ID, slot.ID) {
		due, err := timetable.On(s, slot, date)
		if err != nil || !slices.ContainsFunc(due, func(at radio.Millis) bool { return w.spoken(s.ID, slot.ID, date, at) }) {
			continue // the schedule was edited and does not come then any more
		}
		for _, at := range due {
			sounds, why := w.at(s.ID, slot.ID, date, at, kept.Declined)
			if sounds != 0 {
				live.At = append(live.At, sounds)
			}
			if why != radio.NoReason {
				off[why] = append(off[why], at)
			}
		}
		live.Except, kept.Except = without(live.Except, date), without(kept.Except, date)
	}
	slices.Sort(live.At)
	live.At = slices.Compact(live.At)
	live.At = live.At[:min(len(live.At), radio.MaxSlotInstants)] // the desk takes no more
	if live.Until != over || len(live.At) > 0 {
		w.p.Slots = append(w.p.Slots, live)
	} else {
		w.leaveOut(radio.Exclusion{Schedule: s.ID, Slot: slot.ID, Reason: radio.ByCommune,
			VI: "địa phương không nhận hoặc chưa nhận", EN: "the commune has declined it or has not accepted it"})
	}
	for _, why := range slices.Sorted(maps.Keys(off)) {
		for part := range slices.Chunk(off[why], radio.MaxSlotInstants) {
			day := ps
			day.Until, day.Declined, day.At = over, why, part
			w.kept.Slots = append(w.kept.Slots, day)
		}
	}
	if kept.Until != over {
		w.kept.Slots = append(w.kept.Slots, kept)
	}
}

// dates are those of which something was said that still counts, without the past ones.
func (w *work) dates(s radio.ScheduleID, slot radio.SlotID) []radio.Date {
	var out []radio.Date
	for _, word := range w.said.Dates(s, slot) {
		if word.Date >= w.oldest {
			out = append(out, word.Date)
		}
	}
	return slices.Compact(out)
}

func (w *work) spoken(s radio.ScheduleID, slot radio.SlotID, date radio.Date, at radio.Millis) bool {
	_, ok := w.said.On(s, slot, date, w.zone.TimeOfDay(at.Time()))
	return ok
}

// at says when an airing of a date with words of its own sounds, 0 when it does not, and why
// it does not where it was laid down. always is why it does not on other dates.
func (w *work) at(s radio.ScheduleID, slot radio.SlotID, date radio.Date, at radio.Millis, always radio.Reason) (radio.Millis, radio.Reason) {
	word, ok := w.said.On(s, slot, date, w.zone.TimeOfDay(at.Time()))
	switch {
	case !ok && (always == radio.ReasonHeld || always == radio.ReasonCommune):
		return 0, always
	case ok && word.Do == radio.DecideDecline:
		return 0, radio.ReasonCommune
	case ok && word.Do == radio.DecideMove:
		if to, err := w.zone.Instant(cmp.Or(word.ToDate, word.Date), word.To); err == nil {
			return to, radio.ReasonMoved
		} // the clock leaps over that time
	}
	return at, radio.NoReason
}

func without(except []radio.Date, d radio.Date) []radio.Date {
	out := append(slices.Clone(except), d)
	slices.Sort(out)
	return slices.Compact(out)
}

// order says which priority schedules go first where two clash.
func (w *work) order() {
	var prior []radio.ScheduleID
	for _, s := range w.p.Slots {
		if s.Priority == radio.Prior && !slices.Contains(prior, s.Schedule) {
			prior = append(prior, s.Schedule)
		}
	}
	slices.Sort(prior)
	for i := range w.p.Slots {
		s := &w.p.Slots[i]
		if s.Priority != radio.Prior {
			continue
		}
		for _, first := range prior {
			if word, ok := w.said.Order(first, s.Schedule); ok && word.Schedule == first && first != s.Schedule && len(s.Behind) < radio.MaxBehind {
				s.Behind = append(s.Behind, first)
			}
		}
	}
}
