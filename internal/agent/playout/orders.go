package playout

import (
	"context"
	"fmt"

	"loaxa/internal/radio"
)

// order is what somebody beside the plan wants of the desk, done between two looks.
type order struct {
	do   func(context.Context, *desk)
	done chan struct{}
}

// tell has the desk do something, and waits until it is done.
func (p *Playout) tell(ctx context.Context, do func(context.Context, *desk)) error {
	o := order{do, make(chan struct{})}
	select {
	case p.orders <- o:
	case <-ctx.Done():
		return fmt.Errorf("%w: the desk is busy", radio.ErrUnavailable)
	}
	<-o.done
	return nil
}

// Stop ends the planned airings that sound, are cut or wait behind an alert, with the
// rest of their slots, because a person at the device says so. It gives the number of
// airings that end. Alerts are not asked here: agent/emergency ends them.
func (p *Playout) Stop(ctx context.Context, who string) (ended int, err error) {
	err = p.tell(ctx, func(ctx context.Context, d *desk) { ended = d.stopSession(ctx, who) })
	return ended, err
}

func (d *desk) stopSession(ctx context.Context, who string) (ended int) {
	slots := map[slotKey]bool{}
	for _, l := range d.live {
		if l.phase == sounding || l.cut || l.parking || !l.startedAt.IsZero() {
			slots[keyOf(l.Airing)] = true
		}
	}
	return d.endSlots(ctx, slots, radio.EndLocal, func(id radio.AiringID) {
		d.book.write(ctx, radio.Record{Kind: radio.RecordReceipt, Receipt: &radio.ReceiptRecord{
			ID: string(id), State: radio.ReceiptDone, Reason: radio.ReasonLocalStop, At: radio.At(d.Clock.Now()), Who: who}})
	})
}

// endSlots ends all that is not over of these slots: a person wants so. What had begun
// is told to stopped.
func (d *desk) endSlots(ctx context.Context, slots map[slotKey]bool, why radio.Ending, stopped func(radio.AiringID)) (ended int) {
	for _, l := range d.live {
		if !slots[keyOf(l.Airing)] || l.stopping != "" {
			continue
		}
		d.stop(l, why)
		stopped(l.ID)
		ended++
	}
	var kept []entry
	for _, e := range d.agenda.list {
		if !slots[keyOf(e.Airing)] {
			kept = append(kept, e)
			continue
		}
		outcome, reason := radio.Decide(e.Samples, 0, false, why)
		d.conclude(e, outcome, reason)
		ended++
	}
	d.agenda.list = kept
	return ended
}
