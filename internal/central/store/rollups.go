package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// tally counts airings by outcome, in the order of outcomeColumns.
type tally [10]int64

// outcomeColumns are the rollups' columns of counts: the outcomes by name.
var outcomeColumns = func() []string {
	var out []string
	for _, o := range radio.Outcomes() {
		out = append(out, string(o))
	}
	return out
}()

// cell is where an airing counts: the keys of every rollup.
type cell struct {
	day      radio.Date
	commune  radio.AreaID
	slot     radio.TimeOfDay
	campaign radio.CampaignID
	bulletin radio.BulletinID
	planned  bool
	origin   radio.Origin
	priority radio.Priority
}

// counted is where an airing counts, and under which outcome.
type counted struct {
	cell
	outcome radio.Outcome
}

func countedAs(a radio.AsRun) counted {
	return counted{cell{a.Day, a.Commune, a.SlotTime, a.Campaign, a.Bulletin, a.Planned(), a.Origin, a.Priority}, a.Outcome}
}

// rollup is one table of counts. Its keys are columns of airing, in the order of the
// primary key.
type rollup struct {
	table string
	keys  []string // "name type"
	// of gives the keys of a cell; nil for one that does not count here.
	of func(c cell) []any
	// where says which rows of airing count here; "" is all.
	where string
}

// month is the local month of a day, "2026-12".
func month(d radio.Date) string { return string(d[:min(len(d), 7)]) }

// How the keys that airing has no column for are read from it.
const (
	monthSQL   = `SUBSTR(day, 1, 7)`
	plannedSQL = `CASE WHEN origin = 'schedule' AND frozen_at > 0 THEN 1 ELSE 0 END`
)

// rollups of the log (scale study §3): kept with the rows, so that sums over a year cost
// as little as over a day.
var rollups = []rollup{
	{table: "slot_day", keys: []string{"commune text", "day text", "slot bigint", "campaign text", "bulletin text", "planned bigint", "origin text", "priority text"},
		of: func(c cell) []any {
			return []any{string(c.commune), string(c.day), int64(c.slot), string(c.campaign), string(c.bulletin), bit(c.planned), string(c.origin), string(c.priority)}
		}},
	{table: "commune_day", keys: []string{"commune text", "day text", "planned bigint", "origin text", "priority text"},
		of: func(c cell) []any {
			return []any{string(c.commune), string(c.day), bit(c.planned), string(c.origin), string(c.priority)}
		}},
	{table: "province_day", keys: []string{"day text", "slot bigint", "planned bigint", "origin text", "priority text"},
		of: func(c cell) []any {
			return []any{string(c.day), int64(c.slot), bit(c.planned), string(c.origin), string(c.priority)}
		}},
	{table: "campaign_month", keys: []string{"campaign text", "month text", "commune text", "planned bigint", "origin text", "priority text"},
		of: func(c cell) []any {
			if c.campaign == "" {
				return nil
			}
			return []any{string(c.campaign), month(c.day), string(c.commune), bit(c.planned), string(c.origin), string(c.priority)}
		}, where: ` WHERE campaign <> ''`},
}

// add writes differences to the rollup's counts.
func (r rollup) add() bulk {
	names, _ := splitColumns(r.keys)
	b := bulk{table: r.table, columns: slices.Clone(r.keys)}
	set := make([]string, len(outcomeColumns))
	for i, c := range outcomeColumns {
		b.columns = append(b.columns, c+" bigint")
		set[i] = c + " = " + r.table + "." + c + " + excluded." + c
	}
	b.conflict = "ON CONFLICT (" + strings.Join(names, ", ") + ") DO UPDATE SET " + strings.Join(set, ", ")
	return b
}

// airingRef is an airing's primary key.
type airingRef struct {
	month          int64
	device, airing string
}

func refOf(a radio.AsRun) airingRef {
	return airingRef{monthOf(a.Ref().At), string(a.Key.Device), string(a.Airing)}
}

// note remembers how rows read in this transaction count, so that writing them need
// not read them again; nobody else writes the log meanwhile.
func (t *LogTx) note(rows ...radio.AsRun) {
	for _, a := range rows {
		t.counted[refOf(a)] = countedAs(a)
	}
}

// held reads how the rows of changes count that were not read before.
func (t *LogTx) held(ctx context.Context, changes []radio.AsRunChange) error {
	var keys [][]any
	for _, c := range changes {
		ref := refOf(c.Row)
		if _, ok := t.counted[ref]; !ok && !t.absent[ref] {
			keys = append(keys, []any{ref.month, ref.device, ref.airing})
		}
	}
	_, err := pick(ctx, t, `a.month, a.device, a.airing, a.day, a.commune, a.slot, a.campaign, a.bulletin, a.origin, a.frozen_at, a.priority, a.outcome`,
		`airing a`, []string{"a.month bigint", "a.device text", "a.airing text"}, keys, func(rows *sql.Rows) (struct{}, error) {
			var ref airingRef
			var c counted
			var frozen int64
			err := rows.Scan(&ref.month, &ref.device, &ref.airing, &c.day, &c.commune, &c.slot, &c.campaign, &c.bulletin, &c.origin, &frozen, &c.priority, &c.outcome)
			c.planned = c.origin == radio.FromSchedule && frozen > 0
			t.counted[ref] = c
			return struct{}{}, err
		})
	if err != nil {
		return fmt.Errorf("read how airings count: %w", err)
	}
	return nil
}

