package alert

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
)

// asked counts how often a board's rows are read, and takes its time for it.
type asked struct {
	Heard
	takes time.Duration
	n     atomic.Int64
}

func (a *asked) AlertTargets(ctx context.Context, id radio.AlertID) ([]radio.AlertTarget, error) {
	a.n.Add(1)
	time.Sleep(a.takes)
	return a.Heard.AlertTargets(ctx, id)
}

// TestManyReaders: hundreds of pages that ask for the same board have it made once, and
// again when it is old, or the alert is cancelled.
func TestManyReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		heard := &asked{Heard: h.store, takes: 500 * time.Millisecond}
		d.rooms.Heard = heard
		a := h.issued(d, "xa-1", nil, "chi")
		read := func(readers int, a radio.AlertRecord) {
			t.Helper()
			var wg sync.WaitGroup
			for range readers {
				wg.Go(func() {
					b, err := d.Board(t.Context(), a)
					if err != nil || len(b.Devices) != 2 {
						t.Errorf("%d devices, %v", len(b.Devices), err)
					}
				})
			}
			wg.Wait()
		}
		read(1, a)
		time.Sleep(boardKept*heard.takes - time.Millisecond)
		read(20, a)
		if n := heard.n.Load(); n != 1 {
			t.Errorf("made %d times for those who ask within a moment", n)
		}
		time.Sleep(time.Millisecond)
		read(1, a)
		if n := heard.n.Load(); n != 2 {
			t.Errorf("made %d times when the first was old, want 2", n)
		}
		a, err := d.Cancel(t.Context(), h.people["chi"].Person, a.ID, "", password)
		must(t, err)
		read(1, a)
		if n := heard.n.Load(); n != 3 {
			t.Errorf("made %d times after the cancel, want 3", n)
		}
	})
}
