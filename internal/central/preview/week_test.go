package preview_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

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

// TestWeekTellsItsOwn: what does not enter the programme is told in the weeks in which it
// would have sounded, and in no other.
func TestWeekTellsItsOwn(t *testing.T) {
	h := newHouse()
	h.plan.Bulletins[4].State = radio.Pending
	h.plan.Schedules = []radio.Schedule{
		with(schedule(1, inCommune, slot(1, "0 17 * * 3", 5)), func(s *radio.Schedule) { s.From, s.Until = "2026-12-01", "2026-12-31" }),
	}
	for from, want := range map[radio.Date]int{"2026-11-16": 0, "2026-11-23": 0, "2026-11-30": 1, "2026-12-28": 1, "2027-01-04": 0} {
		got, err := h.preview().Week(t.Context(), inCommune, from, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Conflicts) != want {
			t.Errorf("week of %s: %+v", from, got.Conflicts)
		}
		if from == "2026-11-30" && len(got.Conflicts) == 1 && got.Conflicts[0].At != radio.At(time.Date(2026, 12, 2, 10, 0, 0, 0, time.UTC)) {
			t.Errorf("first at %v", got.Conflicts[0].At.Time())
		}
	}
}

// TestIdleDevices: who never enrolled plays nothing, and is counted apart.
func TestIdleDevices(t *testing.T) {
	h := newHouse()
	for i := range 3 { // of the four of commune 10
		h.places[i].Device.Enrolled = 0
	}
	s := schedule(1, inCommune, slot(1, everyday, 1))
	got := conflicts(t, h, s)
	if len(got) != 1 || got[0].Kind != radio.ConflictTarget || got[0].Blocking || got[0].DeviceCount != 3 {
		t.Errorf("three of four are idle: %+v", got)
	}
	got = conflicts(t, h, s, with(schedule(2, inCommune, slot(2, everyday, 1)), prior))
	if i := slices.IndexFunc(got, func(c radio.Conflict) bool { return c.Kind == radio.ConflictOverlap }); i < 0 || got[i].DeviceCount != 1 {
		t.Errorf("the overlap is on the enrolled one: %+v", got)
	}
	h.plan.Schedules = []radio.Schedule{s}
	week, err := h.preview().Week(t.Context(), inCommune, "2026-11-23", 7)
	if err != nil || week.Devices != 1 || week.Idle != 3 || len(week.Rows) == 0 || week.Rows[0].DeviceCount != 1 {
		t.Errorf("week: %d devices, %d idle, %+v, %v", week.Devices, week.Idle, week.Rows, err)
	}
	h.places[3].Device.Enrolled = 0
	if week, err = h.preview().Week(t.Context(), inCommune, "2026-11-23", 7); err != nil || week.Devices != 0 || week.Idle != 4 || len(week.Rows) != 0 {
		t.Errorf("week of nobody: %+v, %v", week, err)
	}
	// What cannot enter a programme is told all the same.
	h.plan.Bulletins[0].State = radio.Pending
	if got = conflicts(t, h, s); len(got) != 2 {
		t.Errorf("unapproved, and nobody enrolled: %+v", got)
	}
	if got, err := h.preview().Check(t.Context()); err != nil || slices.ContainsFunc(got, func(c radio.Conflict) bool { return c.Kind == radio.ConflictTarget && c.DeviceCount > 0 }) {
		t.Errorf("the fault list has its own word for them: %+v, %v", got, err)
	}
}

// TestPlanIsReadOnce: as long as it does not change.
func TestPlanIsReadOnce(t *testing.T) {
	h := newHouse()
	h.still = true
	p := h.preview()
	for range 3 {
		if _, err := p.Conflicts(t.Context(), []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1))}); err != nil {
			t.Fatal(err)
		}
		if got, err := p.Check(t.Context()); err != nil || len(got) != 0 {
			t.Fatalf("a question left its candidate behind: %+v, %v", got, err)
		}
	}
	if h.read != 1 {
		t.Errorf("the plan was read %d times", h.read)
	}
	h.generation++
	h.plan.Bulletins[0].State = radio.Withdrawn
	if got, err := p.Conflicts(t.Context(), []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1))}); err != nil || len(got) == 0 || h.read != 2 {
		t.Errorf("a change is not seen: %+v, %v", got, err)
	}
}
