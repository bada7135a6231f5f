package timetable

import (
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestSlotOfDates: a slot of some dates is due on those alone, and an instant the commune
// moved to another date sounds, though the rule's digits fit there.
func TestSlotOfDates(t *testing.T) {
	const zone = "Asia/Ho_Chi_Minh"
	s := radio.Schedule{Zone: zone}
	sl := radio.Slot{Cron: "0 5 * * *", Dates: []radio.Date{"2026-11-24", "2026-11-26"}}
	at := func(d radio.Date) radio.Millis {
		v, err := time.Parse(time.RFC3339, string(d)+"T05:00:00+07:00")
		if err != nil {
			t.Fatal(err)
		}
		return radio.At(v)
	}
	for d, want := range map[radio.Date][]radio.Millis{"2026-11-24": {at("2026-11-24")}, "2026-11-25": nil, "2026-11-26": {at("2026-11-26")}} {
		if got, err := On(s, sl, d); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: due at %v %v, want %v", d, got, err, want)
		}
	}
	p := radio.Programme{Device: "d", Zone: zone, NotAfter: at("2026-12-24"), Slots: []radio.ProgrammeSlot{{Schedule: "s", Slot: "k", Cron: sl.Cron, Dates: sl.Dates,
		Except: []radio.Date{"2026-11-24"}, At: []radio.Millis{at("2026-11-25")}, Items: []radio.Item{{Entry: "e", Kind: radio.KindRelay, Repeat: 1}}}}}
	table, err := New(&p)
	if err != nil {
		t.Fatal(err)
	}
	all, err := table.Airings(at("2026-11-23").Time(), at("2026-11-28").Time())
	if err != nil || len(all) != 2 || all[0].SlotAt != at("2026-11-25") || all[1].SlotAt != at("2026-11-26") {
		t.Fatalf("%v %+v", err, all)
	}

	// Both dates were declined, and then one moved to the other: it sounds there.
	kept := p
	kept.Slots = slices.Clone(p.Slots)
	kept.Slots[0].At, kept.Slots[0].Except, kept.Slots[0].Declined = nil, nil, radio.ReasonCommune
	p.Declined, p.Slots[0].At, p.Slots[0].Except = &kept, []radio.Millis{at("2026-11-26")}, sl.Dates
	off, err := Declined(p, at("2026-11-23").Time(), at("2026-11-28").Time())
	if err != nil || len(off) != 1 || off[0].SlotAt != at("2026-11-24") || off[0].Excluded != radio.ReasonCommune {
		t.Fatalf("declined %v %+v", err, off)
	}
}

// TestMovedAway: what a commune has moved is no airing where it was laid down, and it is no
// longer told as moved where the move brought it to the very time it had.
func TestMovedAway(t *testing.T) {
	from := time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)
	slot := func(rule string) radio.ProgrammeSlot {
		return radio.ProgrammeSlot{Schedule: "s", Slot: "k", Cron: rule, Items: []radio.Item{{Entry: "e", Kind: radio.KindRelay, Repeat: 1}}}
	}
	for rule, want := range map[string]int{"0 18 * * *": 2, "0 17 * * *": 0, "00 17 * * *": 0} {
		laid := slot("0 17 * * *")
		laid.Declined = radio.ReasonMoved
		p := radio.Programme{Device: "d", Zone: "Asia/Ho_Chi_Minh", NotAfter: radio.At(from.AddDate(0, 0, 9)), Slots: []radio.ProgrammeSlot{slot(rule)}}
		kept := p
		kept.Slots = []radio.ProgrammeSlot{laid}
		p.Declined = &kept
		got, err := Declined(p, from, from.AddDate(0, 0, 2))
		if err != nil || len(got) != want || want > 0 && got[0].Excluded != radio.ReasonMoved {
			t.Errorf("moved to %q: %v %+v, want %d", rule, err, got, want)
		}
	}
}
