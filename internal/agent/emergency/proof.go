package emergency

import (
	"context"
	"encoding/json"
	"time"

	"loaxa/internal/radio"
)

// Prove holds every alert that is not over against another keyring, and ends those that
// are no longer proven, as a tombstone would: whoever has stolen a person's key must not
// be heard any longer than until that is revoked, and no standing alert of theirs be
// started. holds says why one is not; it is asked without any lock, for it takes a while.
// An alert that is ended does not come again under its id.
func (r *Room) Prove(ctx context.Context, holds func(a radio.Alert, envelope []byte) error) {
	defer r.flush(ctx)
	r.mu.Lock()
	r.wall = time.Time{} // who said what time it was may be revoked too
	r.mu.Unlock()
	for _, h := range r.unfinished() {
		if holds(h.alert, h.envelope) != nil {
			r.disown(h.alert.ID)
		}
	}
}

type unfinished struct {
	alert    radio.Alert
	envelope json.RawMessage
}

func (r *Room) unfinished() (list []unfinished) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.ordered() {
		if !e.over {
			list = append(list, unfinished{e.Alert, e.Envelope})
		}
	}
	return list
}

// disown ends an alert of which the signatures count no more.
func (r *Room) disown(id radio.AlertID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.alerts[id]
	if e == nil || e.over { // it has ended meanwhile
		return
	}
	r.end(e, radio.ReceiptFailed, radio.ReasonSigners, "")
	r.tell()
	r.keep(e)
}
