package playout

import (
	"context"
	"time"

	"loaxa/internal/radio"
)

const (
	// rewind is how far before its cut an airing goes on: a listener finds the thread.
	rewind = 2 * time.Second
	// cutLead before the instant of an airing what it outranks is told to stop, so that
	// the fade has left the device's ring by then.
	cutLead = 600 * time.Millisecond
)

// interruption is why nothing planned may sound.
type interruption string

const (
	// byAlert: a cycle sounds, or an alert is silent between two.
	byAlert interruption = "alert"
	// byPause: a person far away has paused what sounds.
	byPause interruption = "pause"
)

// slotKey is one instant of one slot.
type slotKey struct {
	schedule radio.ScheduleID
	slot     radio.SlotID
	at       radio.Millis
}

func keyOf(a radio.Airing) slotKey { return slotKey{a.Schedule, a.Slot, a.SlotAt} }

// slip is the delay of one slot whose airings could not sound in time because of what
// outranks them.
type slip struct {
	by  time.Duration // below zero behind an airing that was skipped
	end time.Time     // planned end of the slot
	// paused: a person has delayed it, so what no longer fits was stopped by one.
	paused bool
}

// interrupt keeps everything planned from sounding until release: what sounds is cut
// with a fade and parked, what waits in the player is taken back. It may be repeated.
func (d *desk) interrupt(why interruption) {
	if d.held[why] {
		return
	}
	d.held[why] = true
	for _, l := range d.live {
		switch {
		case l.stopping != "":
		case l.phase == sounding:
			d.park(l)
		case l.phase == armed:
			d.slipOf(l.Airing)
			d.takeBack(l)
		}
		if s := d.slips[keyOf(l.Airing)]; s != nil && why == byPause {
			s.paused = true
		}
	}
}

// release lets the session go on, once nothing else interrupts it.
func (d *desk) release(why interruption) { delete(d.held, why) }

// park cuts an airing that sounds; it goes on when what outranks it is over.
func (d *desk) park(l *live) {
	if l.parking || l.stopping != "" || d.stream == nil {
		return
	}
	d.slipOf(l.Airing)
	mono := d.Clock.Mono()
	l.parking, l.heard, l.cutAt = true, mono, mono
	if err := d.stream.Stop(l.ID); err != nil {
		d.kill(err)
	}
}

// parked takes it back from the player after its fade.
func (l *live) parked() {
	if l.consumed > 0 {
		l.cuts++
	}
	l.rest()
	l.cut = true
}

// slipOf gives the delay of an airing's slot, which begins to be kept here.
func (d *desk) slipOf(a radio.Airing) *slip {
	k := keyOf(a)
	if s, ok := d.slips[k]; ok {
		return s
	}
	for old, s := range d.slips {
		if s.end.Add(backlogKept).Before(d.lastWall) {
			delete(d.slips, old)
		}
	}
	s := &slip{end: a.End()}
	for _, o := range d.slotOf(a) {
		if o.End().After(s.end) {
			s.end = o.End()
		}
	}
	d.slips[k] = s
	return s
}

// backlogKept is how long the delay of a slot is remembered after its planned end:
// longer than anything of it can still begin.
const backlogKept = time.Hour + radio.MaxGraceSeconds*time.Second

// slipped is by how much an airing's slot is late.
func (d *desk) slipped(a radio.Airing) time.Duration {
	if s, ok := d.slips[keyOf(a)]; ok {
		return s.by
	}
	return 0
}

// last is the latest instant at which an airing that was kept from sounding may begin
// or go on: the planned end of its slot and the grace after it.
func (d *desk) last(a radio.Airing) time.Time {
	return d.slipOf(a).end.Add(d.own() + max(a.Grace, slack))
}

// late says whether something has kept an airing's slot from sounding in time.
func (d *desk) late(a radio.Airing) bool {
	s, ok := d.slips[keyOf(a)]
	return ok && s.by >= 0
}

// pull lets the next airing of a slot follow within a second when the one before it
// could not sound, or not to its end: the rest of the slot is early then. It is not
// pulled over what another slot plans, nor out of the permitted hours.
func (d *desk) pull(gone radio.Airing) {
	now := d.Clock.Now()
	for _, e := range d.agenda.list {
		if keyOf(e.Airing) != keyOf(gone) || !e.Start().After(gone.Start()) || e.Excluded != radio.NoReason {
			continue
		}
		between := max(radio.SamplesDuration(e.Offset-gone.Offset-gone.Samples), 0)
		begin := now.Add(joinLead + between)
		over := begin.Add(radio.SamplesDuration(e.Samples))
		early := d.due(e.Airing).Sub(begin)
		if ok, _ := d.permits(begin, over); !ok || early < slack || between > touch || d.booked(keyOf(gone), begin, over) {
			return
		}
		d.slipOf(e.Airing).by -= early
		return
	}
}

// booked says whether another slot plans a sound in a span.
func (d *desk) booked(but slotKey, from, to time.Time) bool {
	for _, e := range d.agenda.list {
		begin := d.due(e.Airing)
		if keyOf(e.Airing) != but && e.Excluded == radio.NoReason && begin.Before(to) && begin.Add(radio.SamplesDuration(e.Samples)).After(from) {
			return true
		}
	}
	return false
}

