package emergency

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
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
		return r.cancel(a)
	}
	named, known := r.alerts[a.ID]
	switch {
	case !known, named.Alert.Cancel && named.Alert.Area != a.Area:
	case named.Alert.Area == "", named.Alert.Cancel, reflect.DeepEqual(named.Alert, a):
		return nil
	case r.depth(a.Area) >= r.depth(named.Alert.Area):
		return fmt.Errorf("%w: another alert has the id %s", radio.ErrForbidden, a.ID)
	default:
		// An id is a name that anybody may have read: whoever may speak to one commune must
		// not answer for a warning to the province by taking its name first.
		r.log.Warn("an alert to a wider area takes the place of another with its id", "security", true, "alert", string(a.ID),
			"area", string(a.Area), "was", string(named.Alert.Area))
		r.takeBack(named, radio.ReasonDisplaced)
	}
	if err := r.room(a); err != nil {
		return fmt.Errorf("take alert %s: %w", a.ID, err)
	}
	// It may have come before the keyring or the emergency set that it needs.
	r.turned = slices.DeleteFunc(r.turned, func(t radio.ReceiptRecord) bool { return t.ID == string(a.ID) })
	e := &entry{state: state{Alert: a, Envelope: envelope, Keep: a.ExpiresAt.Add(keptAfter)}, taken: r.opts.Clock.Mono()}
	if known {
		e.steps = named.steps
	}
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
	case !known && !e.Alert.Standing, r.early(e) > 0:
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

// early is how long it is until an alert may begin: nobody signs for a day to come, and
// what a thief has signed for one must not outlive the search for the key. 0 where the
// time is not known. It needs mu.
func (r *Room) early(e *entry) time.Duration {
	now, known := r.time()
	if !known {
		return 0
	}
	return max(millisUntil(e.Alert.IssuedAt, radio.At(now))-aheadAtMost, 0)
}

// valid says whether an alert may still begin to sound; known is false while nobody can
// say. It needs mu.
func (r *Room) valid(e *entry) (valid, known bool) {
	if radio.At(r.opts.Clock.Passed()) >= e.Alert.ExpiresAt {
		return false, true // whatever the time is, it is later than that
	}
	if now, ok := r.time(); ok {
		return radio.At(now) < e.Alert.ExpiresAt, true
	}
	return true, false
}

