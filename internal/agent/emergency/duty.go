package emergency

import (
	"context"
	"time"

	"loaxa/internal/radio"
)

// Duty says what playout has to do now. Cycles of several alerts alternate: the
// earliest due first, of those the oldest alert.
func (r *Room) Duty() radio.Duty {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.judge()
	if r.now == nil {
		r.choose()
	}
	var d radio.Duty
	if r.now != nil {
		c := r.now.cycle
		d.Cycle, d.Hold = &c, true
	}
	mono := r.opts.Clock.Mono()
	wake := func(at time.Duration) {
		if at > mono && (d.Wake == 0 || at < d.Wake) {
			d.Wake = at
		}
	}
	now, known := r.time()
	for _, e := range r.alerts {
		if !e.Active {
			if until := r.early(e); !e.over && until > 0 {
				wake(mono + until)
			}
			continue
		}
		d.Hold = d.Hold || e.Begun > 0 && r.ready(e) // what cannot sound silences nobody
		wake(e.due)
		wake(e.ends)
		if known {
			wake(mono + millisUntil(e.Alert.ExpiresAt, radio.At(now)))
		}
	}
	return d
}

// judge admits what waited for the time, and ends what has expired; it needs mu.
func (r *Room) judge() {
	told := false // Run writes it down: the desk waits for no disk
	for _, e := range r.ordered() {
		switch {
		case e.over:
			continue
		case r.admit(e):
		case !e.Alert.Standing && !e.Active:
			continue // still waiting
		default:
			if r.lapsed(e) {
				r.stop(e, radio.ReasonExpired, "")
				break
			}
			valid, known := r.valid(e)
			if !known || valid || r.now != nil && r.now.id == e.Alert.ID && r.now.sounded {
				continue // what sounds plays to the end of the cycle
			}
			r.expire(e)
		}
		told = true
		r.keep(e)
	}
	if told {
		r.tell()
	}
}

// lapsed says whether the time of a run that a person started here is over. After a
// restart it goes on only while that is known: else it may have been days. It needs mu.
func (r *Room) lapsed(e *entry) bool {
	switch now, known := r.time(); {
	case !e.Local || !e.Active || r.now != nil && r.now.id == e.Alert.ID && r.now.sounded:
		return false // what sounds plays to the end of the cycle
	case e.ends > 0:
		return r.opts.Clock.Mono() >= e.ends
	case e.Ends == 0:
		return true
	default:
		return known && radio.At(now) >= e.Ends
	}
}

// expire: nothing of it begins any more.
func (r *Room) expire(e *entry) {
	switch {
	case e.Sounded > 0 && !e.Alert.Standing:
		r.end(e, radio.ReceiptDone, radio.ReasonExpired, "")
	case e.Begun > 0 && !e.Alert.Standing:
		r.end(e, radio.ReceiptFailed, radio.ReasonOutput, "")
	case e.Active && !e.Alert.Standing && !r.ready(e):
		r.end(e, radio.ReceiptFailed, radio.ReasonNoAudio, "")
	default:
		r.end(e, radio.ReceiptExpired, radio.ReasonExpired, "")
	}
}

// choose puts the next cycle that is due on duty; it needs mu.
func (r *Room) choose() {
	mono := r.opts.Clock.Mono()
	var best *entry
	for _, e := range r.ordered() {
		if !e.Active || e.due > mono || !r.ready(e) || best != nil && e.due >= best.due {
			continue
		}
		if valid, known := r.valid(e); valid && (known || e.Local && e.ends > 0) {
			best = e
		}
	}
	if best == nil {
		return
	}
	a, first := best.Alert, best.First
	if first == 0 {
		first = r.fresh(a)
	}
	sounds, lacks := r.sounds(a)
	c := radio.Cycle{Key: a.CycleKey(r.opts.Device, best.Begun+1, first), Origin: radio.FromAlert, At: r.stamp(),
		Headline: a.Headline, Drill: a.Drill, Sounds: sounds, Lacks: lacks, Voice: a.Voice}
	if best.Local {
		c.Origin = radio.FromLocal
	}
	c.ID = c.Key.ID()
	if lacks > 0 {
		r.log.Warn("a cycle lacks sounds of the emergency set", "alert", string(a.ID), "lacks", lacks)
	}
	r.now = &turn{id: a.ID, cycle: c}
}

