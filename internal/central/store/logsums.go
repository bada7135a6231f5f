package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"loaxa/internal/radio"
)

// LogTotals counts what the filter lets through.
func (s *Store) LogTotals(ctx context.Context, f radio.LogFilter) (radio.LogTotals, error) {
	return s.view().LogTotals(ctx, f)
}

// LogTotals counts what the filter lets through.
func (v *LogView) LogTotals(ctx context.Context, f radio.LogFilter) (radio.LogTotals, error) {
	t := radio.LogTotals{Outcomes: map[radio.Outcome]int64{}}
	counts, err := v.counts(ctx, f)
	for _, c := range counts {
		t.Add(c)
	}
	return t, err
}

// LogCounts counts the rows of each day and commune by outcome, days in order.
func (s *Store) LogCounts(ctx context.Context, f radio.LogFilter) ([]radio.LogCount, error) {
	return s.view().named(ctx, f, "day", "commune")
}

// LogSlots counts the rows of each commune and slot of a day by outcome.
func (s *Store) LogSlots(ctx context.Context, f radio.LogFilter) ([]radio.LogCount, error) {
	return s.view().named(ctx, f, "commune", "slot")
}

// LogCommunes counts the rows of each commune by outcome.
func (s *Store) LogCommunes(ctx context.Context, f radio.LogFilter) ([]radio.LogCount, error) {
	return s.view().named(ctx, f, "commune")
}

// LogMonths counts the rows of each commune and local month by outcome; Day is the
// month, "2026-12".
func (s *Store) LogMonths(ctx context.Context, f radio.LogFilter) ([]radio.LogCount, error) {
	return s.view().named(ctx, f, "commune", "month")
}

// LogChoices lists what stands in the log on one local day, for people to choose from.
func (s *Store) LogChoices(ctx context.Context, f radio.LogFilter) (radio.LogChoices, error) {
	f = plain(f)
	c := &conditions{}
	keyWhere(c, "", radio.LogFilter{Communes: f.Communes, Commune: f.Commune, From: f.From, To: f.From})
	var out radio.LogChoices
	_, err := collect(ctx, s.read, func(rows *sql.Rows) (struct{}, error) {
		var slot radio.TimeOfDay
		var campaign radio.CampaignID
		var bulletin radio.BulletinID
		var planned int
		err := rows.Scan(&slot, &campaign, &bulletin, &planned)
		if planned != 0 && !slices.Contains(out.Slots, slot) {
			out.Slots = append(out.Slots, slot)
		}
		if campaign != "" && !slices.Contains(out.Campaigns, campaign) {
			out.Campaigns = append(out.Campaigns, campaign)
		}
		if bulletin != "" && !slices.Contains(out.Bulletins, bulletin) {
			out.Bulletins = append(out.Bulletins, bulletin)
		}
		return struct{}{}, err
	}, `SELECT DISTINCT slot, campaign, bulletin, planned FROM slot_day`+s.by(map[bool]string{true: "slot_day_day"}[f.Commune == ""])+c.text()+` ORDER BY slot, bulletin`, c.args...)
	if err != nil {
		return out, s.kind(fmt.Errorf("choices of the log: %w", err))
	}
	return out, nil
}

// named is counts with the communes' names.
func (v *LogView) named(ctx context.Context, f radio.LogFilter, by ...string) ([]radio.LogCount, error) {
	counts, err := v.counts(ctx, f, by...)
	if err != nil || len(counts) == 0 {
		return nil, err
	}
	names := map[radio.AreaID]string{}
	_, err = collect(ctx, v.q, func(rows *sql.Rows) (struct{}, error) {
		var id radio.AreaID
		var name string
		err := rows.Scan(&id, &name)
		names[id] = name
		return struct{}{}, err
	}, `SELECT id, name FROM area WHERE kind = 'commune'`)
	if err != nil {
		return nil, v.store.kind(fmt.Errorf("names of communes: %w", err))
	}
	for i := range counts {
		counts[i].CommuneName = names[counts[i].Commune]
	}
	return counts, nil
}

