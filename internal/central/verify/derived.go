package verify

import (
	"cmp"
	"fmt"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// differs names a column of a row, and both values.
func differs(column string, log, want any, who string) string {
	return fmt.Sprintf("%s: the log says %q, %s %q", column, fmt.Sprint(log), who, fmt.Sprint(want))
}

// column is a value of the log and what it must be.
type column struct {
	name      string
	log, want any
}

func firstOf(list []column, who string) string {
	for _, c := range list {
		if c.log != c.want {
			return differs(c.name, c.log, c.want, who)
		}
	}
	return ""
}

// derived says why what a row says of itself does not fit together; "" when it does.
func (v *Verifier) derived(r radio.KeptRow) string {
	a := r.AsRun
	if why := v.civil(a); why != "" {
		return why
	}
	if a.Origin == radio.FromSchedule && a.Key.ID() != a.Airing {
		return fmt.Sprintf("schedule, slot, slot_at, entry or repeat: the airing's id is made of others (theirs is %s)", a.Key.ID())
	}
	switch a.Origin {
	case radio.FromSchedule:
	case radio.FromCommand, radio.FromAlert, radio.FromLocal:
		if a.FrozenAt != 0 {
			return differs("frozen_at", a.FrozenAt, 0, "of sound of origin "+string(a.Origin)+" it is")
		}
	default:
		return fmt.Sprintf("origin: the log says %q, which there is not", clip(string(a.Origin)))
	}
	if a.FrozenAt != 0 {
		return ""
	}
	if len(r.Said) == 0 {
		return "nobody has planned it, and nobody has spoken of it"
	}
	return firstOf([]column{{"deadline", a.Deadline, radio.Millis(0)}, {"held", a.Held, a.Revision}}, "of sound that nobody planned it is")
}

// civil holds the local day and time against the instants. A device that nobody knew any more
// has no place, and the days of UTC.
func (v *Verifier) civil(a radio.AsRun) string {
	if a.Province != "" && a.Province != v.head.Province {
		return differs("province", a.Province, v.head.Province, "it is of")
	}
	if v.head.Zone == "" {
		return ""
	}
	var z timetable.Zone
	if a.Province != "" {
		z = v.zone
	}
	at := a.Ref().At.Time()
	day := z.Date(at)
	if before := z.Date(a.Start.Time()); a.Day == before {
		day = before // so versions before this one wrote it of what sounds past midnight
	}
	return firstOf([]column{{"day", a.Day, day}, {"slot_time", a.SlotTime, z.TimeOfDay(at)}}, "its instants say")
}

// centreSaid says why the centre cannot have said a word.
func centreSaid(before radio.AsRun, w radio.Word) string {
	want := radio.Word{Airing: w.Airing, N: w.N, KnownAt: w.KnownAt, From: radio.WordCentre, Outcome: w.Outcome, Reason: w.Reason, Expected: before.Expected}
	if w != want {
		return fmt.Sprintf("its word number %d, of the centre, speaks of sound", w.N)
	}
	if before.From == radio.WordDevice {
		return fmt.Sprintf("its word number %d, of the centre, comes after the device's own", w.N)
	}
	ok := false
	switch w.Outcome {
	case radio.PendingOutcome, radio.Silent:
		ok = w.Reason == radio.NoReason
	case radio.Cancelled:
		ok = w.Reason == radio.NoReason || w.Reason == radio.ReasonMoved
	case radio.Missed:
		ok = w.Reason == radio.ReasonOverlap || w.Reason == radio.ReasonNotSynced
	case radio.Declined:
		ok = w.Reason == radio.ReasonCommune || w.Reason == radio.ReasonHeld
	case radio.Refused:
		ok = w.Reason == radio.ReasonExpired || w.Reason == radio.ReasonNotYet || w.Reason == radio.ReasonUnsupported
	}
	if !ok {
		return fmt.Sprintf("its word number %d: the centre never says %s %s", w.N, w.Outcome, w.Reason)
	}
	return ""
}

// replay goes along the words and says why one cannot have been said; sounded is the record
// of the last that says what sounded, or else by which a row came to be that nobody planned.
func (w *deviceWalk) replay(r radio.KeptRow) (sounded *result, why string) {
	a := r.After(0)
	for i, said := range r.Said {
		switch said.From {
		case radio.WordCentre:
			if why := centreSaid(a, said); why != "" {
				return nil, why
			}
		case radio.WordDevice:
			if why := w.heard(r, said); why != "" {
				return nil, why
			}
		default:
			return nil, fmt.Sprintf("its word number %d is nobody's: %q", said.N, clip(said.From))
		}
		kept, counts := a.Take(said)
		if kept != said {
			return nil, fmt.Sprintf("its word number %d is kept with stale_programme %t, what was said before gives %t", said.N, said.Stale, kept.Stale)
		}
		res, ok := w.results[resultKey{said.Journal, said.Seq}]
		if said.From != radio.WordDevice || !ok {
			continue
		}
		if why := w.spoken(r, res, i == 0); why != "" {
			return nil, why
		}
		if counts && said.Consumed > 0 && res.sha256 != "" || i == 0 && r.FrozenAt == 0 {
			sounded = &res
		}
	}
	return sounded, ""
}

// spoken says why a confirmation does not speak of a row.
func (w *deviceWalk) spoken(r radio.KeptRow, res result, first bool) string {
	a, who := r.AsRun, "the device says"
	key := res.key
	key.Device = w.dev.ID
	if a.Key != key {
		return differs("slot_at, repeat, schedule, slot or entry", a.Key, key, who)
	}
	if a.FrozenAt == 0 && first {
		return firstOf([]column{{"start", a.Start, res.start}, {"samples", a.Samples, res.word.Expected}, {"priority", a.Priority, res.priority},
			{"revision", a.Revision, res.revision}}, who)
	}
	// Before its day has settled: a device that had the newest programme had this plan.
	if a.FrozenAt != 0 && res.revision == a.Held && !w.settled(a.Airing) {
		return firstOf([]column{{"start", a.Start, res.start}, {"priority", a.Priority, cmp.Or(res.priority, a.Priority)}}, who)
	}
	return ""
}

// item holds what sounded by the log against what the device says.
func (w *deviceWalk) item(r radio.KeptRow, sounded *result) string {
	if sounded == nil {
		return ""
	}
	return firstOf([]column{{"sha256", r.SHA256, sounded.sha256}, {"bulletin", r.Bulletin, sounded.bulletin}, {"version", r.Version, sounded.version}}, "the device says")
}

// settled says whether the book of days tells of a row.
func (w *deviceWalk) settled(id radio.AiringID) bool {
	if w.book == nil || w.book.bad {
		return false
	}
	t, ok := w.book.told[id]
	return ok && t.Planned
}