// cancel takes a tombstone: it wins in whatever order the two come.
func (r *Room) cancel(t radio.Alert) error {
	e, known := r.alerts[t.ID]
	if known && e.Alert.Area != t.Area {
		return fmt.Errorf("%w: tombstone of alert %s is for another area", radio.ErrForbidden, t.ID)
	}
	if !known {
		if err := r.room(t); err != nil {
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

// room makes room for one more. What could still sound gives way only to what is for a
// wider area (displace). Of what is over the one for the narrowest area gives way, of
// these the one that expires first: that a hostile broker might repeat it is the lesser
// evil, and a stolen key of a commune must not have the device forget what the province
// has cancelled. It needs mu.
func (r *Room) room(a radio.Alert) error {
	passed := radio.At(r.opts.Clock.Passed())
	var over, tombstones, kept, standing []*entry
	for _, e := range r.alerts {
		switch {
		case e.over, !e.Active && e.Alert.ExpiresAt <= passed:
			over = append(over, e)
			if e.Alert.Cancel {
				tombstones = append(tombstones, e)
			}
		case e.Alert.Standing:
			standing = append(standing, e)
		default:
			kept = append(kept, e)
		}
	}
	first := func(a, b *entry) int {
		return cmp.Or(cmp.Compare(r.depth(b.Alert.Area), r.depth(a.Alert.Area)), cmp.Compare(a.Alert.ExpiresAt, b.Alert.ExpiresAt))
	}
	switch {
	case a.Cancel && len(tombstones) >= maxTombstones:
		if e := slices.MinFunc(tombstones, first); e.Alert.ExpiresAt <= passed || r.depth(e.Alert.Area) > r.depth(a.Area) {
			r.forget(e)
			return nil
		}
		return fmt.Errorf("%w: %d tombstones are held already", radio.ErrConflict, len(tombstones))
	case !a.Cancel && a.Standing && len(standing) >= maxStanding:
		return r.displace(standing, a)
	case !a.Cancel && !a.Standing && len(kept) >= maxKept:
		return r.displace(kept, a)
	case len(over) >= maxOver:
		r.forget(slices.MinFunc(over, first))
	}
	return nil
}

// displace ends the alert to the narrowest area, of these the newest, for one to a wider
// area: one stolen key of a commune, which can make up as many as the device holds, must
// not keep the province's warning out. What sounds at this moment stays. It needs mu.
func (r *Room) displace(held []*entry, a radio.Alert) error {
	var last *entry
	for _, e := range held {
		if r.now != nil && r.now.id == e.Alert.ID || e.Alert.Standing && e.Active {
			continue
		}
		// By when they came, as far as that is known: what an alert says of itself is its
		// signer's to choose.
		if last == nil || cmp.Or(cmp.Compare(r.depth(e.Alert.Area), r.depth(last.Alert.Area)), cmp.Compare(e.taken, last.taken),
			cmp.Compare(e.Alert.IssuedAt, last.Alert.IssuedAt), cmp.Compare(e.Alert.ID, last.Alert.ID)) > 0 {
			last = e
		}
	}
	if last == nil || r.depth(last.Alert.Area) <= r.depth(a.Area) {
		return fmt.Errorf("%w: %d alerts are held already", radio.ErrConflict, len(held))
	}
	r.end(last, radio.ReceiptFailed, radio.ReasonDisplaced, "")
	r.keep(last)
	return nil
}

// depth is how narrow an area is; the whole province is 0.
func (r *Room) depth(area radio.AreaID) int {
	var place []radio.AreaID
	if r.opts.Areas != nil {
		place = r.opts.Areas()
	}
	if i := slices.Index(place, area); i >= 0 {
		return i
	}
	return len(place)
}

// forget needs mu; flush does the same to the file.
func (r *Room) forget(e *entry) {
	delete(r.alerts, e.Alert.ID)
	r.forgotten = append(r.forgotten, e.Alert.ID)
}

// TurnAway tells the centre why a proven message is not carried out. What is known of
// the alert stays.
func (r *Room) TurnAway(ctx context.Context, id radio.AlertID, why radio.Reason) {
	rec, news := r.turn(id, why)
	if !news {
		return
	}
	if _, err := r.opts.Journal.Append(ctx, radio.Record{Kind: radio.RecordReceipt, Receipt: &rec}); err != nil {
		r.log.Error("a rejection is not recorded", "alert", string(id), "error", err)
	}
}

func (r *Room) turn(id radio.AlertID, why radio.Reason) (rec radio.ReceiptRecord, news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.alerts[id]
	if known || slices.ContainsFunc(r.turned, func(t radio.ReceiptRecord) bool { return t.ID == string(id) }) {
		return rec, false
	}
	rec = radio.ReceiptRecord{ID: string(id), State: radio.ReceiptRejected, Reason: why, At: r.stamp()}
	r.turned = append(r.turned, rec)
	r.turned = r.turned[max(len(r.turned)-maxTurnedAway, 0):]
	r.tell()
	return rec, true
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
	r.stash = append(r.stash, voice{sha: sha, data: data})
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
		err := r.store(v)
		if err == nil {
			continue
		}
		if !v.told {
			r.log.Warn("a voice is not stored", "sha256", string(v.sha), "error", err)
		}
		if v.told = true; errors.Is(err, radio.ErrUnavailable) {
			// Who fetches it makes room for it first, also when nothing can be fetched.
			r.mu.Lock()
			r.stash = append(r.stash, v)
			r.stash = r.stash[max(len(r.stash)-maxStash, 0):]
			r.mu.Unlock()
		}
	}
}

// stashed says whether a voice is here that only lacks room; it needs mu.
func (r *Room) stashed(sha radio.SHA256) bool {
	return slices.ContainsFunc(r.stash, func(v voice) bool { return v.sha == sha })
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

// Wanted lists the voices that are to be here: those that are, which must not make room
// for a bulletin, and those that did not come by themselves.
func (r *Room) Wanted() []radio.Rendition {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []radio.Rendition
	mono := r.opts.Clock.Mono()
	for _, e := range r.ordered() {
		v := e.Alert.Voice
		if v == nil || e.over {
			continue
		}
		if mayCome := e.taken > 0 && mono < e.taken+voiceWait; mayCome && !r.stashed(v.SHA256) && !r.opts.Audio.Ready(v.SHA256) {
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
// answers for it, so that neither a network nor a trusted clock is needed. One that has
// passed its end for certain does not start, nor one of which nothing could sound now.
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
	if r.early(e) > 0 {
		return fmt.Errorf("%w: standing alert %s begins later", radio.ErrConflict, id)
	}
	if e.Active {
		return fmt.Errorf("%w: standing alert %s sounds already", radio.ErrConflict, id)
	}
	if !r.ready(e) {
		return fmt.Errorf("%w: the sounds of standing alert %s are not here", radio.ErrUnavailable, id)
	}
	e.Active, e.Local, e.First, e.Begun, e.Done, e.Sounded, e.Running, e.Cut = true, true, 0, 0, 0, 0, false, false
	e.due = r.opts.Clock.Mono()
	most := min(time.Duration(e.Alert.Repeats)*(time.Duration(e.Alert.IntervalS)*time.Second+localCycle), radio.MaxAlertLife)
	e.ends, e.Ends = e.due+most, 0
	if now, known := r.time(); known {
		e.Ends = radio.At(now.Add(most))
	}
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
	e.Active, e.Running, e.ends, e.Ends = false, false, 0, 0
	r.takeBack(e, why)
	r.note(e, radio.ReceiptRecord{ID: string(e.Alert.ID), State: radio.ReceiptAccepted, Reason: why, At: r.stamp(), Who: radio.WhoLocal})
}

func millisUntil(at, now radio.Millis) time.Duration { return time.Duration(at-now) * time.Millisecond }
