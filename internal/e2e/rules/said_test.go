package rules

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// drawSaid lets the commune, its hamlet, what it took in, and others say this and that, in
// the days before and after a merger.
func (x *ruleset) drawSaid(r *rand.Rand) {
	ago := func(n, of int) radio.Millis { // the later the higher n is
		return radio.At(x.cal.begin.Add(-time.Hour * time.Duration(6*24*(of-n)/of+r.IntN(6*24/of))))
	}
	area := func() radio.AreaID {
		if r.IntN(10) == 0 {
			return []radio.AreaID{x.place.Chain[0].ID, draw[radio.AreaID](r)}[r.IntN(2)] // counts for nothing
		}
		return x.deciders[r.IntN(len(x.deciders))]
	}
	if r.IntN(3) == 0 {
		for n := range 1 + r.IntN(2) {
			x.defaults = append(x.defaults, radio.OfferRule{N: int64(n + 1), Area: area(), Default: []radio.OfferDefault{radio.OfferAccept, radio.OfferHold}[r.IntN(2)], Hours: 12, At: ago(n, 2)})
		}
	}
	if r.IntN(4) == 0 {
		return
	}
	for n := range 1 + r.IntN(7) {
		s := x.schedules[r.IntN(len(x.schedules))]
		w := radio.Decision{N: int64(n + 1), Area: area(), Schedule: s.ID, Slot: s.Slots[r.IntN(len(s.Slots))].ID, At: ago(n, 8)}
		if r.IntN(3) == 0 {
			w.Slot = ""
		}
		if r.IntN(2) == 0 {
			w.Date = x.date(r)
			if daily := x.times[w.Slot].daily; len(daily) > 0 && r.IntN(3) == 0 {
				w.Time = radio.TimeOfDay(daily[r.IntN(len(daily))]).String()
			}
		}
		switch r.IntN(8) {
		case 0, 1:
			w.Do = radio.DecideAccept
		case 2, 3:
			w.Do, w.To = radio.DecideMove, radio.TimeOfDay([]int{0, 2*60 + 15, 5 * 60, 5*60 + 1, 17*60 + 2, 23*60 + 58, r.IntN(1440), r.IntN(1440)}[r.IntN(8)])
			if w.Date != "" && r.IntN(2) == 0 {
				w.ToDate = x.date(r)
			}
			if w.Date != "" && w.Slot != "" && r.IntN(3) == 0 { // to its own time of another date
				w.To, w.ToDate = radio.TimeOfDay(x.times[w.Slot].daily[0]), x.date(r)
			}
		case 4, 5:
			w.Do, w.Reason = radio.DecideDecline, "trùng hội nghị"
		case 6:
			w.Do = radio.DecideUndo
		}
		if o := x.schedules[r.IntN(len(x.schedules))]; w.Do == "" || r.IntN(2) == 0 && o.ID != s.ID && o.Priority == radio.Prior && s.Priority == radio.Prior {
			w.Do, w.Slot, w.Date, w.Time, w.To, w.ToDate, w.Other = radio.DecideOrder, "", "", "", 0, "", o.ID
			if r.IntN(6) == 0 {
				w.Do = radio.DecideUndo
			}
		}
		x.words = append(x.words, w)
	}
}

// coming is one time a slot comes, by its minute, with the reason why it never sounds.
type coming struct {
	minute int
	why    radio.Reason
}

// comes lists when a slot comes here, after what the commune said about it.
func (x *ruleset) comes(s radio.Schedule, sl radio.Slot) (out []coming) {
	t := x.times[sl.ID]
	live, kept := map[int]bool{}, map[int]radio.Reason{}
	on := func(m minute) bool {
		return !m.second && t.days(m) && (s.From == "" || m.date >= s.From) && (s.Until == "" || m.date <= s.Until) &&
			!slices.Contains(s.Except, m.date) && (len(sl.Dates) == 0 || slices.Contains(sl.Dates, m.date))
	}
	free := s.Priority == radio.Prior || slices.Contains(x.deciders, s.Area)
	standing := x.counting(s.ID, sl.ID, "", "")
	settled := map[radio.Date]bool{} // dates with a word of their own, on which it is due
	for _, of := range t.daily {
		for _, i := range x.cal.showing[of] {
			m := x.cal.minutes[i]
			if !on(m) {
				continue
			}
			word := x.counting(s.ID, sl.ID, m.date, radio.TimeOfDay(of).String())
			settled[m.date] = word.Do != ""
			switch {
			case free, word.Do == radio.DecideAccept:
				live[i] = true
			case word.Do == radio.DecideDecline:
				kept[i] = radio.ReasonCommune
			case word.Do == radio.DecideMove:
				to, ok := x.first(cmp.Or(word.ToDate, m.date), word.To)
				if !ok {
					to = i // there is no such time
				}
				live[to] = true
			case standing.Do == "" && x.holds():
				kept[i] = radio.ReasonHeld
			case standing.Do == radio.DecideDecline:
				kept[i] = radio.ReasonCommune
			case standing.Do == radio.DecideMove && len(t.daily) == 1:
			default:
				live[i] = true
			}
		}
	}
	if !free && standing.Do == radio.DecideMove && len(t.daily) == 1 {
		for _, i := range x.cal.showing[standing.To] {
			if m := x.cal.minutes[i]; on(m) && !settled[m.date] {
				live[i] = true
			}
		}
	}
	for i := range live {
		out = append(out, coming{minute: i})
	}
	for i, why := range kept {
		if !live[i] { // what another word brings there sounds
			out = append(out, coming{i, why})
		}
	}
	slices.SortFunc(out, func(a, b coming) int { return a.minute - b.minute })
	return out
}

