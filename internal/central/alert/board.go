package alert

import (
	"context"
	"sync"
	"time"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
)

const (
	// A board is kept for as long as boardKept times what it took to make, within these
	// bounds: of thousands of devices it takes a good part of a second, and every open page
	// asks for it anew as receipts come in. Who was given one to which more had come by then
	// is told to ask again when it is old: the last receipt of an alert may be the last word
	// for minutes.
	boardKept           = 4
	leastKept, mostKept = time.Second, 10 * time.Second
	// maxBoards are kept at once.
	maxBoards = 32
)

// boards are the boards made a moment ago.
type boards struct {
	mu   sync.Mutex
	held map[radio.AlertID]*board
}

// board is one of them; its mutex is held while it is made, so that those who ask
// meanwhile get the same.
type board struct {
	mu    sync.Mutex
	of    radio.AlertState // of the alert when it was made
	heard int64            // how often devices had been heard before it was made
	until time.Time
	again bool // its readers will be told to ask again
	radio.AlertBoard
}

func (b *boards) of(id radio.AlertID) *board {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.held[id]
	if one == nil {
		if len(b.held) >= maxBoards || b.held == nil {
			b.held = map[radio.AlertID]*board{}
		}
		one = &board{}
		b.held[id] = one
	}
	return one
}

// Board puts together what is known of an alert that was sent, or was a moment ago (At
// says when). It is shared: nobody changes it.
func (d *Desk) Board(ctx context.Context, a radio.AlertRecord) (radio.AlertBoard, error) {
	one := d.boards.of(a.ID)
	one.mu.Lock()
	defer one.mu.Unlock()
	began := d.now()
	heard := d.heard.Load()
	if one.of == a.State && began.Before(one.until) {
		if heard != one.heard && !one.again {
			one.again = true
			time.AfterFunc(one.until.Sub(began), d.changed)
		}
		return one.AlertBoard, nil
	}
	b, err := d.makeBoard(ctx, a)
	if err != nil {
		return radio.AlertBoard{}, err
	}
	ended := d.now()
	one.AlertBoard, one.of, one.heard, one.again = b, a.State, heard, false
	one.until = ended.Add(min(max(boardKept*ended.Sub(began), leastKept), mostKept))
	return b, nil
}

// Heard says that devices were heard of alerts, receipts or cycles: boards made before may
// lack it.
func (d *Desk) Heard() { d.heard.Add(1) }

func (d *Desk) makeBoard(ctx context.Context, a radio.AlertRecord) (radio.AlertBoard, error) {
	now := radio.At(d.now())
	targets, err := d.rooms.Heard.AlertTargets(ctx, a.ID)
	if err != nil {
		return radio.AlertBoard{}, err
	}
	if a.Wish.Standing && a.Active(now) {
		// It stands for months: clusters that come later are told at their first hello.
		if targets, err = d.withLater(ctx, a, targets); err != nil {
			return radio.AlertBoard{}, err
		}
	}
	steps, err := d.rooms.Heard.ReceiptSteps(ctx, string(a.ID), "")
	if err != nil {
		return radio.AlertBoard{}, err
	}
	var cycles []radio.AlertCycle
	if a.Paper.SentAt != 0 {
		if cycles, err = d.rooms.Heard.AlertCycles(ctx, a); err != nil {
			return radio.AlertBoard{}, err
		}
	}
	alphabet.SortBy(targets, func(t radio.AlertTarget) []string {
		// Names repeat: after a merger a commune has two hamlets called one.
		return []string{t.CommuneName, string(t.Commune), t.HamletName, string(t.Hamlet), t.Code}
	})
	return radio.NewAlertBoard(a, targets, steps, cycles, now), nil
}

// withLater adds the devices that have come to an alert's area since it went out.
func (d *Desk) withLater(ctx context.Context, a radio.AlertRecord, targets []radio.AlertTarget) ([]radio.AlertTarget, error) {
	now, err := d.targets(ctx, a.Wish.Area)
	if err != nil {
		return nil, err
	}
	known := make(map[radio.DeviceID]bool, len(targets))
	for _, t := range targets {
		known[t.Device] = true
	}
	for _, t := range now {
		if !known[t.Device] {
			targets = append(targets, t)
		}
	}
	return targets, nil
}
