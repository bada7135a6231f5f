package fleet

import (
	"context"
	"slices"
	"sync"
	"time"

	"loaxa/internal/radio"
)

const (
	maxOrders = 16
	// What a device takes for a step, and for the sound of a test tone.
	orderStep = 150 * time.Millisecond
	toneLasts = 8 * time.Second
)

// orders carries out commands in appearance: every step of its receipt, in the time a
// device takes. What it answers is what a healthy device would.
type orders struct {
	clock   watch
	journal *journal
	wake    func() // the stage has something to do
	stop    func(airing radio.AiringID)

	mu      sync.Mutex
	changed chan struct{}
	list    []order
}

type order struct {
	radio.ReceiptRecord
	command radio.Command
	due     time.Time // of its next step; zero: none follows
}

// Take takes a proven command; one that is known changes nothing.
func (o *orders) Take(_ context.Context, c radio.Command) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if slices.ContainsFunc(o.list, func(x order) bool { return x.ID == string(c.ID) }) {
		return nil
	}
	now := o.clock.Now()
	x := order{ReceiptRecord: radio.ReceiptRecord{ID: string(c.ID), State: radio.ReceiptReceived, At: radio.At(now)}, command: c, due: now.Add(orderStep)}
	if radio.At(now) >= c.ExpiresAt {
		x.State, x.Reason, x.due = radio.ReceiptExpired, radio.ReasonExpired, time.Time{}
	}
	o.put(x)
	return nil
}

// TurnAway tells why a proven one is not carried out.
func (o *orders) TurnAway(_ context.Context, id radio.CommandID, why radio.Reason) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.put(order{ReceiptRecord: radio.ReceiptRecord{ID: string(id), State: radio.ReceiptRejected, Reason: why, At: radio.At(o.clock.Now())}})
}

// put needs mu.
func (o *orders) put(x order) {
	o.list = append(o.list, x)
	o.list = o.list[max(len(o.list)-maxOrders, 0):]
	o.told(x.ReceiptRecord)
	o.wake()
}

// told writes a receipt down and wakes link; it needs mu.
func (o *orders) told(r radio.ReceiptRecord) {
	// A full journal is counted where records are made; the receipt is still said.
	_, _ = o.journal.Append(context.Background(), radio.Record{Kind: radio.RecordReceipt, Receipt: &r})
	close(o.changed)
	o.changed = make(chan struct{})
}

// step does what is due and says when more is; zero for never.
func (o *orders) step(now time.Time) (next time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.list {
		x := &o.list[i]
		if !x.due.IsZero() && !now.Before(x.due) {
			o.advance(x, now)
		}
		next = sooner(next, x.due)
	}
	return next
}

// advance takes one order one step on; it needs mu.
func (o *orders) advance(x *order, now time.Time) {
	x.At, x.due = radio.At(now), now.Add(orderStep)
	switch x.State {
	case radio.ReceiptReceived:
		x.State = radio.ReceiptAccepted
	case radio.ReceiptAccepted:
		x.State = radio.ReceiptRunning
		switch x.command.Do {
		case radio.CommandTestTone:
			x.due = now.Add(toneLasts)
		case radio.CommandStop, radio.CommandSkip:
			o.stop(x.command.Airing)
		}
	default:
		x.State, x.due = radio.ReceiptDone, time.Time{}
	}
	o.told(x.ReceiptRecord)
}

// Receipts implements link.Receipts.
func (o *orders) Receipts() []radio.ReceiptRecord {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []radio.ReceiptRecord
	for _, x := range o.list {
		list = append(list, x.ReceiptRecord)
	}
	return list
}

// Changed implements link.Receipts.
func (o *orders) Changed() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changed
}

// sooner gives the earlier of two instants; zero means never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
