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

func newReport(f *fake) *Report { return New(f, func() time.Time { return noon }) }

func TestMatrix(t *testing.T) {
	f := &fake{counts: []radio.LogCount{
		{Commune: "B", CommuneName: "Xã Ba", Slot: 17 * 60, Planned: true, Outcome: radio.Aired, Rows: 3},
		{Commune: "B", CommuneName: "Xã Ba", Slot: 5 * 60, Planned: true, Outcome: radio.Missed, Rows: 1},
		{Commune: "A", CommuneName: "Xã Ân", Slot: 5 * 60, Planned: true, Outcome: radio.Aired, Rows: 4},
		{Commune: "A", CommuneName: "Xã Ân", Slot: 5 * 60, Outcome: radio.Aired, Rows: 2},
		{Commune: "A", CommuneName: "Xã Ân", Slot: 617, Outcome: radio.Aired, Rows: 5}, // a command, at no slot's time
		{Commune: "D", CommuneName: "Xã Đá", Slot: 617, Outcome: radio.Aired, Rows: 1},
	}}
	m, err := newReport(f).Matrix(t.Context(), "2026-11-23", radio.LogFilter{From: "2020-01-01", Communes: []radio.AreaID{"A"}})
	if err != nil || f.filter.From != "2026-11-23" || f.filter.To != "2026-11-23" || len(f.filter.Communes) != 1 {
		t.Fatalf("asked for %+v, %v", f.filter, err)
	}
	if !slices.Equal(m.Slots, []radio.TimeOfDay{300, 1020}) {
		t.Errorf("slots %v", m.Slots)
	}
	var names []string
	var planned, unplanned int64
	sums := make([]int64, 2)
	for _, r := range m.Rows {
		names = append(names, r.CommuneName)
		planned, unplanned = planned+r.Totals.Planned, unplanned+r.Totals.Unplanned
		for i, c := range r.Cells {
			sums[i] += c.Planned
		}
	}
	// The Vietnamese alphabet: A before Â, D before Đ; "Xã Ân" before "Xã Ba".
	if !slices.Equal(names, []string{"Xã Ân", "Xã Ba", "Xã Đá"}) {
		t.Errorf("rows %v", names)
	}
	if m.Totals.Planned != 8 || m.Totals.Unplanned != 8 || planned != 8 || unplanned != 8 || sums[0] != m.Sums[0].Planned || sums[1] != m.Sums[1].Planned || m.Sums[0].Planned != 5 {
		t.Errorf("totals %+v, sums %+v", m.Totals, m.Sums)
	}
	if c := m.Rows[0].Cells[0]; c.Planned != 4 || c.Unplanned != 2 || c.Outcomes[radio.Aired] != 4 {
		t.Errorf("cell %+v", c)
	}
	if _, err := newReport(f).Matrix(t.Context(), "today", radio.LogFilter{}); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("a day that is none: %v", err)
	}
}

func TestCampaignProgress(t *testing.T) {
	f := &fake{counts: []radio.LogCount{
		{Day: "2026-12", Commune: "B", CommuneName: "Ba", Planned: true, Outcome: radio.Aired, Rows: 2},
		{Day: "2026-11", Commune: "B", CommuneName: "Ba", Planned: true, Outcome: radio.Silent, Rows: 1},
		{Day: "2026-12", Commune: "A", CommuneName: "An", Planned: true, Outcome: radio.Aired, Rows: 3},
	}}
	id := radio.NewID[radio.CampaignID]()
	p, err := newReport(f).CampaignProgress(t.Context(), id, []radio.AreaID{"A", "B"}, atNoon)
	if err != nil || f.filter.Campaign != id || len(f.filter.Communes) != 2 {
		t.Fatalf("asked for %+v, %v", f.filter, err)
	}
	if p.Totals.Planned != 6 || p.Totals.Outcomes[radio.Aired] != 5 || len(p.Communes) != 2 || p.Communes[0].CommuneName != "An" || p.Communes[1].Totals.Planned != 3 {
		t.Errorf("%+v", p)
	}
	months := []radio.CampaignMonth{{Month: "2026-11", Totals: radio.LogTotals{Planned: 1, Outcomes: map[radio.Outcome]int64{radio.Silent: 1}}},
		{Month: "2026-12", Totals: radio.LogTotals{Planned: 2, Outcomes: map[radio.Outcome]int64{radio.Aired: 2}}}}
	if !reflect.DeepEqual(p.Communes[1].Months, months) || len(p.Months) != 2 || p.Months[1].Totals.Planned != 5 {
		t.Errorf("months %+v, of all %+v", p.Communes[1].Months, p.Months)
	}
	if _, err := newReport(f).CampaignProgress(t.Context(), "x", nil, atNoon); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("no campaign: %v", err)
	}
}

