package control

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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

// atOnce is how many commands of one order go out before the others have their turn.
const atOnce = 200

// rounds are when, behind the first sending, an order goes once more to each device that
// has said nothing (design §7).
func rounds() []time.Duration {
	return []time.Duration{3 * time.Second, 10 * time.Second, 30 * time.Second}
}

// flight is how far the sending of a batch has come.
type flight struct {
	begun time.Time
	round int       // rounds begun
	due   time.Time // of the next one; zero: there is none
	// left are the commands still to be sent: the round has not come to them yet, or the
	// broker did not take them, now or at their device's hello. They go out from again on.
	left  []radio.CommandID
	again time.Time
}

// next is how long nothing is to be done.
func (f *flight) next(now time.Time) time.Duration {
	wait := every
	if !f.due.IsZero() {
		wait = min(wait, max(f.due.Sub(now), 0))
	}
	if len(f.left) > 0 {
		wait = min(wait, max(f.again.Sub(now), 0))
	}
	return wait
}

// Look tells Run that something changed, here or by another process; it never blocks.
func (d *Desk) Look() {
	select {
	case d.wake <- struct{}{}:
	default: // Run has been woken already and will see it
	}
}

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
	live, err := d.rooms.Book.LiveCommands(ctx, "", radio.At(d.now()))
	if err != nil {
		return retry, err
	}
	d.mu.Lock()
	missed := d.missed
	d.missed = map[radio.BatchID][]radio.CommandID{}
	d.mu.Unlock()
	var batches [][]radio.LiveCommand
	for len(live) > 0 {
		n := 1
		for n < len(live) && live[n].Batch.ID == live[0].Batch.ID {
			n++
		}
		batches = append(batches, live[:n])
		live = live[n:]
	}
	// Orders take turns, the smallest first: one device to be silenced does not wait behind
	// a province.
	slices.SortStableFunc(batches, func(a, b []radio.LiveCommand) int { return len(a) - len(b) })
	seen := map[radio.BatchID]bool{}
	for _, batch := range batches {
		id := batch[0].Batch.ID
		seen[id] = true
		f := flights[id]
		if f == nil {
			f = &flight{begun: d.now(), due: d.now()}
			flights[id] = f
		}
		f.left = append(f.left, missed[id]...)
		d.goOn(ctx, batch, f)
	}
	wait := every
	for id, f := range flights {
		if !seen[id] {
			delete(flights, id)
			continue
		}
		wait = min(wait, f.next(d.now()))
	}
	return wait, nil
}

// goOn begins the round that is due, and sends what is left. batch is what its devices
// have said nothing of.
func (d *Desk) goOn(ctx context.Context, batch []radio.LiveCommand, f *flight) {
	now := d.now()
	if !f.due.IsZero() && !f.due.After(now) {
		f.left, f.again = f.left[:0], now
		for _, c := range batch {
			f.left = append(f.left, c.ID)
		}
		// In no order, so that stalled devices do not come one behind the other.
		rand.Shuffle(len(f.left), func(i, j int) { f.left[i], f.left[j] = f.left[j], f.left[i] })
		f.due = time.Time{}
		if f.round < len(rounds()) {
			f.due = f.begun.Add(rounds()[f.round])
			f.round++
		}
	}
	if len(f.left) == 0 || f.again.After(now) {
		return
	}
	open := make(map[radio.CommandID]radio.LiveCommand, len(batch))
	for _, c := range batch {
		open[c.ID] = c
	}
	sent, failed := 0, 0
	var last error
	// Each once; what the broker does not take goes behind the others, so that a few
	// stalled devices stand in nobody's way.
	for tries := len(f.left); tries > 0 && sent < atOnce && failed < giveUpAfter && ctx.Err() == nil; tries-- {
		c, ok := open[f.left[0]]
		f.left = f.left[1:]
		if !ok || d.rooms.Away != nil && d.rooms.Away(c.Device) {
			continue // it has answered, or says hello when it is back
		}
		if err := d.send(ctx, c); err != nil {
			f.left = append(f.left, c.ID)
			last, failed = err, failed+1
			continue
		}
		sent, failed = sent+1, 0
	}
	if last != nil {
		f.again = d.now().Add(retry)
		d.log.Warn("commands wait for devices that do not take them yet", "batch", string(batch[0].Batch.ID), "devices", len(f.left), "error", last)
	}
	if sent > 0 {
		d.log.Info("commands sent", "batch", string(batch[0].Batch.ID), "devices", sent, "left", len(f.left))
	}
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
// behind the welcome, which proves the time. What cannot be sent now, Run sends soon.
func (d *Desk) Hello(ctx context.Context, device radio.DeviceID) error {
	live, err := d.rooms.Book.LiveCommands(ctx, device, radio.At(d.now()))
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range live {
		if err := d.send(ctx, c); err != nil {
			errs = append(errs, err)
			d.mu.Lock()
			d.missed[c.Batch.ID] = append(d.missed[c.Batch.ID], c.ID)
			d.mu.Unlock()
		}
	}
	if len(errs) > 0 {
		d.Look()
	}
	return errors.Join(errs...)
}
