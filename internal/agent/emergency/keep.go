package emergency

import (
	"context"
	"encoding/json"
	"slices"

	"loaxa/internal/radio"
)

// keep notes that an entry has changed; flush writes it. It needs mu.
func (r *Room) keep(e *entry) {
	if e.over {
		e.Envelope, e.Active = nil, false
	}
	e.unset = true
}

// flush writes what has changed, with the records of its steps. It is called without mu:
// the desk must not wait for a slow disk to cut what sounds. What cannot be written is
// tried again: a full disk is no reason for silence either.
func (r *Room) flush(ctx context.Context) {
	r.disk.Lock()
	defer r.disk.Unlock()
	for _, id := range r.gone() {
		if err := r.opts.Journal.ForgetAlert(context.WithoutCancel(ctx), id); err != nil {
			r.log.Error("an old alert is not forgotten, trying again", "alert", string(id), "error", err)
			r.mu.Lock()
			r.forgotten = append(r.forgotten, id)
			r.forgotten = r.forgotten[max(len(r.forgotten)-maxOver, 0):]
			r.mu.Unlock()
		}
	}
	tried := map[*entry]bool{}
	for {
		k, steps, e := r.unwritten(tried)
		if e == nil {
			return
		}
		tried[e] = true
		err := r.opts.Journal.SetAlert(context.WithoutCancel(ctx), k, steps...)
		if err == nil {
			continue
		}
		r.log.Error("an alert is not kept, trying again", "alert", string(k.ID), "error", err)
		r.mu.Lock()
		e.unset, e.steps = true, append(steps, e.steps...)
		e.steps = e.steps[max(len(e.steps)-maxKept, 0):]
		r.mu.Unlock()
	}
}

// gone takes the ids that the file is to forget; one that has come again is not.
func (r *Room) gone() []radio.AlertID {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.DeleteFunc(r.forgotten, func(id radio.AlertID) bool { return r.alerts[id] != nil })
	r.forgotten = nil
	return list
}

// unwritten takes the next change that was not tried yet; its entry is nil when there is
// none.
func (r *Room) unwritten(tried map[*entry]bool) (radio.KeptAlert, []radio.Record, *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, e := range r.alerts {
		if !e.unset || tried[e] {
			continue
		}
		b, err := json.Marshal(e.state)
		if err != nil {
			r.log.Error("an alert cannot be written", "alert", string(id), "error", err) // it came as JSON
			continue
		}
		steps := e.steps
		e.unset, e.steps = false, nil
		return radio.KeptAlert{ID: id, Over: e.over, State: b}, steps, e
	}
	return radio.KeptAlert{}, nil, nil
}
