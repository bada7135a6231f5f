package report

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

var noon = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)

// fake records what it is asked for; rows are in the log's order.
type fake struct {
	rows   []radio.AsRun
	counts []radio.LogCount
	words  []radio.Word
	filter radio.LogFilter
	limit  int
}

func (f *fake) AsRuns(_ context.Context, filter radio.LogFilter, after radio.LogCursor, limit int) ([]radio.AsRun, error) {
	f.filter, f.limit = filter, limit
	rows := f.rows
	if after != (radio.LogCursor{}) {
		i := slices.IndexFunc(rows, func(a radio.AsRun) bool { return a.Start == after.Start && a.Airing == after.Airing })
		rows = rows[i+1:]
	}
	return rows[:min(limit, len(rows))], nil
}

func (f *fake) LogCounts(_ context.Context, filter radio.LogFilter) ([]radio.LogCount, error) {
	f.filter = filter
	return f.counts, nil
}

func (f *fake) AsRunHistory(_ context.Context, _ radio.DeviceID, airing radio.AiringID) (radio.AsRun, []radio.Word, error) {
	for _, r := range f.rows {
		if r.Airing == airing {
			return r, f.words, nil
		}
	}
	return radio.AsRun{}, nil, radio.ErrNotFound
}

func rows(n int) []radio.AsRun {
	out := make([]radio.AsRun, n)
	for i := range out {
		out[i] = radio.AsRun{Airing: radio.NewID[radio.AiringID](), Origin: radio.FromSchedule, FrozenAt: 1, Start: radio.At(noon) - radio.Millis(i/3), Outcome: radio.Aired}
	}
	return out
}

