package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
)

// Matrix counts one local day by commune and slot. f narrows it further, by campaign for
// instance; its days are not used.
func (r *Report) Matrix(ctx context.Context, day radio.Date, f radio.LogFilter) (radio.LogMatrix, error) {
	f.From, f.To = day, day
	m := radio.LogMatrix{Day: day, Totals: noTotals()}
	if err := f.Check(); err != nil {
		return m, err
	}
	counts, err := r.store.LogSlots(ctx, f)
	if err != nil {
		return m, err
	}
	for _, c := range counts {
		if c.Planned && !slices.Contains(m.Slots, c.Slot) {
			m.Slots = append(m.Slots, c.Slot)
		}
	}
	slices.Sort(m.Slots)
	m.Sums = manyTotals(len(m.Slots))
	rows := map[radio.AreaID]*radio.LogMatrixRow{}
	for _, c := range counts {
		row := rows[c.Commune]
		if row == nil {
			row = &radio.LogMatrixRow{Commune: c.Commune, CommuneName: c.CommuneName, Totals: noTotals(), Cells: manyTotals(len(m.Slots))}
			rows[c.Commune] = row
		}
		m.Totals.Add(c)
		row.Totals.Add(c)
		// Sound nobody planned has a cell only where something was planned, too.
		if i, ok := slices.BinarySearch(m.Slots, c.Slot); ok {
			m.Sums[i].Add(c)
			row.Cells[i].Add(c)
		}
	}
	for _, row := range rows {
		m.Rows = append(m.Rows, *row)
	}
	byName(m.Rows, func(x radio.LogMatrixRow) (string, radio.AreaID) { return x.CommuneName, x.Commune })
	return m, nil
}

// TotalsUntil counts what the filter lets through and was planned until now; what is
// still to come is counted apart.
func (r *Report) TotalsUntil(ctx context.Context, f radio.LogFilter, now radio.LogNow) (radio.LogTotals, error) {
	t, err := r.Totals(ctx, f)
	if err != nil {
		return t, err
	}
	coming, err := r.coming(ctx, f, now)
	for _, c := range coming {
		t.Put(c)
	}
	return t, err
}

// coming counts, by commune and month, the planned airings whose time has not come: they
// are frozen days ahead, and pending as those are of which no device has reported.
func (r *Report) coming(ctx context.Context, f radio.LogFilter, now radio.LogNow) ([]radio.LogCount, error) {
	day, err := time.Parse(time.DateOnly, string(now.Day))
	if err != nil {
		return nil, fmt.Errorf("%w: day %q", radio.ErrInvalid, now.Day)
	}
	today, later := f, f
	today.From, today.To = now.Day, now.Day
	later.From = max(f.From, radio.DateOf(day.AddDate(0, 0, 1)))
	var out []radio.LogCount
	if (f.From == "" || f.From <= now.Day) && (f.To == "" || f.To >= now.Day) {
		counts, err := r.store.LogSlots(ctx, today)
		if err != nil {
			return nil, err
		}
		for _, c := range counts {
			if c.Slot > now.Time {
				c.Day = now.Day[:7]
				out = append(out, c)
			}
		}
	}
	if f.To == "" || f.To >= later.From {
		counts, err := r.store.LogMonths(ctx, later)
		if err != nil {
			return nil, err
		}
		out = append(out, counts...)
	}
	return slices.DeleteFunc(out, func(c radio.LogCount) bool { return !c.Planned || c.Outcome != radio.PendingOutcome }), nil
}

