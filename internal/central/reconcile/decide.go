package reconcile

import (
	"time"

	"loaxa/internal/radio"
)

// excluded is the centre's word about an airing that cannot sound as planned; pending
// for one that can.
func excluded(why radio.Reason) (radio.Outcome, radio.Reason) {
	switch why {
	case radio.NoReason:
		return radio.PendingOutcome, radio.NoReason
	case radio.ReasonOverlap:
		return radio.Missed, radio.ReasonOverlap
	case radio.ReasonCommune, radio.ReasonHeld:
		return radio.Declined, why
	case radio.ReasonMoved:
		return radio.Cancelled, why
	}
	return radio.Refused, why // expired, not_yet, unsupported
}

// say adds the centre's word to a row without a device's; the caller knows that the
// outcome changes.
func say(c radio.AsRunChange, outcome radio.Outcome, reason radio.Reason, now radio.Millis) radio.AsRunChange {
	w, _ := c.Row.Take(radio.Word{KnownAt: now, From: radio.WordCentre, Outcome: outcome, Reason: reason, Expected: c.Row.Expected})
	c.Words = append(c.Words, w)
	return c
}

// hear adds a device's word to a row; radio.AsRun.Take says when it becomes the outcome.
func hear(c radio.AsRunChange, con radio.Confirmation, w radio.Word) radio.AsRunChange {
	w.From = radio.WordDevice
	w, counts := c.Row.Take(w)
	c.Words = append(c.Words, w)
	// After a power cut a device knows the audio by its hash only: of the audio that was
	// planned the row knows more.
	same := con.Bulletin == "" && con.SHA256 == c.Row.SHA256
	if counts && w.Consumed > 0 && con.SHA256 != "" && !same {
		// The log says what sounded, also when it was another version than planned.
		c.Row.SHA256, c.Row.Bulletin, c.Row.Version = con.SHA256, con.Bulletin, con.Version
		c.Row.Instead = con.Instead
	}
	return c
}

// notSynced says whether the programme a device ran at an airing's instant explains
// why it has no word about it: one older than the airing, or one newer than any that
// held it (a centre restored from an older copy meets those).
func notSynced(r radio.AsRun, active int64) bool { return active < r.Revision || active > r.Held }

// frame is all that decides what a programme does to a device's rows.
type frame struct {
	revision  int64
	published radio.Millis // nothing that starts up to here is created or taken back
	now       radio.Millis
	upto      radio.Millis // the horizon: what starts later is not frozen yet
	wait      time.Duration
	renewed   bool // the programme is another one than the rows were last compared with
	// airings of the programme around and between published and upto.
	airings []radio.Airing
	// rows of these airings, and the planned rows that start between published and upto.
	rows map[radio.AsRunRef]radio.AsRun
	// describe fills in a new row, or one whose item changed.
	describe func(row *radio.AsRun, a radio.Airing) error
}

// freeze compares a programme with the rows of its device and gives what changes:
//
//   - An airing without a row, that starts after the publication and up to the horizon,
//     gets one: pending, or with the centre's word when it is excluded.
//   - A row that a device's word made before the plan was known becomes planned.
//   - A planned row with a device's word, or due before the publication, stays.
//   - A planned row that still is to sound follows the programme: its start moves, it
//     is excluded or pending again.
//   - A planned row the programme no longer holds, or holds at an instant that has
//     passed, is cancelled; it can come back. Where the commune has moved it the reason
//     says so.
func freeze(f frame) ([]radio.AsRunChange, error) {
	var out []radio.AsRunChange
	known := make(map[radio.AsRunRef]bool, len(f.airings))
	for _, a := range f.airings {
		start := radio.At(a.Start())
		row, held := f.rows[a.Ref()]
		known[a.Ref()] = start > f.published
		switch {
		case held && row.Origin != radio.FromSchedule:
			continue // a name taken by other sound of the same device; it never was planned
		case held && f.renewed && f.open(row) && start <= f.published:
			continue // taken back below
		case held && row.Planned():
			c, err := f.follow(row, a)
			if err != nil {
				return nil, err
			}
			if c != nil {
				out = append(out, *c)
			}
		case a.Excluded == radio.ReasonMoved:
			// It is planned where the commune put it, and nowhere else.
		case start > f.published && start <= f.upto:
			c, err := f.create(row, held, a)
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	if !f.renewed {
		return out, nil
	}
	for ref, row := range f.rows {
		if !known[ref] && f.open(row) && row.Outcome != radio.Cancelled {
			out = append(out, say(radio.AsRunChange{Row: row, Only: true}, radio.Cancelled, radio.NoReason, f.now))
		}
	}
	return out, nil
}

// open says whether the centre may still change its mind about a row.
func (f frame) open(row radio.AsRun) bool {
	return row.Planned() && row.From != radio.WordDevice && row.Start > f.published
}

// create makes the row of an airing, on top of an unplanned one if a device's word
// came first.
func (f frame) create(row radio.AsRun, heard bool, a radio.Airing) (radio.AsRunChange, error) {
	row.Airing, row.Key, row.Origin = a.ID, a.AiringKey, radio.FromSchedule
	row.FrozenAt, row.Revision, row.Held = f.now, f.revision, f.revision
	if !heard {
		row.Outcome, row.Expected, row.KnownAt = radio.PendingOutcome, a.Samples, f.now
	}
	if err := f.plan(&row, a); err != nil {
		return radio.AsRunChange{}, err
	}
	c := radio.AsRunChange{Row: row}
	if outcome, why := excluded(a.Excluded); !heard && outcome != radio.PendingOutcome {
		c = say(c, outcome, why, f.now)
	}
	return c, nil
}

// plan writes what the programme says of an airing into its row.
func (f frame) plan(row *radio.AsRun, a radio.Airing) error {
	row.Start, row.Samples, row.Priority = radio.At(a.Start()), a.Samples, a.Priority
	if row.From != radio.WordDevice {
		row.Expected = a.Samples
	}
	row.Deadline = max(radio.At(a.End()), f.now).Add(f.wait)
	return f.describe(row, a)
}

// follow gives the change of a planned row whose airing the programme holds; nil for
// none.
func (f frame) follow(row radio.AsRun, a radio.Airing) (*radio.AsRunChange, error) {
	c := radio.AsRunChange{Row: row}
	c.Row.Held = max(row.Held, f.revision)
	if f.open(row) && radio.At(a.Start()) > f.published && f.renewed {
		if err := f.plan(&c.Row, a); err != nil {
			return nil, err
		}
		// A moved airing waits from its new end; one that did not move keeps its deadline.
		if c.Row.End() == row.End() {
			c.Row.Deadline = row.Deadline
		}
		if outcome, why := excluded(a.Excluded); row.Outcome != radio.Silent && (outcome != row.Outcome || why != row.Reason) {
			c = say(c, outcome, why, f.now)
		}
	}
	if c.Row == row && len(c.Words) == 0 {
		return nil, nil
	}
	return &c, nil
}
