package radio

import "time"

// SessionGap parts sessions (phiên): airings with a shorter gap between them are one
// session, which sounds as one stream.
const SessionGap = 5 * time.Second

// Tally counts what of the plan has sounded, by local day, for the caps of a policy.
// Planning counts what is to sound with it, the device what its output consumed:
// emergencies, commands, test tones and what is played on the spot are never added.
//
// A session counts, with all its minutes, to the day on which it began, also when it
// runs over midnight. It goes on as long as the next airing begins less than
// SessionGap after the planned or the real end of the one before, whichever is later:
// an item that lacks, or a power cut, does not make two sessions of one.
type Tally struct {
	days  map[Date]dayTally
	day   Date   // of the session counted last
	began Millis // its first airing
	ends  Millis // where it ends
}

type dayTally struct {
	sessions int
	samples  int64
}

// Of tells what a day has had.
func (t *Tally) Of(d Date) (sessions int, samples int64) {
	return t.days[d].sessions, t.days[d].samples
}

// Joins says whether an airing that begins at start goes on with the session counted
// last.
func (t *Tally) Joins(start Millis) bool {
	return t.day != "" && start >= t.began && start < t.ends.Add(SessionGap)
}

// Add counts an airing; d is the local date of its planned start. One of which nothing
// sounded only lets the session it belongs to go on.
func (t *Tally) Add(d Date, h Sounded) {
	joins := t.Joins(h.Start)
	if h.Samples <= 0 && !joins {
		return
	}
	if !joins {
		t.day, t.began, t.ends = d, h.Start, h.End
	}
	t.ends = max(t.ends, h.End)
	if t.days == nil {
		t.days = map[Date]dayTally{}
	}
	n := t.days[t.day]
	n.samples += max(h.Samples, 0)
	if !joins {
		n.sessions++
	}
	t.days[t.day] = n
}

// Veto says which cap of the policy, if any, refuses an airing that begins at start,
// on the local date d, and would sound for so many samples. One that reaches a cap
// exactly is within it.
func (t *Tally) Veto(p Policy, d Date, start Millis, samples int64) Veto {
	joins := t.Joins(start)
	if joins {
		d = t.day
	}
	p = p.On(d)
	had := t.days[d]
	switch {
	case p.MaxSessions > 0 && !joins && had.sessions >= p.MaxSessions:
		return VetoSessions
	case p.MaxMinutes > 0 && had.samples+samples > int64(p.MaxMinutes)*60*SampleRate:
		return VetoMinutes
	}
	return NoVeto
}

// Clone gives a copy that can be counted on.
func (t *Tally) Clone() *Tally {
	c := *t
	c.days = make(map[Date]dayTally, len(t.days)+1)
	for d, n := range t.days {
		c.days[d] = n
	}
	return &c
}

// Capped says whether the policy bounds what a day may have.
func (p Policy) Capped() bool {
	for _, s := range p.Coming {
		if s.MaxSessions > 0 || s.MaxMinutes > 0 {
			return true
		}
	}
	return p.MaxSessions > 0 || p.MaxMinutes > 0
}

// Sounded is what one result means for the caps: where in the plan it stood, when it was
// over, and how much sounded.
type Sounded struct {
	Start   Millis // planned
	End     Millis
	Samples int64
}

// Sounded gives the part of a confirmation that a Tally counts; false when nothing of it
// counts: not of the plan, or refused, or left out by the plan itself.
func (c Confirmation) Sounded() (Sounded, bool) {
	planned := c.Start.Add(SamplesDuration(c.Expected))
	h := Sounded{Start: c.Start, End: planned, Samples: c.Consumed}
	// What begins late ends late; a clock that was set while it sounded says nothing.
	if late := planned.Add(MaxGraceSeconds * time.Second); c.EndedAt > planned && c.EndedAt <= late {
		h.End = c.EndedAt
	}
	switch {
	case c.Origin != FromSchedule:
		return h, false
	case c.Consumed > 0:
		return h, true
	}
	switch c.Reason {
	case ReasonOff, ReasonClock, ReasonLate, ReasonNoAudio, ReasonOutput, ReasonDecoder, ReasonPriority:
		return h, true // a hole in the session, not its end
	}
	return h, false
}
