package programme

import (
	"slices"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// over is the last date of a rule that gives no instant any more.
const over radio.Date = "1970-01-01"

// decide enters a slot as the commune has decided about it. What the commune or a place
// below it laid down itself, and what has priority, stands as it is. Of a normal slot from
// above a word about one date counts before the standing one, and that before the default;
// what is declined goes where the log finds it.
func (w *work) decide(s radio.Schedule, slot radio.Slot, ps radio.ProgrammeSlot) {
	if s.Priority != radio.Normal || !w.place.Offered(s) {
		w.p.Slots = append(w.p.Slots, ps)
		return
	}
	live, kept := ps, ps
	kept.Until, kept.Declined = over, radio.ReasonCommune
	word, ok := w.said.Standing(s.ID, slot.ID)
	switch {
	case !ok && w.said.Rule.Default == radio.OfferHold:
		live.Until, kept.Until, kept.Declined = over, ps.Until, radio.ReasonHeld
	case !ok:
	case word.Do == radio.DecideDecline:
		live.Until, kept.Until = over, ps.Until
	case word.Do == radio.DecideMove:
		// A rule that was edited since, and comes more than once a day now, stays where
		// it is: nobody has said which of its times is meant.
		if rule, err := timetable.Retimed(ps.Cron, word.To); err == nil {
			live.Cron = rule
		}
	}
	days := []radio.ProgrammeSlot{}
	for _, word := range w.said.Dates(s.ID, slot.ID) {
		if due, err := timetable.On(s, slot, word.Date); word.Date < w.oldest || err != nil || len(due) == 0 {
			continue // past, or the schedule was edited and does not come then any more
		} else if day, ok := w.day(&live, ps, word, due); ok {
			days = append(days, day)
		}
		live.Except, kept.Except = without(live.Except, word.Date), without(kept.Except, word.Date)
	}
	slices.Sort(live.At)
	live.At = slices.Compact(live.At)
	if live.Until != over || len(live.At) > 0 {
		w.p.Slots = append(w.p.Slots, live)
	} else {
		w.leaveOut(radio.Exclusion{Schedule: s.ID, Slot: slot.ID, Reason: radio.ByCommune,
			VI: "địa phương không nhận hoặc chưa nhận", EN: "the commune has declined it or has not accepted it"})
	}
	if kept.Until != over {
		days = append(days, kept)
	}
	w.kept.Slots = append(w.kept.Slots, days...)
}

// day enters what was decided about one date of a slot; what it declines is given back.
func (w *work) day(live *radio.ProgrammeSlot, ps radio.ProgrammeSlot, word radio.Decision, due []radio.Millis) (radio.ProgrammeSlot, bool) {
	switch word.Do {
	case radio.DecideAccept:
		live.At = append(live.At, due...)
	case radio.DecideMove:
		date := word.ToDate
		if date == "" {
			date = word.Date
		}
		if at, err := w.zone.Instant(date, word.To); err == nil {
			live.At = append(live.At, at)
			break
		}
		live.At = append(live.At, due...) // the clock leaps over that time
	case radio.DecideDecline:
		ps.From, ps.Until, ps.Declined = word.Date, word.Date, radio.ReasonCommune
		return ps, true
	}
	if n := len(live.At); n > radio.MaxSlotInstants {
		live.At = live.At[n-radio.MaxSlotInstants:] // the latest dates; the desk takes no more
	}
	return ps, false
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
