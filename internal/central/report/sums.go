package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

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

// CampaignProgress counts a campaign by commune and month. communes are those the reader
// may see; nil is all.
func (r *Report) CampaignProgress(ctx context.Context, campaign radio.CampaignID, communes []radio.AreaID) (radio.CampaignProgress, error) {
	p := radio.CampaignProgress{Campaign: campaign, Totals: noTotals()}
	if !radio.ValidID(campaign) {
		return p, fmt.Errorf("campaign: %w", radio.ErrNotFound)
	}
	counts, err := r.store.LogMonths(ctx, radio.LogFilter{Campaign: campaign, Communes: communes})
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
	for _, row := range rows {
		p.Communes = append(p.Communes, *row)
	}
	byName(p.Communes, func(x radio.CampaignCommune) (string, radio.AreaID) { return x.CommuneName, x.Commune })
	return p, nil
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
	order := collate.New(language.Vietnamese)
	slices.SortFunc(rows, func(a, b T) int {
		na, ia := name(a)
		nb, ib := name(b)
		return cmp.Or(order.CompareString(na, nb), cmp.Compare(ia, ib))
	})
}