// fresh names a run that no journal knows: a board without a battery may begin two at
// the same instant of 1970.
func (r *Room) fresh(a radio.Alert) radio.Millis {
	for at := r.stamp(); ; at++ {
		begun, err := r.opts.Journal.Begun(a.CycleKey(r.opts.Device, 1, at).ID())
		if err != nil || !begun {
			return at
		}
	}
}

// sounds gives the renditions of the roles this device has, and how many it lacks. The
// settings name them, which the online key signs; what the root has not signed is left
// out, so that a stolen online key does not choose what sounds. For a siren that is not here the one that is built in sounds; it counts as lacking all the
// same: the people behind the alert ordered another, and have to see that it is missing.
func (r *Room) sounds(a radio.Alert) (list []radio.Rendition, lacks int) {
	settings := r.opts.Plan.Settings()
	for _, role := range a.Sounds {
		s, ok := settings.EmergencyRole(role)
		ok = ok && r.opts.Plan.Vouched(s.SHA256)
		switch {
		case role == radio.RoleSiren && r.opts.StandIn != nil && !(ok && r.opts.Audio.Ready(s.SHA256)):
			list = append(list, *r.opts.StandIn)
			lacks++
		case ok:
			list = append(list, s)
		default:
			lacks++
		}
	}
	return list, lacks
}

// ready says whether something of an alert can sound now. A drill needs its
// announcement, and that in the keyring.
func (r *Room) ready(e *entry) bool {
	list, _ := r.sounds(e.Alert)
	if e.Alert.Drill {
		first, ok := r.opts.Plan.Settings().EmergencyRole(radio.RoleDrill)
		return ok && r.opts.Plan.Drills(first.SHA256) && r.opts.Audio.Ready(first.SHA256)
	}
	for _, s := range list {
		if r.opts.StandIn != nil && s.SHA256 == r.opts.StandIn.SHA256 || r.opts.Audio.Ready(s.SHA256) {
			return true
		}
	}
	return e.Alert.Voice != nil && r.opts.Audio.Ready(e.Alert.Voice.SHA256)
}

// Began is told before the record of a cycle is written: from here on it counts.
func (r *Room) Began(ctx context.Context, id radio.AiringID) {
	defer r.flush(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.onDuty(id)
	if e == nil {
		return
	}
	r.now.begun = true
	e.Begun++
	e.Running, e.First = true, r.now.cycle.Key.SlotAt
	r.keep(e)
}

// Sounded is told when the first sample of a cycle has left.
func (r *Room) Sounded(ctx context.Context, id radio.AiringID) {
	defer r.flush(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.onDuty(id)
	if e == nil {
		return
	}
	r.now.sounded = true
	if e.Alert.Standing || e.Receipt.State == radio.ReceiptRunning {
		return
	}
	r.step(e, radio.ReceiptRunning, radio.NoReason, "")
	r.tell()
	r.keep(e)
}

// onDuty gives the alert of the cycle on duty, if that is the one named; it needs mu.
func (r *Room) onDuty(id radio.AiringID) *entry {
	if r.now == nil || r.now.cycle.ID != id {
		return nil
	}
	return r.alerts[r.now.id]
}

// Why says how a cycle ends that is ordered no more.
func (r *Room) Why(id radio.AiringID) radio.Ending {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.back.id == id {
		return r.back.why
	}
	return radio.EndStopped
}

// Ended is told how a cycle came out; the next is due after the interval.
func (r *Room) Ended(ctx context.Context, c radio.Confirmation) {
	defer r.flush(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.onDuty(c.ID)
	if e == nil {
		return // it was taken back, and has its end
	}
	r.now = nil
	if c.Consumed > 0 {
		e.Sounded++
	}
	if c.Reason == radio.ReasonStopped {
		e.interrupted() // the agent is being stopped: not the alert
	} else {
		e.Done, e.Running, e.Cut = e.Done+1, false, false
	}
	e.due = r.opts.Clock.Mono() + max(time.Duration(e.Alert.IntervalS)*time.Second, atLeast)
	if e.Done >= e.Alert.Repeats {
		r.finish(e, c.Reason)
	}
	r.tell()
	r.keep(e)
}

// finish: all cycles are over.
func (r *Room) finish(e *entry, why radio.Reason) {
	switch {
	case e.Alert.Standing:
		r.stop(e, radio.NoReason, "")
	case e.Sounded > 0:
		r.end(e, radio.ReceiptDone, radio.NoReason, "")
	default:
		r.end(e, radio.ReceiptFailed, why, "")
	}
}