// pushedOut: its slot is so late that it can no longer begin in time.
func (d *desk) pushedOut(a radio.Airing) bool {
	return d.late(a) && d.due(a).After(d.last(a))
}

// plannedMono is where on Mono an airing belongs by the plan alone.
func (d *desk) plannedMono(a radio.Airing) time.Duration {
	return d.Clock.WallToMono(d.planned(a))
}

// obstructed says whether an airing that waits has to wait on: for an interruption, for
// what outranks it, or for what was cut before it in the order of sounding.
func (d *desk) obstructed(l *live) bool {
	if len(d.held) > 0 {
		return true
	}
	begin := d.Clock.Mono()
	for _, o := range d.live {
		if o == l {
			break
		}
		if o.cut || o.parking {
			if !outranks(l.Airing, o.Airing) {
				return true
			}
		}
	}
	for _, o := range d.live {
		over := radio.SamplesDuration(l.Samples - l.reached)
		if o != l && outranks(o.Airing, l.Airing) && o.phase != waiting && o.at < begin+over && o.end() > begin {
			return true
		}
	}
	return false
}

// outranks says whether an airing cuts another that sounds (radio.Meet).
func outranks(arriving, sounding radio.Airing) bool {
	return radio.Meet(sounding.Priority.Class(), arriving.Priority.Class()) == radio.Cuts
}

// wait keeps an airing that was begun, but is obstructed; it is preempted when it no
// longer fits.
func (d *desk) wait(ctx context.Context, l *live, soon func(time.Time)) {
	last := d.last(l.Airing)
	if d.Clock.Now().After(last) {
		d.finish(ctx, l, d.pushed(l.Airing))
		return
	}
	l.held = radio.ReasonPriority
	soon(last.Add(time.Millisecond))
	for _, o := range d.live {
		if o != l && o.phase != waiting {
			soon(d.Clock.Now().Add(max(o.end()-d.Clock.Mono(), 0) + time.Millisecond))
		}
	}
}

// goOn lets an airing that was cut go on from before its cut, if it still fits.
func (d *desk) goOn(ctx context.Context, l *live, soon func(time.Time)) {
	now, mono := d.Clock.Now(), d.Clock.Mono()
	skip := rewound(l)
	from := position(l.rendition, skip)
	last := d.last(l.Airing)
	ok, _ := d.permits(now, now.Add(radio.SamplesDuration(l.Samples-from)))
	switch {
	case now.After(last) || !ok || !d.Audio.Ready(l.rendition.SHA256):
		d.finish(ctx, l, d.pushed(l.Airing))
		return
	case d.stream == nil || d.closing:
		soon(last.Add(time.Millisecond))
		return
	}
	if free := d.busyUntil(l); free > mono+slack {
		soon(now.Add(free - mono))
		return
	}
	l.origin = mono + joinLead - radio.SamplesDuration(from)
	d.follow(l)
	d.handOver(ctx, l)
}

// catchUp begins an airing that was kept from its instant: all of it, if it still fits.
func (d *desk) catchUp(ctx context.Context, l *live, soon func(time.Time)) {
	last := d.last(l.Airing)
	switch {
	case d.Clock.Now().After(last):
		d.finish(ctx, l, d.pushed(l.Airing))
	case !d.Audio.Ready(l.rendition.SHA256):
		d.finish(ctx, l, radio.EndAudio)
	case d.stream == nil || d.closing:
		soon(last.Add(time.Millisecond))
	default:
		begin := d.Clock.Mono() + joinLead
		d.slipOf(l.Airing).by += begin - l.origin
		l.origin = begin
		d.handOver(ctx, l)
	}
}

// follow moves the rest of a slot behind an airing of it that went on late.
func (d *desk) follow(l *live) {
	if s, ok := d.slips[keyOf(l.Airing)]; ok {
		s.by = max(l.origin-d.plannedMono(l.Airing), min(s.by, 0))
	}
}

// rewound is how many frames to leave out to go on from before the cut.
func rewound(l *live) int {
	wanted := l.reached - radio.DurationSamples(rewind)
	if wanted <= 0 {
		return 0
	}
	return int((wanted + int64(l.rendition.Head)) / radio.FrameSamples)
}

// cutDue cuts what an airing that is about to begin outranks.
func (d *desk) cutDue(soon func(time.Time)) {
	mono := d.Clock.Mono()
	for _, l := range d.live {
		switch {
		case l.cutAt == 0 || l.parking || l.stopping != "" || l.phase != sounding:
		case l.cutAt <= mono:
			d.park(l)
		default:
			soon(d.Clock.Now().Add(l.cutAt - mono))
		}
	}
}

// yield has everything that an airing outranks make room for it at an instant.
func (d *desk) yield(e entry, begin time.Duration) {
	for _, l := range d.live {
		if !outranks(e.Airing, l.Airing) || l.end() <= begin+slack {
			continue
		}
		switch l.phase {
		case sounding:
			if l.cutAt == 0 {
				l.cutAt = max(begin-cutLead, d.Clock.Mono())
			}
		case armed:
			d.slipOf(l.Airing)
			d.takeBack(l)
		}
	}
}