func TestLogPages(t *testing.T) {
	f := &fake{rows: rows(7)}
	r := New(f, func() time.Time { return noon })
	filter := radio.LogFilter{Commune: radio.NewID[radio.AreaID](), From: "2026-11-01", To: "2026-11-30", Outcome: radio.Aired}
	var got []radio.AsRun
	pages, cursor := 0, ""
	for {
		page, err := r.Log(t.Context(), filter, cursor, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Rows {
			got = append(got, row.AsRun)
		}
		pages++
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if pages != 3 || !slices.Equal(got, f.rows) || f.filter != filter {
		t.Errorf("%d pages, %d rows, filter %+v", pages, len(got), f.filter)
	}
	for asked, want := range map[int]int{0: DefaultLimit, -1: DefaultLimit, 5: 5, MaxLimit + 1: MaxLimit} {
		if _, err := r.Log(t.Context(), radio.LogFilter{}, "", asked); err != nil || f.limit != want+1 {
			t.Errorf("limit %d: asked the store for %d, %v", asked, f.limit, err)
		}
	}
}

func TestOverdueAndPlanned(t *testing.T) {
	end := noon.Add(-10 * time.Minute)
	row := func(start time.Time, o radio.Outcome, frozen radio.Millis, origin radio.Origin) radio.AsRun {
		return radio.AsRun{Airing: radio.NewID[radio.AiringID](), Origin: origin, FrozenAt: frozen, Start: radio.At(start), Outcome: o}
	}
	f := &fake{rows: []radio.AsRun{
		row(end, radio.PendingOutcome, 1, radio.FromSchedule),
		row(end.Add(-time.Millisecond), radio.PendingOutcome, 1, radio.FromSchedule),
		row(end.Add(-time.Hour), radio.Silent, 1, radio.FromSchedule),
		row(end, radio.Aired, 0, radio.FromSchedule),
		row(end, radio.Aired, 0, radio.FromAlert),
	}}
	page, err := New(f, func() time.Time { return noon }).Log(t.Context(), radio.LogFilter{}, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Row{{Planned: true}, {Planned: true, Overdue: true}, {Planned: true}, {}, {}} {
		if got := page.Rows[i]; got.Planned != want.Planned || got.Overdue != want.Overdue {
			t.Errorf("row %d: planned %v, overdue %v", i, got.Planned, got.Overdue)
		}
	}
}

func TestTotalsAndDays(t *testing.T) {
	f := &fake{counts: []radio.LogCount{
		{Day: "2026-11-23", Commune: "A", CommuneName: "Xã A", Planned: false, Outcome: radio.Aired, Rows: 2},
		{Day: "2026-11-23", Commune: "A", CommuneName: "Xã A", Planned: true, Outcome: radio.Aired, Rows: 10},
		{Day: "2026-11-23", Commune: "A", CommuneName: "Xã A", Planned: true, Outcome: radio.PendingOutcome, Rows: 3},
		{Day: "2026-11-23", Commune: "B", CommuneName: "Xã B", Planned: true, Outcome: radio.Aired, Rows: 1},
		{Day: "2026-11-24", Commune: "A", CommuneName: "Xã A", Planned: true, Outcome: radio.Silent, Rows: 4},
	}}
	r := New(f, func() time.Time { return noon })
	totals, err := r.Totals(t.Context(), radio.LogFilter{})
	if err != nil || totals.Planned != 18 || totals.Of(radio.Aired) != 11 || totals.Of(radio.PendingOutcome) != 3 || totals.Of(radio.Silent) != 4 ||
		totals.Of(radio.Failed) != 0 || totals.Unplanned != 2 {
		t.Errorf("totals %+v, %v", totals, err)
	}
	days, err := r.Days(t.Context(), radio.LogFilter{})
	if err != nil || len(days) != 3 {
		t.Fatalf("days %+v, %v", days, err)
	}
	if d := days[0]; d.CommuneName != "Xã A" || d.Planned != 13 || d.Unplanned != 2 || d.Of(radio.Aired) != 10 {
		t.Errorf("first day %+v", d)
	}
	if d := days[2]; d.Day != "2026-11-24" || d.Planned != 4 || d.Of(radio.Silent) != 4 {
		t.Errorf("last day %+v", d)
	}
}

func TestHistory(t *testing.T) {
	f := &fake{rows: rows(1), words: []radio.Word{{N: 1}}}
	r := New(f, func() time.Time { return noon })
	row, words, err := r.History(t.Context(), radio.NewID[radio.DeviceID](), f.rows[0].Airing)
	if err != nil || row.AsRun != f.rows[0] || len(words) != 1 {
		t.Errorf("history %+v, %v, %v", row, words, err)
	}
	for _, airing := range []radio.AiringID{"", "x", radio.NewID[radio.AiringID]()} {
		if _, _, err := r.History(t.Context(), radio.NewID[radio.DeviceID](), airing); !errors.Is(err, radio.ErrNotFound) {
			t.Errorf("airing %q: %v", airing, err)
		}
	}
}

func TestFiltersOfPeople(t *testing.T) {
	r := New(&fake{}, func() time.Time { return noon })
	for field, f := range map[string]radio.LogFilter{
		"from": {From: "23/11/2026"}, "to": {From: "2026-11-23", To: "2026-11-22"}, "outcome": {Outcome: "heard"},
		"commune": {Commune: "Thạch Hà"}, "device": {Device: "1"}, "campaign": {Campaign: "x"}, "bulletin": {Bulletin: "x"},
	} {
		for name, ask := range map[string]func() error{
			"log":    func() error { _, err := r.Log(t.Context(), f, "", 0); return err },
			"totals": func() error { _, err := r.Totals(t.Context(), f); return err },
			"days":   func() error { _, err := r.Days(t.Context(), f); return err },
		} {
			var invalid *radio.Invalid
			if err := ask(); !errors.As(err, &invalid) || len(invalid.Problems) != 1 || invalid.Problems[0].Field != field {
				t.Errorf("%s, %s: %v", name, field, err)
			}
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add(formatCursor(radio.LogCursor{Start: radio.At(noon), Airing: radio.NewID[radio.AiringID]()}))
	f.Add("MSAy")
	f.Add(strings.Repeat("A", 200))
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCursor(s)
		switch {
		case err != nil && !errors.Is(err, radio.ErrInvalid):
			t.Fatal(err)
		case err == nil && s != "":
			again, err := parseCursor(formatCursor(c))
			if err != nil || again != c {
				t.Fatalf("%+v became %+v, %v", c, again, err)
			}
		}
	})
}