// counts counts by some of day, commune, slot and month, in their order; from the
// rollups, but for one device, which has few rows.
func (v *LogView) counts(ctx context.Context, f radio.LogFilter, by ...string) ([]radio.LogCount, error) {
	if f.KnownAt != 0 {
		return v.countsKnown(ctx, f, by...)
	}
	f, by = plain(f), append(by, "planned")
	query, args := v.sums(f, by...)
	order := make([]string, len(by))
	for i := range by {
		order[i] = fmt.Sprint(i + 1)
	}
	query += " ORDER BY " + strings.Join(order, ", ")
	var out []radio.LogCount
	_, err := collect(ctx, v.q, func(rows *sql.Rows) (struct{}, error) {
		c, counts, err := scanSums(rows, f, by...)
		for i, o := range f.Outcomes() {
			if err == nil && counts[i] != 0 {
				c.Outcome, c.Rows = o, counts[i]
				out = append(out, c)
			}
		}
		return struct{}{}, err
	}, query, args...)
	if err != nil {
		return nil, v.store.kind(fmt.Errorf("count the log: %w", err))
	}
	return out, nil
}

// sums writes the query that counts what a plain filter lets through by outcome, for
// each value of the keys.
func (v *LogView) sums(f radio.LogFilter, by ...string) (string, []any) {
	c := &conditions{}
	from := ""
	outcomes := f.Outcomes()
	sums := make([]string, len(outcomes))
	columns := slices.Clone(by)
	if f.Device != "" {
		c = airingWhere(f, nil)
		from = "airing a" + v.store.by("airing_device")
		for i, o := range outcomes {
			sums[i] = "SUM(CASE WHEN outcome = '" + string(o) + "' THEN 1 ELSE 0 END)"
		}
		for i, k := range columns {
			switch k {
			case "month":
				columns[i] = monthSQL
			case "planned":
				columns[i] = plannedSQL
			}
		}
	} else {
		table, index := rollupFor(f, by)
		keys := f
		if table == "campaign_month" {
			keys.From, keys.To = "", ""
		}
		keyWhere(c, "", keys)
		if f.Outcome == radio.Unplanned {
			c.add("planned = 0")
		}
		from = table + v.store.by(index)
		for i, o := range outcomes {
			// PostgreSQL sums integers as bigint, but bigint as numeric, which is slower.
			sums[i] = "SUM(CAST(" + string(o) + " AS INTEGER))"
		}
		for i, k := range columns {
			if k == "month" && table != "campaign_month" {
				columns[i] = monthSQL
			}
		}
	}
	group := make([]string, len(columns))
	for i := range columns {
		group[i] = fmt.Sprint(i + 1)
	}
	return "SELECT " + strings.Join(slices.Concat(columns, sums), ", ") + " FROM " + from + c.text() + " GROUP BY " + strings.Join(group, ", "), c.args
}

// rollupFor names the smallest rollup that has all keys of a plain filter and of what
// is counted by, and on SQLite the index to read it by.
func rollupFor(f radio.LogFilter, by []string) (table, index string) {
	within := f.Commune != "" || f.Communes != nil || slices.Contains(by, "commune")
	slot := f.Slot != "" || slices.Contains(by, "slot")
	days := f.From != "" || f.To != "" || slices.Contains(by, "day")
	switch {
	case f.Campaign != "" && f.Bulletin == "" && !slot && !days:
		return "campaign_month", ""
	case f.Commune != "" && f.Slot != "" && f.Bulletin == "":
		return "slot_day", "slot_day_slot"
	case f.Commune != "" && (slot || f.Bulletin != "" || f.Campaign != ""):
		return "slot_day", ""
	case f.Bulletin != "":
		return "slot_day", "slot_day_bulletin"
	case f.Campaign != "" && f.Slot != "":
		return "slot_day", "slot_day_campaign_slot"
	case f.Campaign != "":
		return "slot_day", "slot_day_campaign"
	case f.Communes != nil && f.Slot != "":
		return "slot_day", "slot_day_slot"
	case within && slot && f.From != "" && f.To != "":
		return "slot_day", "slot_day_day"
	case within && slot:
		return "slot_day", ""
	case within && f.Commune == "" && f.From != "" && f.From == f.To:
		return "slot_day", "slot_day_day"
	case within:
		return "commune_day", ""
	}
	return "province_day", ""
}

// scanSums reads a row of sums: the keys, and one count for each outcome of the filter.
func scanSums(rows *sql.Rows, f radio.LogFilter, by ...string) (radio.LogCount, []int64, error) {
	var c radio.LogCount
	var planned int64
	counts := make([]int64, len(f.Outcomes()))
	var into []any
	for _, k := range by {
		switch k {
		case "commune":
			into = append(into, &c.Commune)
		case "slot":
			into = append(into, &c.Slot)
		case "planned":
			into = append(into, &planned)
		default:
			into = append(into, &c.Day)
		}
	}
	for i := range counts {
		into = append(into, &counts[i])
	}
	err := rows.Scan(into...)
	c.Planned = planned != 0
	return c, counts, err
}
