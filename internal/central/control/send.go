package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

const (
	// retry is how long what the broker did not take waits.
	retry = time.Second
	// every is how often what is under way is read again without being asked.
	every = time.Minute
	// kept is how long orders can be read: 24 months, as long as the log stays live and
	// faults are kept. The audit keeps who ordered what for ever.
	kept = 731 * 24 * time.Hour
	// forgetEvery is how often older ones are looked for.
	forgetEvery = time.Hour
	// giveUpAfter is how many devices on end may fail before a round is given up.
	giveUpAfter = 8
)

// rounds are when, behind the first sending, an order goes once more to each device that
// has said nothing (design §7).
func rounds() []time.Duration {
	return []time.Duration{3 * time.Second, 10 * time.Second, 30 * time.Second}
}

// flight is how far the sending of a batch has come.
type flight struct {
	begun time.Time
	round int       // 0: not sent yet
	due   time.Time // zero: only hellos are answered
	sent  map[radio.CommandID]bool
}

// look wakes Run; it never blocks.
func (d *Desk) look() {
	select {
	case d.wake <- struct{}{}:
	default: // Run has been woken already and will see it
	}
}

// Look tells Run that something changed, here or by another process.
func (d *Desk) Look() { d.look() }

// Run sends what is under way until ctx ends: after a restart it goes on from the store.
func (d *Desk) Run(ctx context.Context) error {
	flights := map[radio.BatchID]*flight{}
	var forget time.Time // when old orders are forgotten next
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-timer.C:
		}
		wait, err := d.work(ctx, flights)
		if err != nil && ctx.Err() == nil {
			d.log.Error("commands are not all sent", "error", err)
			wait = min(wait, retry)
		}
		if now := d.now(); !now.Before(forget) {
			forget = now.Add(d.forget(ctx, now))
		}
		timer.Reset(wait)
	}
}

// forget drops old orders and says when to do so again. A few go at once, so that no
// order of today waits for them.
func (d *Desk) forget(ctx context.Context, now time.Time) time.Duration {
	more, err := d.rooms.Book.ForgetCommands(ctx, radio.At(now.Add(-kept)))
	switch {
	case err != nil && ctx.Err() == nil:
		d.log.Error("old orders are not forgotten", "error", err)
	case more:
		return retry
	}
	return forgetEvery
}

// work sends what is due and says how long nothing will be.
func (d *Desk) work(ctx context.Context, flights map[radio.BatchID]*flight) (time.Duration, error) {
	now := d.now()
	live, err := d.rooms.Book.LiveCommands(ctx, "", radio.At(now))
	if err != nil {
		return retry, err
	}
	wait := every
	var errs []error
	seen := map[radio.BatchID]bool{}
	for len(live) > 0 {
		n := 1
		for n < len(live) && live[n].Batch.ID == live[0].Batch.ID {
			n++
		}
		batch := live[:n]
		live = live[n:]
		id := batch[0].Batch.ID
		seen[id] = true
		f := flights[id]
		if f == nil {
			f = &flight{due: now}
			flights[id] = f
		}
		if !f.due.IsZero() && !f.due.After(now) {
			if err := d.step(ctx, batch, f); err != nil {
				errs = append(errs, err)
				f.due = d.now().Add(retry)
			}
		}
		if !f.due.IsZero() {
			wait = min(wait, max(f.due.Sub(d.now()), 0))
		}
	}
	for id := range flights {
		if !seen[id] {
			delete(flights, id)
		}
	}
	return wait, errors.Join(errs...)
}

// step sends one round of a batch. What a broker that failed did not take of it is left
// for its next try.
func (d *Desk) step(ctx context.Context, batch []radio.LiveCommand, f *flight) error {
	if f.sent == nil {
		f.sent = map[radio.CommandID]bool{}
	}
	failed, sent := 0, 0
	var last error
	for _, c := range batch {
		if f.sent[c.ID] {
			continue
		}
		if err := d.send(ctx, c); err != nil {
			last = err
			if failed++; failed == giveUpAfter || ctx.Err() != nil {
				break
			}
			continue
		}
		f.sent[c.ID] = true
		failed, sent = 0, sent+1
	}
	d.log.Info("commands sent", "batch", string(batch[0].Batch.ID), "round", f.round, "devices", sent)
	if last != nil {
		return last
	}
	if f.round == 0 {
		f.begun = d.now()
	}
	f.due, f.sent = time.Time{}, nil
	if f.round < len(rounds()) {
		f.due = f.begun.Add(rounds()[f.round])
		f.round++
	}
	return nil
}

// send signs a command and hands it to the broker.
func (d *Desk) send(ctx context.Context, c radio.LiveCommand) error {
	b, err := wire.Seal(wire.Command, string(c.Device), c.Batch.Command(c.ID, c.Device), d.rooms.Keys.Online())
	if err == nil {
		err = d.rooms.Publisher.Publish(ctx, wire.DownTopic(c.Device, wire.Command), b, wire.Command.Retained())
	}
	if err != nil {
		return fmt.Errorf("send command %s to device %s: %w", c.ID, c.Device, err)
	}
	return nil
}

// Hello sends a device that has just connected what it has said nothing of. It comes
// behind the welcome, which proves the time.
func (d *Desk) Hello(ctx context.Context, device radio.DeviceID) error {
	live, err := d.rooms.Book.LiveCommands(ctx, device, radio.At(d.now()))
	if err != nil {
		return err
	}
	for _, c := range live {
		if err := d.send(ctx, c); err != nil {
			return err
		}
	}
	return nil
}