func TestBulletin(t *testing.T) {
	f := &fake{rows: rows(3), counts: []radio.LogCount{
		{Commune: "A", CommuneName: "An", Planned: true, Outcome: radio.Aired, Rows: 112},
		{Commune: "B", CommuneName: "Ba", Planned: true, Outcome: radio.Missed, Rows: 3},
	}}
	f.rows[1].Origin = radio.FromCommand // nobody planned it, so it is not missing
	id := radio.NewID[radio.BulletinID]()
	b, err := newReport(f).Bulletin(t.Context(), id, "2026-11-01", "", []radio.AreaID{"A", "B"})
	if err != nil || f.filter.Bulletin != id || f.filter.Outcome != radio.Lacking || f.filter.From != "2026-11-01" || len(f.filter.Communes) != 2 {
		t.Fatalf("asked for %+v, %v", f.filter, err)
	}
	if b.Totals.Planned != 115 || b.Totals.Outcomes[radio.Aired] != 112 || len(b.Communes) != 2 || len(b.Missing) != 2 || b.More {
		t.Errorf("%+v", b)
	}
	if _, err := newReport(f).Bulletin(t.Context(), "x", "", "", nil); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("no bulletin: %v", err)
	}
}

// atNoon is the local clock of these tests.
var atNoon = radio.LogNow{Day: "2026-11-23", Time: 12 * 60}

// ahead is a log in which airings are frozen for days to come.
type ahead struct {
	*fake
	asked []radio.LogFilter
}

func (a *ahead) of(f radio.LogFilter) []radio.LogCount {
	a.asked = append(a.asked, f)
	var out []radio.LogCount
	for _, c := range a.counts {
		if (f.From == "" || c.Day >= f.From) && (f.To == "" || c.Day <= f.To) {
			out = append(out, c)
		}
	}
	return out
}

func (a *ahead) LogTotals(_ context.Context, f radio.LogFilter) (radio.LogTotals, error) {
	t := radio.LogTotals{}
	for _, c := range a.of(f) {
		t.Add(c)
	}
	return t, nil
}

func (a *ahead) LogSlots(_ context.Context, f radio.LogFilter) ([]radio.LogCount, error) {
	return a.of(f), nil
}

func (a *ahead) LogMonths(_ context.Context, f radio.LogFilter) ([]radio.LogCount, error) {
	out := a.of(f)
	for i := range out {
		out[i].Day, out[i].Slot = out[i].Day[:7], 0
	}
	return out, nil
}

// TestComing: what is frozen ahead awaits no report: its time has not come.
func TestComing(t *testing.T) {
	f := &ahead{fake: &fake{counts: []radio.LogCount{
		{Day: "2026-11-22", Commune: "A", CommuneName: "An", Slot: 1020, Planned: true, Outcome: radio.PendingOutcome, Rows: 1},    // overdue
		{Day: "2026-11-23", Commune: "A", CommuneName: "An", Slot: 300, Planned: true, Outcome: radio.Aired, Rows: 2},              // this morning
		{Day: "2026-11-23", Commune: "A", CommuneName: "An", Slot: 12 * 60, Planned: true, Outcome: radio.PendingOutcome, Rows: 4}, // just now
		{Day: "2026-11-23", Commune: "A", CommuneName: "An", Slot: 1020, Planned: true, Outcome: radio.PendingOutcome, Rows: 8},
		{Day: "2026-11-23", Commune: "B", CommuneName: "Ba", Slot: 1020, Planned: true, Outcome: radio.Declined, Rows: 16}, // decided already
		{Day: "2026-11-24", Commune: "B", CommuneName: "Ba", Slot: 300, Planned: true, Outcome: radio.PendingOutcome, Rows: 32},
		{Day: "2026-12-01", Commune: "B", CommuneName: "Ba", Slot: 300, Planned: true, Outcome: radio.PendingOutcome, Rows: 64},
		{Day: "2026-12-01", Commune: "B", CommuneName: "Ba", Slot: 300, Outcome: radio.Aired, Rows: 128}, // nobody planned it
	}}}
	r := New(f, func() time.Time { return noon })
	sums := func(t radio.LogTotals) [4]int64 {
		return [4]int64{t.Planned, t.Outcomes[radio.PendingOutcome], t.Coming, t.Unplanned}
	}
	for name, c := range map[string]struct {
		filter radio.LogFilter
		want   [4]int64
	}{
		"all":      {radio.LogFilter{}, [4]int64{23, 5, 104, 128}},
		"today":    {radio.LogFilter{From: "2026-11-23", To: "2026-11-23"}, [4]int64{22, 4, 8, 0}},
		"before":   {radio.LogFilter{To: "2026-11-22"}, [4]int64{1, 1, 0, 0}},
		"tomorrow": {radio.LogFilter{From: "2026-11-24", To: "2026-11-24"}, [4]int64{0, 0, 32, 0}},
	} {
		got, err := r.TotalsUntil(t.Context(), c.filter, atNoon)
		if err != nil || sums(got) != c.want {
			t.Errorf("%s: %v, %v, want %v", name, sums(got), err, c.want)
		}
	}
	campaign := radio.IDFromBytes[radio.CampaignID]([16]byte{1})
	f.asked = nil
	p, err := r.CampaignProgress(t.Context(), campaign, []radio.AreaID{"A", "B"}, atNoon)
	if err != nil || sums(p.Totals) != [4]int64{23, 5, 104, 128} || sums(p.Communes[0].Totals) != [4]int64{7, 5, 8, 0} || sums(p.Months[1].Totals) != [4]int64{0, 0, 64, 128} ||
		sums(p.Communes[1].Months[0].Totals) != [4]int64{16, 0, 32, 0} {
		t.Errorf("%+v, %v", p, err)
	}
	for _, asked := range f.asked {
		if asked.Campaign != campaign || len(asked.Communes) != 2 {
			t.Errorf("asked beyond the reader's rights: %+v", asked)
		}
	}
}
