package playout

import (
	"context"
	"time"

	"loaxa/internal/radio"
)

const (
	// skipLead is how soon behind a skip the next item begins: the fade has left the ring
	// by then.
	skipLead = 600 * time.Millisecond
	// pauseMost ends a pause that nobody ends.
	pauseMost = 30 * time.Minute
	// quietest is the least gain the player takes.
	quietest = -60.0
)

// Obey carries out a proven command about what sounds, except the test tone. A reason
// tells why it is not done: priority while an alert is under way, idle when nothing is
// there to do it to.
func (p *Playout) Obey(ctx context.Context, c radio.Command) (why radio.Reason, err error) {
	err = p.tell(ctx, func(ctx context.Context, d *desk) { why = d.obey(ctx, c) })
	return why, err
}

func (d *desk) obey(ctx context.Context, c radio.Command) radio.Reason {
	switch {
	case c.Do == radio.CommandVolume:
		return d.setVolume(c.GainDB)
	case c.Do == radio.CommandResume:
		return d.unpause()
	case d.alerted():
		return radio.ReasonPriority
	}
	switch c.Do {
	case radio.CommandStop:
		return d.stopRemote(ctx, c.Airing)
	case radio.CommandSkip:
		return d.skip(ctx, c.Airing)
	case radio.CommandPause:
		return d.pause()
	}
	return radio.ReasonUnsupported
}

// alerted says whether an alert is under way: no command stands in its way.
func (d *desk) alerted() bool { return d.round != nil || d.held[byAlert] }

// setVolume holds for everything but alerts, and at once for what sounds.
func (d *desk) setVolume(db float64) radio.Reason {
	d.volume = db
	for _, l := range d.playing() {
		if l.phase == waiting || l.rearm || l.stopping != "" || l.round != nil || d.stream == nil {
			continue
		}
		l.gain = d.loud(l.ownGain)
		if err := d.stream.Gain(l.ID, l.gain); err != nil {
			d.kill(err)
		}
	}
	return radio.NoReason
}

// loud is an item's own gain with the volume.
func (d *desk) loud(own float64) float64 { return max(own+d.volume, quietest) }

// stopRemote ends what sounds or is cut, or the slot that is silent between two items,
// with the rest of its slot, and a pause: behind it there is nothing to go on with.
func (d *desk) stopRemote(ctx context.Context, only radio.AiringID) radio.Reason {
	slots := map[slotKey]bool{}
	if only == "" {
		slots = d.underWay()
	}
	for _, l := range d.live {
		if (l.phase == sounding || l.cut || l.parking) && l.stopping == "" && l.ID == only {
			slots[keyOf(l.Airing)] = true
		}
	}
	toned := d.tone != nil && (only == "" || only == d.tone.ID)
	if len(slots) == 0 && !toned {
		return radio.ReasonIdle
	}
	if toned {
		d.endTone(ctx, radio.EndStopped)
	}
	d.endSlots(ctx, slots, radio.EndStopped, func(radio.AiringID) {})
	d.unpause()
	return radio.NoReason
}

// skip ends what sounds; what stands behind it in its slot moves up.
func (d *desk) skip(ctx context.Context, only radio.AiringID) radio.Reason {
	for _, l := range d.live {
		if l.phase != sounding || l.stopping != "" || l.parking || only != "" && l.ID != only {
			continue
		}
		d.stop(l, radio.EndStopped)
		l.cutAt = d.Clock.Mono() // its place is free from here on
		d.moveUp(l)
		return radio.NoReason
	}
	if d.tone != nil && (only == "" || only == d.tone.ID) {
		d.endTone(ctx, radio.EndStopped)
		return radio.NoReason
	}
	return radio.ReasonIdle
}

// moveUp begins the rest of a slot behind an airing that ends now.
func (d *desk) moveUp(l *live) {
	var next *radio.Airing
	see := func(a radio.Airing) {
		if keyOf(a) == keyOf(l.Airing) && a.Excluded == radio.NoReason && a.Start().After(l.Start()) && (next == nil || a.Start().Before(next.Start())) {
			next = &a
		}
	}
	for _, o := range d.live {
		if o != l && o.stopping == "" {
			see(o.Airing)
		}
	}
	for _, e := range d.agenda.list {
		see(e.Airing)
	}
	if next == nil {
		return
	}
	s := d.slipOf(l.Airing)
	s.by = min(s.by, d.Clock.Mono()+skipLead-d.plannedMono(*next))
}

// earliest is by how much the most hurried slot is ahead of its plan; zero or less.
func (d *desk) earliest() time.Duration {
	var by time.Duration
	for _, s := range d.slips {
		by = min(by, s.by)
	}
	return by
}

// pause keeps everything planned from sounding until resume, or for pauseMost.
func (d *desk) pause() radio.Reason {
	if d.held[byPause] {
		return radio.NoReason // it is so already; its end stays
	}
	if d.tone != nil {
		return radio.ReasonBusy
	}
	for _, l := range d.live {
		if l.phase == sounding && l.stopping == "" {
			d.pausing = d.Clock.Mono() + pauseMost
			d.interrupt(byPause)
			return radio.NoReason
		}
	}
	return radio.ReasonIdle
}

func (d *desk) unpause() radio.Reason {
	if !d.held[byPause] {
		return radio.ReasonIdle
	}
	d.release(byPause)
	return radio.NoReason
}

// endPause lets the session go on when nobody has for a long time.
func (d *desk) endPause(soon func(time.Time)) {
	if !d.held[byPause] {
		return
	}
	left := d.pausing - d.Clock.Mono()
	if left > 0 {
		soon(d.Clock.Now().Add(left))
		return
	}
	d.log.Info("the pause ends by itself")
	d.release(byPause)
}

// pushed is how an airing ends that no longer fits behind what has delayed its slot: a
// person who paused it has stopped it.
func (d *desk) pushed(a radio.Airing) radio.Ending {
	if s, ok := d.slips[keyOf(a)]; ok && s.paused {
		return radio.EndStopped
	}
	return radio.EndPriority
}

func (d *desk) pushedVerdict(a radio.Airing) verdict {
	outcome, reason := radio.Decide(a.Samples, 0, false, d.pushed(a))
	return verdict{outcome: outcome, reason: reason}
}
