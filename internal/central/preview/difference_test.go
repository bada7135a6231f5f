package preview_test

import (
	"errors"
	"testing"

	"loaxa/internal/radio"
)

// TestDifference: what is told before a publication is what a rehearsal tells before and
// after it, of the devices that are touched.
func TestDifference(t *testing.T) {
	h := newHouse()
	h.plan.Schedules = []radio.Schedule{
		schedule(1, inCommune, slot(1, everyday, 1)),
		schedule(2, radio.Target{Area: area(20)}, slot(2, everyday, 2)),
	}
	moved := with(schedule(1, radio.Target{Area: area(11)}, slot(1, everyday, 1, 5)), func(s *radio.Schedule) { s.Version = 2 })
	for _, p := range h.places[:4] {
		h.link(p.Device.ID, 64_000, 0, 0, 1)
	}
	before := rehearse(t, h, inCommune, "", "")
	d, err := h.preview().Difference(t.Context(), []radio.Schedule{moved})
	if err != nil {
		t.Fatal(err)
	}
	h.plan.Schedules[0] = moved
	after := rehearse(t, h, inCommune, "", "")
	if d.Devices != 4 || d.Before != before.Sum || d.After != after.Sum || d.From != before.From || d.To != before.To {
		t.Errorf("difference %+v\nbefore %+v\nafter %+v", d, before.Sum, after.Sum)
	}
	const minute = 60 * radio.SampleRate
	if d.Before.Airings != 28 || d.After.Airings != 28 || d.MostBefore != 7*minute || d.MostAfter != 42*minute || d.Before.Bytes != 0 || d.After.Bytes != 2*h.plan.Bulletins[4].Renditions[0].Bytes {
		t.Errorf("%+v", d)
	}
	// One that is new and begins later: its own first days.
	late := with(schedule(7, radio.Target{Device: device(211)}, slot(7, everyday, 3)), func(s *radio.Schedule) { s.ID, s.From = "", "2027-01-04" })
	if d, err = h.preview().Difference(t.Context(), []radio.Schedule{late}); err != nil || d.From != "2027-01-04" || d.To != "2027-01-10" || d.Devices != 1 || d.After.Airings-d.Before.Airings != 7 {
		t.Errorf("%+v, %v", d, err)
	}
	// A withdrawal takes away.
	gone := with(moved, func(s *radio.Schedule) { s.WithdrawnAt = 1 })
	if d, err = h.preview().Difference(t.Context(), []radio.Schedule{gone}); err != nil || d.Devices != 2 || d.After.Airings != 0 || d.Before.Airings != 28 {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := h.preview().Difference(t.Context(), make([]radio.Schedule, 51)); !errors.Is(err, radio.ErrInvalid) {
		t.Error(err)
	}
}
