package reconcile

import (
	"testing"
	"time"

	"loaxa/internal/radio"
)

// A row nobody planned copies the plan as it stands when the word comes, not as it stood
// at the word before.
func TestUnplannedRowFollowsTheChangedPlan(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	schedule := radio.Schedule{ID: newID[radio.ScheduleID](h), Code: "cu", Title: "Tên cũ"}
	h.schedules = append(h.schedules, schedule)
	hear := func() radio.AsRun {
		at := h.now()
		key := radio.AiringKey{Device: d.id, Schedule: schedule.ID, Slot: newID[radio.SlotID](h), SlotAt: radio.At(at), Entry: newID[radio.EntryID](h), Repeat: 1}
		c := radio.Confirmation{ID: key.ID(), Origin: radio.FromSchedule, Key: key, Start: key.SlotAt, Priority: radio.Normal, Outcome: radio.Aired, Expected: 10, Consumed: 10}
		d.record(at, radio.Record{Kind: radio.RecordResult, Result: &c})
		d.sends(len(d.records), 0)
		h.pass(time.Minute)
		row, _ := d.row(c.ID)
		return row
	}
	if row := hear(); row.DeviceName != "Cụm 1" || row.ScheduleTitle != "Tên cũ" {
		t.Errorf("row %+v", row)
	}
	place := h.places[d.id]
	place.Device.Name = "Cụm chợ"
	h.places[d.id] = place
	h.schedules[0].Title = "Tên mới"
	newID[radio.UserID](h) // whoever changed it; the audit moves
	if row := hear(); row.DeviceName != "Cụm chợ" || row.ScheduleTitle != "Tên mới" {
		t.Errorf("row after the change %+v", row)
	}
}

// What stood in for the bulletin meant for a place is told in the row, from the freezing on
// and by the device's own word; once that no longer holds, it is gone.
func TestRowTellsWhatStoodIn(t *testing.T) {
	h := newHouse(t)
	d := h.device()
	slot := h.slot(17, 30)
	meant := newID[radio.BulletinID](h)
	slot.Items[0].Instead = meant
	p := h.publish(d, slot)
	a := airings(t, p, noon, noon.Add(24*time.Hour))[0]
	if row, _ := d.row(a.ID); row.Instead != meant || row.InsteadTitle != "Bản tin v1" {
		t.Fatalf("frozen: %+v", row)
	}
	// The variant is approved in time: it is what the row plans.
	slot.Items[0].Instead = ""
	h.pass(time.Minute)
	p = h.publish(d, slot)
	if row, _ := d.row(a.ID); row.Instead != "" || row.InsteadTitle != "" {
		t.Errorf("after the variant came: %+v", row)
	}
	// A device that still ran the programme before says what it played, and for what.
	con := radio.Confirmation{ID: a.ID, Origin: radio.FromSchedule, Key: a.AiringKey, Start: radio.At(a.Start()), Revision: 1, Priority: radio.Normal,
		Bulletin: a.Bulletin, Version: 1, Instead: meant, SHA256: sha(slot.Items[0], radio.LightKbps), Outcome: radio.Aired, Expected: a.Samples, Consumed: a.Samples}
	h.pass(6 * time.Hour)
	d.record(h.now(), radio.Record{Kind: radio.RecordResult, Result: &con})
	d.sends(len(d.records), 0)
	h.pass(time.Minute)
	if row, _ := d.row(a.ID); row.Outcome != radio.Aired || row.Instead != meant || row.InsteadTitle != "Bản tin v1" || p.Revision != 2 {
		t.Errorf("after the device's word: %+v", row)
	}
}
