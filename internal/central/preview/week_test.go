package preview_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"loaxa/internal/radio"
)

func rows(p radio.Preview) []string {
	var out []string
	for _, r := range p.Rows {
		text := fmt.Sprintf("%s %d %s", r.Day, r.DeviceCount, r.Title)
		if r.ShiftMS > 0 {
			text += fmt.Sprintf(" +%ds", r.ShiftMS/1000)
		}
		if r.Outcome != "" {
			text += fmt.Sprintf(" %s %s", r.Outcome, r.Reason)
		}
		if r.Odd {
			text += " odd"
		}
		out = append(out, text)
	}
	return out
}

func TestWeek(t *testing.T) {
	h := newHouse()
	h.plan.Bulletins[4].State = radio.Pending
	h.plan.Schedules = []radio.Schedule{
		schedule(1, inCommune, slot(1, "0 17 * * 1", 1, 2), slot(2, "0 5 * * 2", 5)),
		with(schedule(2, radio.Target{Area: area(11)}, slot(3, "0 17 * * 1", 1)), prior),
		schedule(3, radio.Target{Area: area(1)}, slot(4, "15 3 * * 3", 3)),
		with(schedule(4, inCommune, slot(5, "0 6 * * *", 3)), func(s *radio.Schedule) { s.WithdrawnAt = 5 }),
		schedule(5, radio.Target{Area: area(20)}, slot(6, everyday, 3)),
	}
	p := h.preview()
	// The whole week from Monday on, also what lies before now.
	got, err := p.Week(t.Context(), inCommune, "2026-11-23", 7)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"2026-11-23 2 Bản tin số 1", "2026-11-23 2 Bản tin số 1", // of the hamlet's schedule, and of the commune's elsewhere
		"2026-11-23 2 Bản tin số 1 +60s", "2026-11-23 2 Bản tin số 2", "2026-11-23 2 Bản tin số 2 +60s",
		"2026-11-25 4 Bản tin số 3 refused policy odd",
	}
	if lines := rows(got); !slices.Equal(lines, want) {
		t.Errorf("\n got %q\nwant %q", lines, want)
	}
	if got.Devices != 4 || len(got.Days) != 7 || got.Days[0] != (radio.PreviewDay{Day: "2026-11-23", Samples: 240 * radio.SampleRate}) || got.Days[2].Samples != 0 {
		t.Errorf("%d devices, days %+v", got.Devices, got.Days)
	}
	if r := got.Rows[0]; r.Device != "" || r.ID != "" || len(r.Devices) != 2 {
		t.Errorf("a row of several devices: %+v", r)
	}
	if r := got.Rows[5]; r.Devices != nil {
		t.Errorf("all devices need no names: %+v", r)
	}
	if len(got.Conflicts) != 1 || got.Conflicts[0].Kind != radio.ConflictAudio {
		t.Errorf("left out: %+v", got.Conflicts)
	}

	got, err = p.Week(t.Context(), radio.Target{Device: device(111)}, "2026-11-23", 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Rows) != 3 || got.Rows[0].Device != device(111) || !radio.ValidID(got.Rows[0].ID) || got.Rows[0].Devices != nil {
		t.Errorf("one device: %+v", got.Rows)
	}
	// What lies before now is the log's to tell: of the week before nothing, of today the rest.
	h.plan.Schedules = []radio.Schedule{schedule(1, inCommune, slot(1, "30 9,10 * * *", 1))}
	for from, want := range map[radio.Date]int{"2026-11-16": 0, "2026-11-17": 1, "2026-11-23": 1 + 6*2} {
		if got, err := p.Week(t.Context(), inCommune, from, 7); err != nil || len(got.Rows) != want || len(got.Days) != 7 {
			t.Errorf("from %s: %d rows, want %d: %v", from, len(got.Rows), want, err)
		}
	}
	got, err = p.Week(t.Context(), radio.Target{Area: area(30)}, "2026-11-23", 31)
	if err != nil || len(got.Rows) != 0 || len(got.Days) != 31 || got.Devices != 0 {
		t.Errorf("no devices: %+v %v", got, err)
	}
}

func TestWeekRefuses(t *testing.T) {
	p := newHouse().preview()
	for _, c := range []struct {
		of   radio.Target
		from radio.Date
		days int
		want error
	}{
		{radio.Target{Area: area(77)}, "2026-11-23", 7, radio.ErrNotFound},
		{radio.Target{Device: device(7)}, "2026-11-23", 7, radio.ErrNotFound},
		{radio.Target{}, "2026-11-23", 7, radio.ErrNotFound},
		{inCommune, "23/11/2026", 7, radio.ErrInvalid},
		{inCommune, "9999-12-31", 7, radio.ErrInvalid},
		{inCommune, "2026-11-23", 0, radio.ErrInvalid},
		{inCommune, "2026-11-23", 32, radio.ErrInvalid},
	} {
		if _, err := p.Week(t.Context(), c.of, c.from, c.days); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c, err, c.want)
		}
	}
}