// CampaignProgress counts a campaign by commune and month, as it was planned until now;
// what is still to come is counted apart. communes are those the reader may see; nil is
// all.
func (r *Report) CampaignProgress(ctx context.Context, campaign radio.CampaignID, communes []radio.AreaID, now radio.LogNow) (radio.CampaignProgress, error) {
	p := radio.CampaignProgress{Campaign: campaign, Totals: noTotals()}
	if !radio.ValidID(campaign) {
		return p, fmt.Errorf("campaign: %w", radio.ErrNotFound)
	}
	f := radio.LogFilter{Campaign: campaign, Communes: communes}
	counts, err := r.store.LogMonths(ctx, f)
	if err != nil {
		return p, err
	}
	coming, err := r.coming(ctx, f, now)
	if err != nil {
		return p, err
	}
	rows := map[radio.AreaID]*radio.CampaignCommune{}
	for _, c := range counts {
		row := rows[c.Commune]
		if row == nil {
			row = &radio.CampaignCommune{Commune: c.Commune, CommuneName: c.CommuneName, Totals: noTotals()}
			rows[c.Commune] = row
		}
		p.Totals.Add(c)
		row.Totals.Add(c)
		addMonth(&p.Months, c)
		addMonth(&row.Months, c)
	}
	for _, c := range coming {
		p.Totals.Put(c)
		putMonth(p.Months, c)
		if row := rows[c.Commune]; row != nil {
			row.Totals.Put(c)
			putMonth(row.Months, c)
		}
	}
	for _, row := range rows {
		p.Communes = append(p.Communes, *row)
	}
	byName(p.Communes, func(x radio.CampaignCommune) (string, radio.AreaID) { return x.CommuneName, x.Commune })
	return p, nil
}

// putMonth puts coming airings apart in the month they were counted in.
func putMonth(months []radio.CampaignMonth, c radio.LogCount) {
	if i := slices.IndexFunc(months, func(m radio.CampaignMonth) bool { return m.Month == string(c.Day) }); i >= 0 {
		months[i].Totals.Put(c)
	}
}

func addMonth(months *[]radio.CampaignMonth, c radio.LogCount) {
	month := string(c.Day)
	i, found := slices.BinarySearchFunc(*months, month, func(m radio.CampaignMonth, s string) int { return cmp.Compare(m.Month, s) })
	if !found {
		*months = slices.Insert(*months, i, radio.CampaignMonth{Month: month, Totals: noTotals()})
	}
	(*months)[i].Totals.Add(c)
}

// maxMissing bounds the places named in a bulletin's report.
const maxMissing = 200

// Bulletin says what became of a bulletin, and where it is missing. from and to may be
// empty; communes are those the reader may see, nil is all.
func (r *Report) Bulletin(ctx context.Context, id radio.BulletinID, from, to radio.Date, communes []radio.AreaID) (radio.BulletinReport, error) {
	b := radio.BulletinReport{Bulletin: id, From: from, To: to, Totals: noTotals()}
	if !radio.ValidID(id) {
		return b, fmt.Errorf("bulletin: %w", radio.ErrNotFound)
	}
	f := radio.LogFilter{Bulletin: id, From: from, To: to, Communes: communes}
	if err := f.Check(); err != nil {
		return b, err
	}
	counts, err := r.store.LogCommunes(ctx, f)
	if err != nil {
		return b, err
	}
	rows := map[radio.AreaID]*radio.LogCommune{}
	for _, c := range counts {
		row := rows[c.Commune]
		if row == nil {
			row = &radio.LogCommune{Commune: c.Commune, CommuneName: c.CommuneName, LogTotals: noTotals()}
			rows[c.Commune] = row
		}
		b.Totals.Add(c)
		row.Add(c)
	}
	for _, row := range rows {
		b.Communes = append(b.Communes, *row)
	}
	byName(b.Communes, func(x radio.LogCommune) (string, radio.AreaID) { return x.CommuneName, x.Commune })
	f.Outcome = radio.Lacking
	page, err := r.Log(ctx, f, radio.LogCursor{}, maxMissing)
	// What nobody planned is missed by nobody.
	b.Missing = slices.DeleteFunc(page.Rows, func(row radio.LogRow) bool { return !row.Planned() })
	b.More = page.Next != (radio.LogCursor{})
	return b, err
}

func noTotals() radio.LogTotals { return radio.LogTotals{Outcomes: map[radio.Outcome]int64{}} }

func manyTotals(n int) []radio.LogTotals {
	out := make([]radio.LogTotals, n)
	for i := range out {
		out[i] = noTotals()
	}
	return out
}

// byName sorts by the Vietnamese alphabet.
func byName[T any](rows []T, name func(T) (string, radio.AreaID)) {
	alphabet.SortBy(rows, func(x T) []string {
		n, id := name(x)
		return []string{n, string(id)}
	})
}