// count moves the changed rows from where they counted to where they count now. The
// same row written twice, or with the outcome it has, changes no count.
// It gives the outcomes they had, "" for a new row.
func (t *LogTx) count(ctx context.Context, changes []radio.AsRunChange) (was []radio.Outcome, err error) {
	if err := t.held(ctx, changes); err != nil {
		return nil, err
	}
	was = make([]radio.Outcome, len(changes))
	diff := map[cell]*tally{}
	at := func(c counted, n int64) {
		i := slices.Index(outcomeColumns, string(c.outcome))
		if i < 0 {
			return // refused below
		}
		if diff[c.cell] == nil {
			diff[c.cell] = &tally{}
		}
		diff[c.cell][i] += n
	}
	for i, c := range changes {
		if !c.Row.Outcome.Valid() {
			return nil, fmt.Errorf("%w: airing %s with outcome %.32q", radio.ErrInvalid, c.Row.Airing, string(c.Row.Outcome))
		}
		ref := refOf(c.Row)
		old, exists := t.counted[ref]
		was[i] = old.outcome
		now := countedAs(c.Row)
		if c.Only {
			if !exists {
				continue // nothing is updated
			}
			now = counted{old.cell, c.Row.Outcome}
		}
		if exists {
			at(old, -1)
		}
		at(now, 1)
		t.counted[ref] = now
		delete(t.absent, ref)
	}
	for _, r := range rollups {
		sums := map[string]int{}
		var rows [][]any
		var counts []tally
		for c, d := range diff {
			keys := r.of(c)
			if keys == nil || *d == (tally{}) {
				continue
			}
			name := fmt.Sprintf("%q", keys)
			i, ok := sums[name]
			if !ok {
				i = len(rows)
				sums[name], rows, counts = i, append(rows, keys), append(counts, tally{})
			}
			for o, n := range d {
				counts[i][o] += n
			}
		}
		for i := range rows {
			for _, n := range counts[i] {
				rows[i] = append(rows[i], n)
			}
		}
		if err := t.put(ctx, r.add(), rows); err != nil {
			return nil, err
		}
	}
	return was, nil
}

// RollupDrift recounts the log from its rows and gives how many cells of the rollups
// differ; 0 unless something wrote around this package. Of months that were archived only
// the sums are left.
func (s *Store) RollupDrift(ctx context.Context) (int, error) {
	drift := 0
	var archived string
	if err := s.read.QueryRowContext(ctx, `SELECT COALESCE(MAX(month), '') FROM month_archived`).Scan(&archived); err != nil {
		return 0, s.kind(fmt.Errorf("archived months: %w", err))
	}
	for _, r := range rollups {
		names, _ := splitColumns(r.keys)
		from := make([]string, len(names))
		order := make([]string, len(names))
		for i, n := range names {
			order[i] = fmt.Sprint(i + 1)
			switch {
			case n == "planned":
				from[i] = plannedSQL
			case n == "month":
				from[i] = monthSQL
			default:
				from[i] = n
			}
		}
		sums := make([]string, len(outcomeColumns))
		for i, o := range outcomeColumns {
			sums[i] = "SUM(CASE WHEN outcome = '" + o + "' THEN 1 ELSE 0 END)"
		}
		// Both sides leave out what is archived.
		live := map[bool]string{true: "month", false: "day"}[r.table == "campaign_month"]
		where := r.where + " WHERE "
		if r.where != "" {
			where = r.where + " AND "
		}
		recount := "SELECT " + strings.Join(from, ", ") + ", " + strings.Join(sums, ", ") + " FROM airing" + where + monthSQL + " > '" + plainMonth(archived) + "'" +
			" GROUP BY " + strings.Join(order, ", ")
		kept := "SELECT " + strings.Join(names, ", ") + ", " + strings.Join(outcomeColumns, ", ") + " FROM " + r.table +
			" WHERE (" + strings.Join(outcomeColumns, " <> 0 OR ") + " <> 0) AND SUBSTR(" + live + ", 1, 7) > '" + plainMonth(archived) + "'"
		var n int
		err := s.read.QueryRowContext(ctx, "SELECT COUNT(*) FROM (SELECT * FROM ("+recount+") a EXCEPT SELECT * FROM ("+kept+") b) c").Scan(&n)
		if err != nil {
			return 0, s.kind(fmt.Errorf("recount %s: %w", r.table, err))
		}
		drift += n
		err = s.read.QueryRowContext(ctx, "SELECT COUNT(*) FROM (SELECT * FROM ("+kept+") a EXCEPT SELECT * FROM ("+recount+") b) c").Scan(&n)
		if err != nil {
			return 0, s.kind(fmt.Errorf("recount %s: %w", r.table, err))
		}
		drift += n
	}
	return drift, nil
}

// plainMonth is a month that may stand in a statement: digits and a dash.
func plainMonth(month string) string {
	if _, err := time.Parse("2006-01", month); err != nil {
		return ""
	}
	return month
}
