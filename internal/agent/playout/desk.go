package playout

import (
	"context"
	"fmt"
	"sync"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// desk is the state of one Run; it belongs to Run's goroutine.
type desk struct {
	*Playout
	alarm *alarm
	book  *book
	caps  caps

	agenda agenda
	live   []*live // with the player, or on the way back to it; in order of sounding
	seen   map[radio.AiringID]time.Time

	inspected map[radio.AiringID]struct{}
	beside    sync.WaitGroup // what runs beside the desk

	// What was taken from Plan.
	revision int64 // of the programme; −1 before the first look
	policy   radio.Policy
	hours    *timetable.Hours // nil: no policy can be read, nothing is permitted
	offset   time.Duration    // of this device, for all that is planned
	stagger  time.Duration    // besides, for speech: against echo between neighbours
	kbps     int

	// What is known of the clock.
	began    time.Duration // Mono when Run began
	beganAt  time.Time     // the same by the first clock that could be trusted
	blind    bool          // the clock cannot be trusted
	since    time.Duration // Mono when it began to be so
	reading  clock.Reading
	lastWall time.Time
	lastMono time.Duration
	// The last time it was so, by the clock that was trusted after it.
	blindFrom, blindTo time.Time

	// What keeps planned airings from sounding, and what that has cost their slots.
	held  map[interruption]bool
	slips map[slotKey]*slip
	round *round // the cycle of an alert that is under way; nil for none

	// What a person far away wants.
	volume  float64       // dB on top of the policy's
	pausing time.Duration // on Mono: when the pause ends by itself
	tone    *tone         // a test tone under way; nil for none

	streamState
	power powerState
}

func newDesk(p *Playout) *desk {
	mono := p.Clock.Mono()
	return &desk{
		Playout: p, alarm: newAlarm(p.Clock, p.log), revision: -1,
		book: &book{journal: p.Journal, faults: p.Faults, log: p.log},
		seen: map[radio.AiringID]time.Time{}, inspected: map[radio.AiringID]struct{}{}, began: mono,
		blind: true, since: mono, volume: p.VolumeDB, held: map[interruption]bool{}, slips: map[slotKey]*slip{},
		streamState: streamState{opened: make(chan opening, 1), output: radio.OutputStatus{State: "idle"}},
	}
}

// recover gives what a power cut left without a result the one it deserves: at
// least what the last checkpoint says (design §3).
func (d *desk) recover(ctx context.Context) {
	cut, checkpoints, err := d.Journal.Unfinished(ctx)
	if err != nil {
		d.log.Error("journal does not say what a power cut ended", "error", err)
		d.Faults.Raise(ctx, FaultJournal, err.Error())
		return
	}
	if err := d.caps.recall(ctx, d.Journal); err != nil {
		d.log.Error("journal does not say what has sounded today", "error", err)
		d.Faults.Raise(ctx, FaultJournal, err.Error())
	}
	for _, a := range cut {
		consumed := checkpoints[a.ID]
		outcome, reason := radio.Decide(a.Samples, consumed, false, radio.EndPower)
		d.seen[a.ID] = a.Start.Time()
		d.log.Warn("airing was cut by a restart", "airing", string(a.ID), "outcome", string(outcome), "consumed", consumed)
		c := radio.Confirmation{
			ID: a.ID, Origin: a.Origin, Key: a.Key, Start: a.Start, Revision: a.Revision, SHA256: a.SHA256,
			Outcome: outcome, Reason: reason, Expected: a.Samples, Consumed: consumed, AtLeast: true,
		}
		d.caps.count(c)
		d.book.later(radio.Record{Kind: radio.RecordResult, Result: &c})
	}
}

// step does all that is due and says when to look again. It is safe to call at any
// moment and as often as one likes.
func (d *desk) step(ctx context.Context) time.Time {
	d.book.pay(ctx)
	wake := d.Clock.Now().Add(BeatEvery)
	soon := func(t time.Time) {
		if t.Before(wake) {
			wake = t
		}
	}
	d.watchClock(ctx, soon)
	d.takePlan(ctx)
	d.watchStream(soon)
	wanted := d.alert(ctx, soon)
	d.endPause(soon)
	if d.blind {
		d.recall()
	} else {
		now := d.Clock.Now()
		d.refresh(now)
		d.guard(now, soon)
		d.resume(ctx, soon)
		planned := d.settle(ctx, soon)
		d.cutDue(soon)
		d.followHour(now, soon)
		wanted = wanted || planned && len(d.held) == 0
	}
	wanted = d.sayTone(ctx, soon) || wanted
	d.manageStream(ctx, wanted, soon)
	d.amplify(soon)
	if d.book.turn(ctx) {
		soon(d.Clock.Now())
	}
	if len(d.book.owed) > 0 {
		soon(d.Clock.Now().Add(owedEvery))
	}
	d.show()
	return wake
}

// watchClock notes steps and changes of trust in the journal.
func (d *desk) watchClock(ctx context.Context, soon func(time.Time)) {
	now, mono, r := d.Clock.Now(), d.Clock.Mono(), d.Clock.State()
	var step time.Duration
	if !d.lastWall.IsZero() {
		step = now.Sub(d.lastWall) - (mono - d.lastMono)
	}
	d.lastWall, d.lastMono = now, mono
	stepped := step.Abs() > time.Second
	if stepped || r.State != d.reading.State || r.Source != d.reading.Source {
		d.log.Info("clock", "state", string(r.State), "source", string(r.Source), "step", step.Round(time.Millisecond).String())
		d.book.write(ctx, radio.Record{Kind: radio.RecordClock, Step: &radio.ClockRecord{
			StepMS: step.Milliseconds(), From: string(d.reading.State), To: string(r.State)}})
	}
	d.reading = r
	if stepped {
		d.agenda.dirty = true
	}
	switch {
	case !r.Usable() && !d.blind:
		d.blind, d.since = true, mono
	case r.Usable() && d.blind:
		d.blind, d.agenda.dirty = false, true
		d.blindFrom, d.blindTo = now.Add(d.since-mono), now
		if d.beganAt.IsZero() {
			d.beganAt = now.Add(d.began - mono)
		}
	}
	if d.blind {
		// A change between this look and the arming of the alarm does not ring.
		soon(now.Add(time.Second))
	}
	if d.blind && mono-d.since >= blindFault {
		d.Faults.Raise(ctx, FaultClock, "the clock cannot be trusted (source "+string(r.Source)+"): planned airings do not sound")
	} else if by := r.Against; !d.blind && by.Abs() > clock.MaxBound {
		// The hours of the village are kept by this clock: a person has to look who is wrong.
		d.Faults.Raise(ctx, FaultClock, fmt.Sprintf("this device (source %s) and the centre differ by %s: one of them has the wrong time",
			r.Source, by.Abs().Round(time.Minute)))
	} else if !d.blind {
		d.Faults.Clear(ctx, FaultClock)
	}
}

// takePlan looks whether a document has changed.
func (d *desk) takePlan(ctx context.Context) {
	settings := d.Plan.Settings()
	d.offset = time.Duration(settings.OffsetMS) * time.Millisecond
	d.stagger = time.Duration(settings.StaggerMS) * time.Millisecond
	d.kbps = settings.Rendition
	policy := d.Plan.Policy()
	if d.hours == nil || policy.Revision != d.policy.Revision || policy.ID != d.policy.ID || policy.Zone != d.policy.Zone {
		d.setPolicy(ctx, policy)
	}
	prog, ok := d.Plan.Programme()
	switch {
	case !ok && d.revision != 0:
		d.revision = 0
		d.setProgramme(ctx, nil)
	case ok && prog.Revision != d.revision:
		d.revision = prog.Revision
		d.setProgramme(ctx, prog)
	}
	for _, l := range d.live {
		d.guardApproval(l)
	}
}

func (d *desk) setPolicy(ctx context.Context, p radio.Policy) {
	d.policy = p
	d.caps.tally = nil // its days are those of a zone
	hours, err := timetable.NewHours(p)
	if err != nil {
		// Without a rule nothing is permitted (design §6).
		d.hours = nil
		d.log.Error("policy cannot be read, nothing may sound", "revision", p.Revision, "error", err)
		d.Faults.Raise(ctx, FaultPolicy, err.Error())
		return
	}
	d.hours = &hours
	d.Faults.Clear(ctx, FaultPolicy)
}

// permits is the policy's answer; until is the end of the permitted time.
func (d *desk) permits(start, end time.Time) (bool, time.Time) {
	if d.hours == nil {
		return false, start
	}
	return d.hours.Permits(start, end)
}

// show publishes what the status may see.
func (d *desk) show() {
	v := view{Output: d.output, Beat: d.lastMono}
	v.Output.Amplifier = d.amplifierState()
	v.Sessions, v.Samples = d.today()
	for _, l := range d.live {
		if l.phase == sounding {
			v.Sounding = &radio.SoundingStatus{ID: l.ID, Title: l.Title, Consumed: l.base + l.counted(), Samples: l.Samples}
		} else {
			v.Next = append(v.Next, d.next(l.Airing))
		}
	}
	for _, e := range d.agenda.list {
		if len(v.Next) == nextShown {
			break
		}
		if e.End().After(d.lastWall) {
			v.Next = append(v.Next, d.next(e.Airing))
		}
	}
	if s := d.roundSounding(); s != nil {
		v.Sounding = s
	}
	if s := d.toneSounding(); s != nil {
		v.Sounding = s
	}
	v.Volume, v.Paused = d.volume, d.held[byPause]
	d.mu.Lock()
	defer d.mu.Unlock()
	if v.sounding() != d.view.sounding() {
		close(d.changed)
		d.changed = make(chan struct{})
	}
	d.view = v
}

// sounding names what sounds; "" for nothing.
func (v view) sounding() radio.AiringID {
	if v.Sounding == nil {
		return ""
	}
	return v.Sounding.ID
}

// nextShown bounds the list of coming airings in the status.
const nextShown = 20

func (d *desk) next(a radio.Airing) radio.NextAiring {
	_, ready := d.rendition(a)
	n := radio.NextAiring{ID: a.ID, Start: radio.At(a.Start()), Samples: a.Samples, Title: a.Title,
		Priority: a.Priority, Ready: ready, Excluded: a.Excluded}
	if n.Excluded == radio.NoReason && d.unapproved(a) {
		n.Excluded = radio.ReasonSignature
	}
	return n
}

// close ends what sounds with a fade, writes it down and waits for the player to go.
func (d *desk) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	for _, l := range d.live {
		d.stop(l, radio.EndStopped)
	}
	d.endRound(ctx, radio.EndStopped)
	d.endTone(ctx, radio.EndStopped)
	for d.stream != nil && (len(d.live) > 0 || d.round != nil || d.tone != nil) && ctx.Err() == nil {
		select {
		case e, ok := <-d.events():
			d.onEvent(ctx, e, ok)
		case <-ctx.Done():
		}
	}
	for len(d.live) > 0 {
		d.finish(ctx, d.live[0], d.live[0].stopping)
	}
	if d.round != nil {
		d.finishRound(ctx, radio.EndStopped)
	}
	if d.tone != nil {
		d.finishTone(ctx, radio.EndStopped)
	}
	d.closeStream(ctx)
	d.unpower()
	for d.book.turn(ctx) {
	}
	if n := len(d.book.owed); n > 0 && !d.book.pay(ctx) {
		d.log.Error("records are lost: the journal cannot be written", "records", fmt.Sprint(n))
	}
}