// first is the minute at which a date first shows a time.
func (x *ruleset) first(d radio.Date, at radio.TimeOfDay) (int, bool) {
	for _, i := range x.cal.showing[at] {
		if x.cal.minutes[i].date == d {
			return i, true
		}
	}
	return 0, false
}

// word is the newest about a slot on a date, "" for all dates; the zero word for none.
func (x *ruleset) word(s radio.ScheduleID, sl radio.SlotID, d radio.Date, clock string) (best radio.Decision) {
	for _, w := range x.words {
		if w.Other == "" && w.Schedule == s && (w.Slot == "" || w.Slot == sl) && w.Date == d && w.Time == clock && w.N > best.N && x.counts(w.Area, w.At) {
			best = w
		}
	}
	return best
}

// counting is what was said of an airing alone, unless something was said of its date since.
func (x *ruleset) counting(s radio.ScheduleID, sl radio.SlotID, d radio.Date, clock string) radio.Decision {
	day := x.word(s, sl, d, "")
	if clock != "" {
		if one := x.word(s, sl, d, clock); one.Do != "" && one.Do != radio.DecideUndo && one.N > day.N {
			return one
		}
	}
	if day.Do == radio.DecideUndo {
		return radio.Decision{}
	}
	return day
}

// counts: the area speaks for the place, and did so when it spoke: what took in others
// since, or was made of them, had nothing to say before.
func (x *ruleset) counts(a radio.AreaID, at radio.Millis) bool {
	for i, d := range x.deciders {
		if d != a {
			continue
		}
		if i+1 < len(x.deciders) {
			return at >= x.taken[x.deciders[i+1]]
		}
		return true
	}
	return false
}

// holds says what counts while nobody has said anything.
func (x *ruleset) holds() bool {
	var best radio.OfferRule
	for _, r := range x.defaults {
		if r.N > best.N && x.counts(r.Area, r.At) {
			best = r
		}
	}
	return best.Default == radio.OfferHold
}

// behind tells which schedules the commune wants before each.
func (x *ruleset) behind() map[radio.ScheduleID]map[radio.ScheduleID]bool {
	out := map[radio.ScheduleID]map[radio.ScheduleID]bool{}
	prior := func(s radio.Schedule) bool {
		return s.Priority == radio.Prior && x.reaches(s) && slices.ContainsFunc(s.Slots, func(sl radio.Slot) bool {
			return slices.ContainsFunc(sl.Items, func(e radio.Entry) bool { _, _, ok := x.bulletin(e); return ok })
		})
	}
	for _, a := range x.schedules {
		for _, b := range x.schedules {
			var newest radio.Decision
			for _, w := range x.words {
				pair := w.Schedule == a.ID && w.Other == b.ID || w.Schedule == b.ID && w.Other == a.ID
				if pair && w.N > newest.N && x.counts(w.Area, w.At) {
					newest = w
				}
			}
			if a.ID == b.ID || newest.Do != radio.DecideOrder || newest.Schedule != a.ID || !prior(a) || !prior(b) {
				continue
			}
			if out[b.ID] == nil {
				out[b.ID] = map[radio.ScheduleID]bool{}
			}
			out[b.ID][a.ID] = true
		}
	}
	return out
}

// inTurn puts before each airing those of slots that the commune wants before its slot,
// where both would sound at one time; a ring of wishes ends where it began.
func inTurn(all []fate, behind map[radio.ScheduleID]map[radio.ScheduleID]bool) (out []*fate) {
	stands := make([]bool, len(all))
	var stand func(i int)
	stand = func(i int) {
		if stands[i] {
			return
		}
		stands[i] = true
		f := all[i]
		if wanted := behind[f.key.Schedule]; len(wanted) > 0 {
			mine := sampleOf(f.key.SlotAt)
			for j, o := range all {
				if its := sampleOf(o.key.SlotAt); wanted[o.key.Schedule] && its < mine+f.length && mine < its+o.length {
					stand(j)
				}
			}
		}
		out = append(out, &all[i])
	}
	for i := range all {
		stand(i)
	}
	return out
}
