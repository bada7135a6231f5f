package report

import (
	"context"
	"errors"
	"reflect"
	"slices"
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

	proofs  map[uint64]radio.JournalProof
	records int // that are held of every batch
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

func (f *fake) LogTotals(_ context.Context, filter radio.LogFilter) (radio.LogTotals, error) {
	t := radio.LogTotals{Outcomes: map[radio.Outcome]int64{}}
	for _, c := range f.counts {
		t.Add(c)
	}
	f.filter = filter
	return t, nil
}

func (f *fake) LogCounts(_ context.Context, filter radio.LogFilter) ([]radio.LogCount, error) {
	f.filter = filter
	return f.counts, nil
}

func (f *fake) LogSlots(ctx context.Context, filter radio.LogFilter) ([]radio.LogCount, error) {
	return f.LogCounts(ctx, filter)
}

func (f *fake) LogCommunes(ctx context.Context, filter radio.LogFilter) ([]radio.LogCount, error) {
	return f.LogCounts(ctx, filter)
}

func (f *fake) LogMonths(ctx context.Context, filter radio.LogFilter) ([]radio.LogCount, error) {
	return f.LogCounts(ctx, filter)
}

func (f *fake) AsRunHistory(_ context.Context, _ radio.DeviceID, airing radio.AiringID) (radio.AsRun, []radio.Word, error) {
	for _, r := range f.rows {
		if r.Airing == airing {
			return r, f.words, nil
		}
	}
	return radio.AsRun{}, nil, radio.ErrNotFound
}

func (f *fake) JournalProof(_ context.Context, ref radio.JournalRef, seq uint64) (radio.JournalProof, [][]byte, error) {
	p, ok := f.proofs[seq]
	if !ok {
		return p, nil, radio.ErrNotFound
	}
	return p, make([][]byte, f.records), nil
}

func (f *fake) LogChoices(_ context.Context, filter radio.LogFilter) (radio.LogChoices, error) {
	f.filter = filter
	return radio.LogChoices{Slots: []radio.TimeOfDay{300}}, nil
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
	pages, cursor := 0, radio.LogCursor{}
	for {
		page, err := r.Log(t.Context(), filter, cursor, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Rows {
			got = append(got, row.AsRun)
		}
		pages++
		if cursor = page.Next; cursor == (radio.LogCursor{}) {
			break
		}
	}
	if pages != 3 || !slices.Equal(got, f.rows) || !reflect.DeepEqual(f.filter, filter) {
		t.Errorf("%d pages, %d rows, filter %+v", pages, len(got), f.filter)
	}
	for _, limit := range []int{1, radio.MaxLogRows} {
		if _, err := r.Log(t.Context(), radio.LogFilter{}, radio.LogCursor{}, limit); err != nil || f.limit != limit+1 {
			t.Errorf("limit %d: asked the store for %d, %v", limit, f.limit, err)
		}
	}
	for _, limit := range []int{-1, 0, radio.MaxLogRows + 1} {
		if _, err := r.Log(t.Context(), radio.LogFilter{}, radio.LogCursor{}, limit); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

func TestFutureAndOverdue(t *testing.T) {
	const tick = time.Millisecond
	end := noon.Add(-overdueAfter)
	for _, c := range []struct {
		name            string
		start           time.Time
		outcome         radio.Outcome
		future, overdue bool
	}{
		{"still to come", noon.Add(tick), radio.PendingOutcome, true, false},
		{"now", noon, radio.PendingOutcome, false, false},
		{"at the last moment", end, radio.PendingOutcome, false, false},
		{"a moment later", end.Add(-tick), radio.PendingOutcome, false, true},
		{"decided in advance", noon.Add(time.Hour), radio.Declined, false, false},
		{"decided long ago", end.Add(-time.Hour), radio.Silent, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{rows: rows(1)}
			// Ten seconds of sound: what counts for overdue is the planned end.
			f.rows[0].Start, f.rows[0].Samples, f.rows[0].Outcome = radio.At(c.start), 10*radio.SampleRate, c.outcome
			if !c.future {
				f.rows[0].Start = radio.At(c.start.Add(-10 * time.Second))
			}
			page, err := New(f, func() time.Time { return noon }).Log(t.Context(), radio.LogFilter{}, radio.LogCursor{}, 1)
			want := radio.LogRow{AsRun: f.rows[0], Future: c.future, Overdue: c.overdue}
			if err != nil || page.Rows[0] != want || page.Next != (radio.LogCursor{}) {
				t.Errorf("%+v, %v", page, err)
			}
		})
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
	if err != nil || totals.Planned != 18 || totals.Outcomes[radio.Aired] != 11 || totals.Outcomes[radio.PendingOutcome] != 3 || totals.Outcomes[radio.Silent] != 4 ||
		totals.Outcomes[radio.Failed] != 0 || totals.Unplanned != 2 {
		t.Errorf("totals %+v, %v", totals, err)
	}
	days, err := r.Days(t.Context(), radio.LogFilter{})
	if err != nil || len(days) != 3 {
		t.Fatalf("days %+v, %v", days, err)
	}
	if d := days[0]; d.CommuneName != "Xã A" || d.Planned != 13 || d.Unplanned != 2 || d.Outcomes[radio.Aired] != 10 {
		t.Errorf("first day %+v", d)
	}
	if d := days[2]; d.Day != "2026-11-24" || d.Planned != 4 || d.Outcomes[radio.Silent] != 4 {
		t.Errorf("last day %+v", d)
	}
}

func TestHistory(t *testing.T) {
	f := &fake{rows: rows(1), words: []radio.Word{{N: 1}}}
	f.rows[0].Outcome = radio.PendingOutcome
	r := New(f, func() time.Time { return noon.AddDate(0, 0, 1) })
	row, words, err := r.History(t.Context(), radio.NewID[radio.DeviceID](), f.rows[0].Airing)
	if err != nil || row.AsRun != f.rows[0] || len(words) != 1 {
		t.Errorf("history %+v, %v, %v", row, words, err)
	}
	if row.Future || !row.Overdue {
		t.Errorf("a day after its end: %+v", row)
	}
	for _, airing := range []radio.AiringID{"", "x", radio.NewID[radio.AiringID]()} {
		if _, _, err := r.History(t.Context(), radio.NewID[radio.DeviceID](), airing); !errors.Is(err, radio.ErrNotFound) {
			t.Errorf("airing %q: %v", airing, err)
		}
	}
}

// TestBadFilterAsksNothing: what is wrong with a filter is said before the store is read.
func TestBadFilterAsksNothing(t *testing.T) {
	f := &fake{}
	r := New(f, func() time.Time { return noon })
	bad := radio.LogFilter{Outcome: "heard"}
	for name, ask := range map[string]func() error{
		"log":    func() error { _, err := r.Log(t.Context(), bad, radio.LogCursor{}, 1); return err },
		"totals": func() error { _, err := r.Totals(t.Context(), bad); return err },
		"days":   func() error { _, err := r.Days(t.Context(), bad); return err },
	} {
		var invalid *radio.Invalid
		if err := ask(); !errors.As(err, &invalid) || invalid.Problems[0].Field != "outcome" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !reflect.DeepEqual(f.filter, radio.LogFilter{}) {
		t.Errorf("the store was asked for %+v", f.filter)
	}
}

func TestProofs(t *testing.T) {
	f := &fake{records: 4, proofs: map[uint64]radio.JournalProof{7: {First: 5, Last: 8, Signatures: []byte("[]")}, 8: {First: 5, Last: 9, Signatures: []byte("[]")}, 9: {First: 5, Last: 8}}}
	words := []radio.Word{{From: radio.WordCentre}, {Journal: "J", Seq: 6}, {Journal: "J", Seq: 7}, {Journal: "J", Seq: 8}, {Journal: "J", Seq: 9}}
	got, err := New(f, time.Now).Proofs(t.Context(), "D", words)
	want := []radio.LogProof{{Journal: "J", Seq: 6}, {Journal: "J", Seq: 7, Held: true, First: 5, Last: 8}, {Journal: "J", Seq: 8}, {Journal: "J", Seq: 9}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v, %v", got, want, err)
	}
}

func TestChoices(t *testing.T) {
	f := &fake{}
	got, err := New(f, time.Now).Choices(t.Context(), "2026-11-23", []radio.AreaID{"C"})
	if err != nil || len(got.Slots) != 1 || f.filter.From != "2026-11-23" || !slices.Equal(f.filter.Communes, []radio.AreaID{"C"}) {
		t.Errorf("%+v, asked for %+v, %v", got, f.filter, err)
	}
}
