package playout

import (
	"context"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// lookBack covers whatever can still be joined.
const lookBack = radio.MaxGraceSeconds*time.Second + 2*time.Minute

// plan is one programme, parsed.
type plan struct {
	prog  *radio.Programme
	table *timetable.Timetable
	// until, on Mono, is when another took its place while the clock could not be
	// trusted; airings of that time are accounted once it can.
	until time.Duration
}

// entry is one airing that is not settled yet.
type entry struct {
	radio.Airing
	prog *radio.Programme
	// held says why it did not begin in time, if it did not.
	held radio.Reason
}

// agenda is what lies ahead and what fell due without being settled.
type agenda struct {
	plan
	former []plan // replaced while the clock was not trusted
	list   []entry
	to     time.Time // list holds what starts before it
	// settled: every airing of ours that starts before it has its result or its
	// player. Zero until the clock was trusted once.
	settled time.Time
	dirty   bool
	// restarted: this is the first look after a start. What was due shortly before
	// LastSeen may have been waiting then, so it is still to be told.
	restarted bool
}

// have says whether there is a programme.
func (a *agenda) have() bool { return a.table != nil }

// setProgramme takes a new programme, or none.
func (d *desk) setProgramme(ctx context.Context, prog *radio.Programme) {
	var next plan
	if prog != nil {
		table, err := timetable.New(prog)
		if err != nil {
			// inbox refuses such a programme; a store from another version may hold one.
			d.log.Error("programme cannot be expanded", "revision", prog.Revision, "error", err)
			d.Faults.Raise(ctx, FaultProgramme, err.Error())
		} else {
			d.Faults.Clear(ctx, FaultProgramme)
		}
		next = plan{prog: prog, table: table}
	}
	if d.blind && d.agenda.have() {
		old := d.agenda.plan
		old.until = d.Clock.Mono()
		d.agenda.former = append(d.agenda.former, old)
	}
	d.agenda.plan = next
	if !d.blind {
		d.carryOver(ctx)
	}
	d.agenda.dirty = true
	for _, l := range d.live {
		if !d.holds(l) {
			d.stop(l, radio.EndWithdrawn)
		}
	}
}

// carryOver keeps, of what fell due and waits (for the output, or for another sound
// to end), what the new programme still holds; the rest ends here.
func (d *desk) carryOver(ctx context.Context) {
	now := d.Clock.Now()
	var kept []entry
	for _, e := range d.agenda.list {
		if d.due(e.Airing).After(now) {
			break
		}
		if a, ok := d.find(e.Airing); ok {
			kept = append(kept, entry{Airing: a, prog: d.agenda.prog, held: e.held})
			continue
		}
		d.withdraw(e)
	}
	d.agenda.list = kept
}

// find gives the airing of the same id in the active programme.
func (d *desk) find(a radio.Airing) (radio.Airing, bool) {
	all := d.slotOf(a)
	i := slices.IndexFunc(all, func(o radio.Airing) bool { return o.ID == a.ID })
	if i < 0 {
		return radio.Airing{}, false
	}
	return all[i], true
}

// slotOf gives the airings of an airing's slot instant in the active programme.
func (d *desk) slotOf(a radio.Airing) []radio.Airing {
	if !d.agenda.have() {
		return nil
	}
	from := a.SlotAt.Time()
	// A slot is at most a day long, and a shift at most the longest grace.
	all, err := d.agenda.table.Airings(from, from.Add(timetable.MaxSlotLength+radio.MaxGraceSeconds*time.Second))
	if err != nil {
		d.log.Error("programme cannot be expanded", "error", err)
		return nil
	}
	return slices.DeleteFunc(all, func(o radio.Airing) bool { return keyOf(o) != keyOf(a) })
}

// holds says whether what sounds may go on under the active programme.
func (d *desk) holds(l *live) bool {
	if d.agenda.prog == nil || slices.Contains(d.agenda.prog.Withdrawn, l.rendition.SHA256) {
		return false
	}
	// A newer version of the bulletin at the same place lets the old one end.
	_, ok := d.find(l.Airing)
	return ok
}

// refresh expands the programme anew when that is needed.
func (d *desk) refresh(now time.Time) {
	a := &d.agenda
	first := a.settled.IsZero()
	if first {
		a.settled = d.firstSettled(now)
	}
	if !a.dirty && now.Before(a.to.Add(-horizon/2)) && now.Add(2*horizon).After(a.to) {
		return
	}
	kept := a.list
	from := now.Add(-lookBack)
	if since := a.settled.Add(-lookBack - timetable.MaxSlotLength); first && since.Before(from) {
		from = since
	} else if a.settled.Before(from) {
		from = a.settled
	}
	if oldest := now.Add(-backlogSpan); from.Before(oldest) {
		from = oldest
	}
	a.to, a.dirty, a.list, a.restarted = now.Add(horizon), false, nil, first
	for _, f := range a.former {
		until := now.Add(f.until - d.Clock.Mono())
		d.expand(f, from, until, now, nil)
		if until.After(from) {
			from = until
		}
	}
	a.former = nil
	if a.have() {
		inherited := slices.Clone(a.list)
		d.expand(a.plan, from, a.to, now, kept)
		a.list = dropTwins(a.list, inherited)
	}
	slices.SortStableFunc(a.list, func(x, y entry) int { return x.Start().Compare(y.Start()) })
	d.cutBacklog(now)
}

// firstSettled is where accounting begins after a start: at the last moment the
// agent is known to have run. A device that never ran has nothing to account for.
func (d *desk) firstSettled(now time.Time) time.Time {
	if seen := d.LastSeen.Time(); d.LastSeen > 0 && seen.Before(now) {
		return seen
	}
	return now
}

// expand adds the airings of one plan that start in [from, to) and are ours.
func (d *desk) expand(p plan, from, to, now time.Time, kept []entry) {
	if !from.Before(to) {
		return
	}
	all, err := p.table.Airings(from, to)
	if err != nil {
		d.log.Error("programme cannot be expanded", "revision", p.prog.Revision, "error", err)
		return
	}
	ends := map[slotKey]time.Time{}
	for _, a := range all {
		ends[keyOf(a)] = later(ends[keyOf(a)], a.End())
	}
	for _, a := range all {
		e := entry{Airing: a, prog: p.prog}
		waiting := slices.IndexFunc(kept, func(k entry) bool { return k.ID == a.ID })
		if waiting >= 0 {
			e.held = kept[waiting].held
		}
		switch {
		case d.handled(a.ID):
		case waiting < 0 && radio.At(a.Start()) < p.prog.IssuedAt:
			// What is published after its instant was never planned (design §3).
		case waiting < 0 && d.before(a, ends[keyOf(a)]) && d.gone(a, now):
			// Another revision was active at its instant: for the centre to say.
		case p.prog != d.agenda.prog && !d.gone(a, now):
			d.inherit(e)
		default:
			d.agenda.list = append(d.agenda.list, e)
		}
	}
}

// before: it was due before all that is still to be settled. Before a restart it may
// have waited for an alert to end, as long as it could have followed then.
func (d *desk) before(a radio.Airing, slotEnd time.Time) bool {
	if d.agenda.restarted {
		return slotEnd.Add(d.own() + max(a.Grace, slack)).Before(d.agenda.settled)
	}
	return a.Start().Before(d.agenda.settled)
}

// dropTwins removes from what was added behind inherited what stands there already.
func dropTwins(all, inherited []entry) []entry {
	if len(inherited) == 0 {
		return all
	}
	known := make(map[radio.AiringID]bool, len(inherited))
	for _, e := range inherited {
		known[e.ID] = true
	}
	n := len(inherited)
	return append(all[:n:n], slices.DeleteFunc(all[n:], func(e entry) bool { return known[e.ID] })...)
}

// inherit: it fell due under a programme that was replaced, and can still be joined
// if the active one holds it too.
func (d *desk) inherit(e entry) {
	if a, ok := d.find(e.Airing); ok {
		d.agenda.list = append(d.agenda.list, entry{Airing: a, prog: d.agenda.prog, held: e.held})
		return
	}
	d.withdraw(e)
}

// withdraw: it fell due, and was taken out before it could begin.
func (d *desk) withdraw(e entry) {
	outcome, reason := radio.Decide(e.Samples, 0, false, radio.EndWithdrawn)
	d.conclude(e, outcome, reason)
}

// cutBacklog keeps the newest of what passed while the device was off.
func (d *desk) cutBacklog(now time.Time) {
	past := 0
	for past < len(d.agenda.list) && d.agenda.list[past].Start().Before(now) {
		past++
	}
	if past > maxBacklog {
		d.log.Warn("too many airings passed while the device was off; the oldest stay untold", "untold", past-maxBacklog)
		d.agenda.list = d.agenda.list[past-maxBacklog:]
	}
}

// handled: it sounds, has sounded, or has its result; at most once, across reboots
// and clock steps (design §5).
func (d *desk) handled(id radio.AiringID) bool {
	if _, ok := d.seen[id]; ok {
		return true
	}
	begun, err := d.Journal.Begun(id)
	if err != nil {
		// What this run has seen still counts.
		d.log.Error("journal cannot be asked", "airing", string(id), "error", err)
		return false
	}
	return begun
}

// see marks an airing as handled and forgets those of long ago, which the journal
// remembers.
func (d *desk) see(a radio.Airing, now time.Time) {
	d.seen[a.ID] = a.Start()
	if len(d.seen) < 2*maxBacklog {
		return
	}
	for id, start := range d.seen {
		if start.Before(now.Add(-2 * horizon)) {
			delete(d.seen, id)
		}
	}
}

// due is the instant of the first sample, with the device's own offset and stagger,
// later by what an interruption has cost its slot, or earlier by what of it could not
// sound.
func (d *desk) due(a radio.Airing) time.Time { return d.planned(a).Add(d.slipped(a)) }

// planned is the same by the plan alone.
func (d *desk) planned(a radio.Airing) time.Time { return a.Start().Add(d.own()) }

// own is what this device adds to every planned instant; not to an alert.
func (d *desk) own() time.Duration { return d.offset + d.stagger }

// gone: it is too late to join.
func (d *desk) gone(a radio.Airing, now time.Time) bool { return !now.Before(d.tooLate(a)) }

// tooLate is the first instant at which an airing cannot be begun any more: its
// grace has passed, or nothing of it is left to join. A start within slack counts
// as in time, whatever the grace.
func (d *desk) tooLate(a radio.Airing) time.Time {
	if d.late(a) {
		return d.last(a).Add(1)
	}
	last := min(a.Grace, radio.SamplesDuration(a.Samples)-joinLead)
	return d.due(a).Add(max(last, slack) + 1)
}

// absence tells why an airing was not begun when nothing stood in its way but the
// state of the device: before this run it was off, later its clock could not be
// trusted, or was set over the instant.
func (d *desk) absence(a radio.Airing) radio.Reason {
	switch start := a.Start(); {
	case start.Before(d.beganAt):
		return radio.ReasonOff
	case !start.Before(d.blindFrom) && start.Before(d.blindTo):
		return radio.ReasonClock
	}
	return radio.ReasonLate
}
