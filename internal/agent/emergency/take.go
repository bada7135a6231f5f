package emergency

import (
	"context"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// Take takes a proven alert, or the proven tombstone of one. One that is known changes
// nothing, however often it comes. An error is of one of radio's kinds and final.
func (r *Room) Take(ctx context.Context, a radio.Alert, envelope []byte) error {
	defer r.unstash()
	defer r.flush(ctx) // after the desk could see it
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.tell()
	if a.Cancel {
		return r.cancel(ctx, a)
	}
	if e, known := r.alerts[a.ID]; known && (!e.Alert.Cancel || e.Alert.Area == a.Area) {
		return nil
	}
	if err := r.room(ctx); err != nil {
		return fmt.Errorf("take alert %s: %w", a.ID, err)
	}
	e := &entry{state: state{Alert: a, Envelope: envelope, Keep: a.ExpiresAt.Add(keptAfter)}, taken: r.opts.Clock.Mono()}
	r.alerts[a.ID] = e
	r.step(e, radio.ReceiptReceived, radio.NoReason, "")
	r.admit(e)
	r.keep(e)
	return nil
}

// admit judges an alert that has come by the time, if that is known; it needs mu.
func (r *Room) admit(e *entry) (changed bool) {
	if e.over || e.Receipt.State != radio.ReceiptReceived {
		return false
	}
	valid, known := r.valid(e)
	switch {
	case known && !valid:
		r.end(e, radio.ReceiptExpired, radio.ReasonExpired, "")
	case !known && !e.Alert.Standing:
		return false // kept, and not sounded, until somebody proves what time it is
	default:
		r.step(e, radio.ReceiptAccepted, radio.NoReason, "")
		e.Active, e.due = !e.Alert.Standing, r.opts.Clock.Mono()
		if now, ok := r.time(); ok && radio.At(now).Sub(e.Alert.IssuedAt) > lateAfter && radio.At(now.Add(tombWait)) < e.Alert.ExpiresAt {
			e.due += tombWait
		}
	}
	return true
}

// valid says whether an alert may still begin to sound; known is false while nobody can
// say. It needs mu.
func (r *Room) valid(e *entry) (valid, known bool) {
	if radio.At(r.opts.Clock.Latest()) >= e.Alert.ExpiresAt {
		return false, true // whatever the time is, it is later than that
	}
	if now, ok := r.time(); ok {
		return radio.At(now) < e.Alert.ExpiresAt, true
	}
	return true, false
}

// cancel takes a tombstone: it wins in whatever order the two come.
func (r *Room) cancel(ctx context.Context, t radio.Alert) error {
	e, known := r.alerts[t.ID]
	if known && e.Alert.Area != t.Area {
		return fmt.Errorf("%w: tombstone of alert %s is for another area", radio.ErrForbidden, t.ID)
	}
	if !known {
		if err := r.room(ctx); err != nil {
			return fmt.Errorf("take the tombstone of alert %s: %w", t.ID, err)
		}
		e = &entry{state: state{Alert: t}}
		r.alerts[t.ID] = e
	}
	e.Keep = max(e.Keep, t.ExpiresAt.Add(keptAfter))
	if e.over && known {
		return nil
	}
	r.end(e, radio.ReceiptDone, radio.ReasonCancelled, "")
	r.keep(e)
	return nil
}

// room makes room for one more: what has expired longest ago goes first. What could
// still sound, or come again, is never forgotten for it. It needs mu.
func (r *Room) room(ctx context.Context) error {
	if len(r.alerts) < maxKept {
		return nil
	}
	latest := radio.At(r.opts.Clock.Latest())
	var oldest *entry
	for _, e := range r.alerts {
		if !e.Active && e.Alert.ExpiresAt <= latest && (oldest == nil || e.Alert.ExpiresAt < oldest.Alert.ExpiresAt) {
			oldest = e
		}
	}
	if oldest == nil {
		return fmt.Errorf("%w: %d alerts are held already", radio.ErrConflict, len(r.alerts))
	}
	delete(r.alerts, oldest.Alert.ID)
	if err := r.opts.Journal.ForgetAlert(ctx, oldest.Alert.ID); err != nil {
		r.log.Error("an old alert is not forgotten", "alert", string(oldest.Alert.ID), "error", err)
	}
	return nil
}

// TurnAway tells the centre why a proven message is not carried out. What is known of
// the alert stays.
func (r *Room) TurnAway(ctx context.Context, id radio.AlertID, why radio.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.turned {
		if t.ID == string(id) {
			return
		}
	}
	if _, known := r.alerts[id]; known {
		return
	}
	rec := radio.ReceiptRecord{ID: string(id), State: radio.ReceiptRejected, Reason: why, At: r.stamp()}
	r.turned = append(r.turned, rec)
	r.turned = r.turned[max(len(r.turned)-maxTurnedAway, 0):]
	if _, err := r.opts.Journal.Append(ctx, radio.Record{Kind: radio.RecordReceipt, Receipt: &rec}); err != nil {
		r.log.Error("a rejection is not recorded", "alert", string(id), "error", err)
	}
	r.tell()
}

// TakeVoice takes the bytes of a voice that have the hash they are named by. They count
// once an alert names them too.
func (r *Room) TakeVoice(_ context.Context, sha radio.SHA256, data []byte) error {
	if r.opts.Audio.Ready(sha) {
		return nil
	}
	defer r.unstash()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.stash {
		if v.sha == sha {
			return nil
		}
	}
	r.stash = append(r.stash, voice{sha, data})
	r.stash = r.stash[max(len(r.stash)-maxStash, 0):]
	return nil
}

// unstash puts voices that an alert waits for where playout finds them. It is called
// without mu, as flush is.
func (r *Room) unstash() {
	r.mu.Lock()
	var left, wanted []voice
	for _, v := range r.stash {
		if r.names(v.sha, int64(len(v.data))) {
			wanted = append(wanted, v)
		} else {
			left = append(left, v)
		}
	}
	r.stash = left
	r.mu.Unlock()
	for _, v := range wanted {
		if err := r.store(v); err != nil {
			// It is fetched, which makes room first.
			r.log.Warn("a voice is not stored", "sha256", string(v.sha), "error", err)
		}
	}
}

// names says whether an alert that may sound waits for these bytes; it needs mu.
func (r *Room) names(sha radio.SHA256, size int64) bool {
	for _, e := range r.alerts {
		if v := e.Alert.Voice; v != nil && !e.over && v.SHA256 == sha && v.Bytes == size {
			return true
		}
	}
	return false
}

// store puts a voice into the cache: from its beginning, also when part of it was
// fetched before.
func (r *Room) store(v voice) error {
	have, err := r.opts.Audio.Begin(v.sha, int64(len(v.data)))
	if err != nil {
		return err
	}
	if have < int64(len(v.data)) {
		if err := r.opts.Audio.Put(v.sha, v.data); err != nil {
			return err
		}
	}
	return r.opts.Audio.Commit(v.sha)
}

// Wanted lists the voices that are to be fetched: those that did not come by themselves.
func (r *Room) Wanted() []radio.Rendition {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []radio.Rendition
	mono := r.opts.Clock.Mono()
	for _, e := range r.ordered() {
		v := e.Alert.Voice
		if v == nil || e.over || e.taken > 0 && mono < e.taken+voiceWait {
			continue
		}
		list = append(list, *v)
	}
	return list
}

// Lacks lists the voices that are still not here, for the centre to send again.
func (r *Room) Lacks() []radio.SHA256 {
	var list []radio.SHA256
	for _, v := range r.Wanted() {
		if !r.opts.Audio.Ready(v.SHA256) && !slices.Contains(list, v.SHA256) {
			list = append(list, v.SHA256)
		}
	}
	return list
}

// Start makes a standing alert sound: a person with the PIN stands at the device and
// answers for it, so that neither a network nor a trusted clock is needed. One that is
// past its end by any clock does not start.
func (r *Room) Start(ctx context.Context, id radio.AlertID) error {
	defer r.flush(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	e, known := r.alerts[id]
	if !known || !e.Alert.Standing {
		return fmt.Errorf("%w: no standing alert %.26q", radio.ErrNotFound, string(id))
	}
	if valid, _ := r.valid(e); e.over || !valid {
		return fmt.Errorf("%w: standing alert %s has ended", radio.ErrConflict, id)
	}
	if e.Active {
		return fmt.Errorf("%w: standing alert %s sounds already", radio.ErrConflict, id)
	}
	e.Active, e.Local, e.First, e.Begun, e.Done, e.Sounded, e.Running, e.Cut = true, true, 0, 0, 0, 0, false, false
	e.due = r.opts.Clock.Mono()
	r.note(e, radio.ReceiptRecord{ID: string(id), State: radio.ReceiptRunning, Reason: radio.ReasonLocalStart, At: r.stamp(), Who: radio.WhoLocal})
	r.tell()
	r.keep(e)
	return nil
}

// Stop ends every alert that sounds or is between two cycles, because a person with the
// PIN says so, and gives their number.
func (r *Room) Stop(ctx context.Context) int {
	defer r.flush(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	stopped := 0
	for _, e := range r.ordered() {
		if !e.Active {
			continue
		}
		stopped++
		r.stop(e, radio.ReasonLocalStop, radio.WhoLocal)
		r.tell()
		r.keep(e)
	}
	return stopped
}

// stop ends the cycles of an alert; a standing one is kept for another time.
func (r *Room) stop(e *entry, why radio.Reason, who string) {
	if !e.Alert.Standing {
		r.end(e, radio.ReceiptDone, why, who)
		return
	}
	e.Active, e.Running = false, false
	r.takeBack(e, why)
	r.note(e, radio.ReceiptRecord{ID: string(e.Alert.ID), State: radio.ReceiptAccepted, Reason: why, At: r.stamp(), Who: radio.WhoLocal})
}

func millisUntil(at, now radio.Millis) time.Duration { return time.Duration(at-now) * time.Millisecond }
