package report

import (
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
	p, err := newReport(f).CampaignProgress(t.Context(), id, []radio.AreaID{"A", "B"})
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
	if _, err := newReport(f).CampaignProgress(t.Context(), "x", nil); !errors.Is(err, radio.ErrNotFound) {
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
