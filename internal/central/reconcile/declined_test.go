package reconcile

import (
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestDeclinedByTheCommune: what a commune keeps off has its row with the centre's word
// from the start; it comes back when the commune changes its mind, and a device that
// sounded it all the same is believed.
func TestDeclinedByTheCommune(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	morning, evening := h.slot(12, 30), h.slot(18, 0)
	off := func(s radio.ProgrammeSlot, why radio.Reason) radio.ProgrammeSlot {
		s.Declined = why
		return s
	}
	p := h.publish(d, morning, evening)
	d.want("23T12:30 pending, 23T18:00 pending")
	h.publish(d, morning, off(evening, radio.ReasonCommune))
	d.want("23T12:30 pending, 23T18:00 declined:commune")
	h.publish(d, off(morning, radio.ReasonHeld), evening)
	d.want("23T12:30 declined:held, 23T18:00 pending")
	row, _ := d.row(airings(t, p, noon, noon.Add(time.Hour))[0].ID)
	if row.Title == "" || row.SHA256 == "" || row.ScheduleTitle == "" || row.From != radio.WordCentre {
		t.Errorf("the row does not say what was declined: %+v", row)
	}
	// A sweep reads it again, as issued, and freezes the next day's.
	h.publish(d, morning, off(evening, radio.ReasonCommune))
	h.pass(7 * time.Hour)
	h.sweep()
	d.want("23T12:30 pending, 23T18:00 declined:commune, 24T12:30 pending, 24T18:00 declined:commune")
	// The device had not heard of it.
	a := airings(t, p, noon.Add(time.Hour), noon.Add(12*time.Hour))[0]
	d.ends(a, p.Revision, radio.Aired, "", a.Samples)
	d.sends(1, 0)
	d.want("23T12:30 pending, 23T18:00 aired stale, 24T12:30 pending, 24T18:00 declined:commune")
}

// TestMovedByTheCommune: an airing that was frozen and then moved ends cancelled where it
// stood; it is planned where it is now, and a device that had not heard of it is believed.
func TestMovedByTheCommune(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	evening := h.slot(18, 0)
	was := h.publish(d, evening)
	d.want("23T18:00 pending")
	moved := evening
	moved.Except = []radio.Date{"2026-11-23"}
	moved.At = []radio.Millis{radio.At(noon.Add(7 * time.Hour))}
	h.publish(d, moved)
	d.want("23T18:00 cancelled, 23T19:00 pending")
	// The programme says why it no longer stands there, of this and of the next day, which
	// has no row where it was.
	gone := evening
	gone.Declined = radio.ReasonMoved
	at := evening
	at.Cron = "0 19 * * *"
	h.publish(d, at, gone)
	h.pass(time.Minute)
	d.want("23T18:00 cancelled:moved, 23T19:00 pending")
	a := airings(t, was, noon, noon.Add(12*time.Hour))[0]
	d.ends(a, was.Revision, radio.Aired, "", a.Samples)
	d.sends(1, 0)
	d.want("23T18:00 aired stale, 23T19:00 pending")
	// The next day, frozen since, has a row where it was put and none where it was laid down.
	h.pass(7 * time.Hour)
	h.sweep()
	d.want("23T18:00 aired stale, 23T19:00 pending, 24T19:00 pending")
}
