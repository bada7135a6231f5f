package control

import (
	"context"
	"encoding/json"
	"time"

	"loaxa/internal/radio"
)

// Run carries out what was taken, one behind the other, until ctx ends. A test tone
// sounds while it goes on: a stop must reach it.
func (r *Room) Run(ctx context.Context, desk Desk) error {
	r.desk = desk
	signal(r.wake)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case w := <-r.tone:
			r.onTone(ctx, w)
		case <-tick.C:
			r.tidy(ctx)
		}
		for e := r.next(); e != nil && ctx.Err() == nil; e = r.next() {
			r.do(ctx, e)
		}
		if r.restarting(ctx) {
			r.opts.Restart()
			<-ctx.Done() // nothing more is begun
			return nil
		}
	}
}

// next is the oldest command that waits; none behind a restart.
func (r *Room) next() *entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.restart {
		return nil
	}
	for _, e := range r.ordered() {
		if e.Receipt.State == radio.ReceiptAccepted && !e.begun {
			e.begun = true
			return e
		}
	}
	return nil
}

// do carries out one command. It belongs to Run's goroutine; the desk is asked without
// mu, so that link and inbox do not wait for it.
func (r *Room) do(ctx context.Context, e *entry) {
	c := e.Command
	r.mu.Lock()
	now, known := r.time()
	r.mu.Unlock()
	if known && radio.At(now) >= c.ExpiresAt {
		r.finish(ctx, e, radio.ReceiptExpired, radio.ReasonExpired)
		return
	}
	var why radio.Reason
	var err error
	switch c.Do {
	case radio.CommandRestart:
		r.mu.Lock()
		r.restart = true
		r.step(e, radio.ReceiptRunning, radio.NoReason)
		r.keep(ctx, e)
		r.mu.Unlock()
		return
	case radio.CommandTestTone:
		why, err = r.desk.Tone(ctx, c, func() { r.tone <- toneWord{id: c.ID} }, func(f radio.Confirmation) { r.tone <- toneWord{c.ID, &f} })
		if err == nil && why == radio.NoReason {
			return // its words come
		}
	case radio.CommandVolume:
		if err = r.keepVolume(ctx, c.GainDB); err == nil {
			why, err = r.desk.Obey(ctx, c)
		}
	default:
		why, err = r.desk.Obey(ctx, c)
	}
	switch {
	case err != nil:
		r.log.Error("a command failed", "command", string(c.ID), "do", string(c.Do), "error", err)
		r.finish(ctx, e, radio.ReceiptFailed, radio.ReasonOff)
	case why != radio.NoReason:
		r.finish(ctx, e, radio.ReceiptRejected, why)
	default:
		r.finish(ctx, e, radio.ReceiptDone, radio.NoReason)
	}
}

// keepVolume before it is heard: it holds over restarts.
func (r *Room) keepVolume(ctx context.Context, db float64) error {
	b, err := json.Marshal(db)
	if err != nil {
		return err
	}
	return r.opts.Journal.Keep(ctx, volumeName, b)
}

func (r *Room) finish(ctx context.Context, e *entry, s radio.ReceiptState, why radio.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s == radio.ReceiptDone {
		r.step(e, radio.ReceiptRunning, radio.NoReason)
	}
	r.step(e, s, why)
	r.keep(ctx, e)
}

// onTone takes the desk's word on a test tone.
func (r *Room) onTone(ctx context.Context, w toneWord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.commands[w.id]
	switch {
	case !ok:
		return
	case w.ended == nil:
		r.step(e, radio.ReceiptRunning, radio.NoReason)
	case w.ended.Outcome == radio.Aired:
		r.step(e, radio.ReceiptDone, radio.NoReason)
	default:
		r.step(e, radio.ReceiptFailed, w.ended.Reason)
	}
	r.keep(ctx, e)
}

// restarting says whether the agent is to go, once link has had time to say so.
func (r *Room) restarting(ctx context.Context) bool {
	r.mu.Lock()
	on := r.restart
	r.mu.Unlock()
	if !on {
		return false
	}
	timer := time.NewTimer(sayFirst)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// tidy writes again what could not be written, and forgets what cannot come again.
func (r *Room) tidy(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	passed := radio.At(r.opts.Clock.Passed())
	for id, e := range r.commands {
		if e.unset {
			r.keep(ctx, e)
		}
		if e.unset || !e.Receipt.State.Final() || passed <= e.Command.ExpiresAt.Add(radio.CommandAlive) {
			continue
		}
		if err := r.opts.Journal.ForgetCommand(ctx, id); err != nil {
			r.log.Error("an old command is not forgotten", "command", string(id), "error", err)
			continue
		}
		delete(r.commands, id)
	}
}
