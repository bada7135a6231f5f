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
		a, err := d.Cancel(t.Context(), h.people["chi"].Person, a.ID, "", typed)
		must(t, err)
		read(1, a)
		if n := heard.n.Load(); n != 3 {
			t.Errorf("made %d times after the cancel, want 3", n)
		}
	})
}

// TestNothingAfterIt: who was given a board from before the last word of a device is told
// once to ask again when it is old, and who missed nothing is not.
func TestNothingAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		d := h.desk()
		var told atomic.Int64
		d.rooms.Heard = &asked{Heard: h.store, takes: 500 * time.Millisecond}
		a := h.issued(d, "xa-1", nil, "chi")
		d.rooms.Changed = func() { told.Add(1) }
		read := func() (at radio.Millis) {
			t.Helper()
			b, err := d.Board(t.Context(), a)
			must(t, err)
			return b.At
		}
		first := read()
		time.Sleep(100 * time.Millisecond)
		read()
		time.Sleep(mostKept)
		synctest.Wait()
		if told.Load() != 0 {
			t.Fatalf("told %d times that something came, and nothing did", told.Load())
		}
		second := read()
		d.Heard()
		for range 3 {
			if at := read(); at != second || at == first {
				t.Fatalf("a board of %s while one of %s is kept", at.Time(), second.Time())
			}
		}
		if told.Load() != 0 {
			t.Fatal("told at once, when the answer would be the same")
		}
		time.Sleep(mostKept)
		synctest.Wait()
		if told.Load() != 1 {
			t.Fatalf("told %d times, want once", told.Load())
		}
		if at := read(); at == second {
			t.Fatal("who asks again gets what they have")
		}
		time.Sleep(mostKept)
		synctest.Wait()
		if told.Load() != 1 {
			t.Fatalf("told %d times though nothing came since", told.Load())
		}
	})
}

// TestLaterDevices: a standing alert's board has the clusters that came after it; of any
// other those for which it went out.
func TestLaterDevices(t *testing.T) {
	h := newHouse(t)
	d := h.desk()
	standing := h.issued(d, "xa-1", func(w *radio.AlertWish) { w.Standing, w.LifeMinutes = true, 60*24*30 }, "chi")
	once := h.issued(d, "xa-1", nil, "chi")
	later := radio.Device{ID: radio.NewID[radio.DeviceID](), Code: "cum-13", Name: "Cụm", Hamlet: h.areas["thon-1"], Rendition: 64}
	must(t, h.store.ApplyPlan(t.Context(), radio.PlanChange{At: 3, Author: "a", Approver: "b", Devices: []radio.Device{later}}))
	must(t, h.store.AddEnrolmentCode(t.Context(), radio.EnrolmentCode{SecretHash: "l", Device: later.ID, CreatedBy: "x", CreatedAt: 1, ExpiresAt: 1000}))
	must(t, h.store.Enrol(t.Context(), "l", radio.Certificate{Serial: "l", Device: later.ID, KID: "k", JWK: "{}", PEM: "p", IssuedAt: 2, NotAfter: 1 << 50}))
	for _, c := range []struct {
		of   radio.AlertRecord
		want int
	}{{standing, 3}, {once, 2}} {
		b, err := d.Board(t.Context(), c.of)
		if err != nil || b.All.Counts.Devices != c.want || b.All.Counts.Silent != c.want {
			t.Errorf("standing %v: %+v, want %d devices (%v)", c.of.Wish.Standing, b.All.Counts, c.want, err)
		}
	}
}
