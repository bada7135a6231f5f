package reconcile

import (
	"testing"
	"time"

	"loaxa/internal/radio"
)

// What a slot of 23:58 sounds at 00:04 is of the evening: by its day, its slot, in every sum
// and in its month.
func TestOvernightSlotIsOfTheEvening(t *testing.T) {
	h := newHouse(t)
	h.pass(7 * 24 * time.Hour) // the last day of November
	d := h.device()
	slot := h.slot(23, 58)
	slot.Items[0].Repeat, slot.Items[0].GapMS = 3, 180_000
	p := h.publish(d, slot)
	all := airings(t, p, h.now(), h.now().Add(24*time.Hour))
	if len(all) != 3 {
		t.Fatalf("%d airings", len(all))
	}
	d.boots()
	d.activates(h.now(), p.Revision)
	for _, a := range all {
		d.ends(a, p.Revision, radio.Aired, "", a.Samples)
	}
	h.pass(14 * time.Hour)
	d.sends(1, 0)
	d.want("30T23:58 aired, 01T00:01 aired, 01T00:04 aired")
	for _, row := range d.rows() {
		if row.Day != "2026-11-30" || row.SlotTime.String() != "23:58" {
			t.Errorf("%s is of %s, slot %s", row.Start.Time(), row.Day, row.SlotTime)
		}
	}
	count := func(what string, want int64, list []radio.LogCount, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for _, c := range list {
			n += c.Rows
		}
		if n != want {
			t.Errorf("%s: %d airings, want %d", what, n, want)
		}
	}
	ctx := t.Context()
	for day, want := range map[radio.Date]int64{"2026-11-30": 3, "2026-12-01": 0} {
		f := radio.LogFilter{From: day, To: day}
		list, err := h.db.LogCounts(ctx, f)
		count("day "+string(day), want, list, err)
		list, err = h.db.LogSlots(ctx, f)
		count("table of "+string(day), want, list, err)
		rows, err := h.db.AsRuns(ctx, f, radio.LogCursor{}, 100)
		if err != nil || int64(len(rows)) != want {
			t.Errorf("log of %s: %d rows, %v", day, len(rows), err)
		}
	}
	list, err := h.db.LogMonths(ctx, radio.LogFilter{Campaign: h.schedules[0].Campaign})
	count("campaign", 3, list, err)
	for _, c := range list {
		if c.Day != "2026-11" {
			t.Errorf("month %s of the campaign", c.Day)
		}
	}
	kept := 0
	if err := h.db.MonthRows(ctx, "2026-11", func(radio.KeptRow) error { kept++; return nil }); err != nil || kept != 3 {
		t.Errorf("month 2026-11: %d rows, %v", kept, err)
	}
	if err := h.db.MonthRows(ctx, "2026-12", func(radio.KeptRow) error { kept++; return nil }); err != nil || kept != 3 {
		t.Errorf("month 2026-12: %d rows, %v", kept-3, err)
	}
}
