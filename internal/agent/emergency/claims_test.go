package emergency

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// latest is the year 2200.
const latest radio.Millis = 7_258_118_400_000

// What an alert says of itself is its signer's to choose: these are the bounds.

// An alert of a day to come waits for it, also over a restart, and so does a standing one:
// what a thief has signed for later must not sound before.
func TestNothingBeforeItsTime(t *testing.T) {
	l := newLab(t)
	at := start.Add(time.Hour)
	later := func(a *radio.Alert) { a.IssuedAt, a.ExpiresAt = radio.At(at), radio.At(at.Add(time.Hour)) }
	standing := storm("standing", later, func(a *radio.Alert) { a.Standing = true })
	for _, a := range []radio.Alert{storm("storm", later), standing, storm("soon", func(a *radio.Alert) { a.IssuedAt += 9 * 60_000; a.Repeats = 1 })} {
		if err := l.take(a); err != nil {
			t.Fatal(err)
		}
	}
	l.run(49 * time.Minute)
	l.wantHeard("soon/1")
	if got := l.receipt(id[radio.AlertID]("storm")); got != "received" {
		t.Errorf("it is %s", got)
	}
	if err := l.Start(t.Context(), standing.ID); !errors.Is(err, radio.ErrConflict) {
		t.Errorf("a standing alert of later is started: %v", err)
	}
	l.restart()
	l.Welcomed()
	if d := l.Duty(); d.Wake == 0 || d.Wake > l.clk.Mono()+time.Minute {
		t.Errorf("nobody is woken for it: %+v", d)
	}
	l.run(5 * time.Minute)
	l.wantHeard("soon/1", "storm/1", "storm/2", "storm/3")
	if err := l.Start(t.Context(), standing.ID); err != nil {
		t.Errorf("ten minutes before its time: %v", err)
	}
	for _, far := range []radio.Millis{latest + 1, 1 << 62} {
		if err := storm("end of time", func(a *radio.Alert) { a.IssuedAt, a.ExpiresAt = far, far+1 }).Check(); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("issued at %d: %v", far, err)
		}
	}
}

// One stolen key of a commune makes up alerts and tombstones without end, of any date: what
// the province has cancelled is not forgotten, and its tombstones find room.
func TestACommuneFlushesNoMemoryOfTheProvince(t *testing.T) {
	l := newLab(t)
	wide := func(a *radio.Alert) { a.Area = provinceArea }
	warning, early := storm("warning", wide), storm("early", wide)
	flood := func(n int, change func(*radio.Alert)) {
		for i := range n {
			a := storm(fmt.Sprint("flood ", i), func(a *radio.Alert) { a.ExpiresAt += 3_600_000 }, change)
			if err := l.take(a); err != nil && !errors.Is(err, radio.ErrConflict) {
				t.Fatal(err)
			}
			if err := l.take(tombstone(a)); err != nil && !errors.Is(err, radio.ErrConflict) {
				t.Fatal(err)
			}
		}
	}
	for _, a := range []radio.Alert{warning, tombstone(warning)} {
		if err := l.take(a); err != nil {
			t.Fatal(err)
		}
	}
	flood(maxOver+10, func(*radio.Alert) {})
	flood(2*maxTombstones, func(a *radio.Alert) { a.Cancel, a.ID = true, id[radio.AlertID](a.Headline+" tombstone") })
	if err := l.take(tombstone(early)); err != nil {
		t.Errorf("the province's tombstone: %v", err)
	}
	for _, a := range []radio.Alert{warning, early} {
		if err := l.take(a); err != nil {
			t.Fatal(err)
		}
	}
	l.run(10 * time.Minute)
	l.wantHeard()
	if len(l.alerts) > maxOver+maxTombstones {
		t.Errorf("%d held", len(l.alerts))
	}
}

// An id is a name that many can read. Another alert under it is turned away, unless it is
// to a wider area: then it takes the name, whether the first waits, sounds or is over.
func TestATakenName(t *testing.T) {
	own := func(a *radio.Alert) { a.Headline, a.Area, a.Repeats = "own", hamletArea, 1 }
	for name, when := range map[string]func(l *lab){
		"it waits":   func(*lab) {},
		"it sounds":  func(l *lab) { l.begin(); l.heard = nil },
		"it is over": func(l *lab) { l.run(time.Minute); l.heard = nil },
		"cancelled": func(l *lab) {
			if err := l.take(tombstone(storm("storm", own))); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			if err := l.take(storm("storm", own)); err != nil {
				t.Fatal(err)
			}
			if err := l.take(storm("storm", own, func(a *radio.Alert) { a.Text = "other" })); !errors.Is(err, radio.ErrForbidden) {
				t.Errorf("another of the same area: %v", err)
			}
			when(l)
			flood := storm("storm", func(a *radio.Alert) { a.Area = provinceArea })
			if err := l.take(flood); err != nil {
				t.Fatal(err)
			}
			if err := l.take(storm("storm", own)); !errors.Is(err, radio.ErrForbidden) {
				t.Errorf("the narrower one again: %v", err)
			}
			if err := l.take(tombstone(storm("storm", own))); !errors.Is(err, radio.ErrForbidden) {
				t.Errorf("its tombstone: %v", err)
			}
			l.run(10 * time.Minute)
			l.wantHeard("storm/1", "storm/2", "storm/3")
			if err := l.take(flood); err != nil {
				t.Errorf("the same again: %v", err)
			}
			l.restart()
			if got := l.receipt(flood.ID); got != "done" {
				t.Errorf("after a restart it is %s", got)
			}
		})
	}
}
