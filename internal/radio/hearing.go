package radio

import "regexp"

var clockStateForm = regexp.MustCompile(`^[a-z]{1,20}$`)

// Word takes over what a confirmation says of its outcome; the zero Word for any other
// record. The row it becomes part of gives it its number.
func (h Heard) Word(now Millis) Word {
	con, clock := h.Record.Result, h.Record.Clock.State
	if con == nil {
		return Word{}
	}
	if !clockStateForm.MatchString(clock) {
		clock = ""
	}
	if h.Record.Clock.Source == ClockAssumed && clock != "" {
		clock = ClockAssumed
	}
	return Word{
		Airing: con.ID, KnownAt: now, From: WordDevice, Outcome: con.Outcome, Reason: con.Reason, StartedAt: con.StartedAt, Consumed: con.Consumed, Expected: con.Expected,
		AtLeast: con.AtLeast, Proof: con.Proof, Clock: clock, Journal: h.Journal, Seq: h.Record.Seq,
	}
}

// Take makes a word the row's outcome when it counts: the centre's always (it speaks only
// where no device has), a device's when nobody or only the centre has spoken. A device
// speaks twice about an airing only when it forgot that it had spoken (a flash that lost
// its last writes), and forgetting adds no sound: so of two words of the device the one
// with more samples counts, in whatever order they come. It gives the word as it is kept.
func (a *AsRun) Take(w Word) (_ Word, counts bool) {
	a.Words++
	w.Airing, w.N = a.Airing, a.Words
	if w.From == WordCentre {
		a.Outcome, a.Reason, a.From, a.KnownAt = w.Outcome, w.Reason, WordCentre, w.KnownAt
		if w.Outcome == PendingOutcome {
			a.From = ""
		}
		return w, true
	}
	w.Stale = a.Stale || (a.From == WordCentre && (a.Outcome == Cancelled || a.Outcome == Declined) && w.Consumed > 0)
	if a.From == WordDevice && w.Consumed <= a.Consumed {
		return w, false
	}
	a.Outcome, a.Reason, a.From, a.KnownAt, a.Stale = w.Outcome, w.Reason, w.From, w.KnownAt, w.Stale
	a.StartedAt, a.Consumed, a.Expected, a.AtLeast, a.Proof, a.Clock = w.StartedAt, w.Consumed, w.Expected, w.AtLeast, w.Proof, w.Clock
	return w, true
}
