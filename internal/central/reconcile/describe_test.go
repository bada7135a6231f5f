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
