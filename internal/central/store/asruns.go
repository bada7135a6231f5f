package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"loaxa/internal/radio"
)

// LogView reads the confirmation log: as it stands now, or all of it as of one instant.
type LogView struct {
	store *Store
	q     querier
}

func (s *Store) view() *LogView { return &LogView{s, s.read} }

// LogSnapshot runs f on the log as it stands at one instant. It holds a reading
// connection (on SQLite also what was written since), so f must not take for ever.
func (s *Store) LogSnapshot(ctx context.Context, f func(*LogView) error) error {
	if s.eng.name() == "postgres" {
		tx, err := s.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
		if err != nil {
			return s.kind(fmt.Errorf("begin: %w", err))
		}
		return s.kind(errors.Join(f(&LogView{s, tx}), rollback(tx)))
	}
	// The settings in the DSN begin every transaction of the driver immediate, which
	// waits for the writer; reading needs only a deferred one.
	conn, err := s.read.Conn(ctx)
	if err != nil {
		return s.kind(fmt.Errorf("begin: %w", err))
	}
	if _, err := conn.ExecContext(ctx, `BEGIN`); err != nil {
		return s.kind(errors.Join(fmt.Errorf("begin: %w", err), conn.Close()))
	}
	err = f(&LogView{s, conn})
	_, end := conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`)
	return s.kind(errors.Join(err, end, conn.Close()))
}

// AsRuns gives a page of the log, newest first, after the cursor; the zero cursor
// begins at the newest.
func (s *Store) AsRuns(ctx context.Context, f radio.LogFilter, after radio.LogCursor, limit int) ([]radio.AsRun, error) {
	return s.view().AsRuns(ctx, f, after, limit)
}

// AsRuns gives a page of the log, newest first, after the cursor; the zero cursor
// begins at the newest.
func (v *LogView) AsRuns(ctx context.Context, f radio.LogFilter, after radio.LogCursor, limit int) ([]radio.AsRun, error) {
	if f.KnownAt != 0 {
		return v.asKnown(ctx, f, after, limit)
	}
	f = plain(f)
	f, some, err := v.narrow(ctx, f, after, limit)
	if err != nil || !some {
		return nil, err
	}
	query, args := v.page(f, after, limit)
	found, err := collect(ctx, v.q, scanFound, query, args...)
	if err != nil {
		return nil, v.store.kind(fmt.Errorf("read the log: %w", err))
	}
	rows, err := v.store.describe(ctx, v.q, found)
	if err != nil {
		return nil, v.store.kind(fmt.Errorf("read the log: %w", err))
	}
	return rows, nil
}

// maxApart is how many communes' pages are read apart and merged; those of more communes
// lie close enough in the whole log.
const maxApart = 16

// page writes the query of a page. First it finds the rows' keys, in an index where that
// holds all that is asked for; then it reads the rows.
func (v *LogView) page(f radio.LogFilter, after radio.LogCursor, limit int) (string, []any) {
	order := []string{"day", "start", "airing"}
	place := []any{string(after.Day), int64(after.Start), string(after.Airing)}
	if f.Device != "" {
		order, place = order[1:], place[1:] // the same order, within one device
	}
	by := func(alias string) string {
		return " ORDER BY " + alias + strings.Join(order, " DESC, "+alias) + " DESC"
	}
	parts := []radio.LogFilter{f}
	if f.Communes != nil && 0 < len(f.Communes) && len(f.Communes) <= maxApart {
		parts = nil
		for _, c := range f.Communes {
			one := f
			one.Commune, one.Communes = c, nil
			parts = append(parts, one)
		}
	}
	var args []any
	queries := make([]string, len(parts))
	for i, part := range parts {
		w := airingWhere(part, args)
		if after != (radio.LogCursor{}) {
			w.add("(a."+strings.Join(order, ", a.")+") < (?"+strings.Repeat(", ?", len(order)-1)+")", place...)
		}
		args = w.args
		queries[i] = "SELECT a.month, a.device, a.airing, a.day, a.start FROM airing a" + v.store.by(airingIndex(part)) + w.text() +
			by("a.") + fmt.Sprintf(" LIMIT %d", limit)
	}
	keys := queries[0]
	if len(queries) > 1 {
		for i, q := range queries {
			queries[i] = fmt.Sprintf("SELECT * FROM (%s) k%d", q, i)
		}
		keys = strings.Join(queries, " UNION ALL ") + by("") + fmt.Sprintf(" LIMIT %d", limit)
	}
	return "SELECT " + airingColumns + ", a.place, a.item FROM (" + keys + ") k CROSS JOIN airing a" +
		" WHERE a.month = k.month AND a.device = k.device AND a.airing = k.airing" + by("a."), args
}

// plain writes a filter in its simplest form: a reader of one commune filters by it.
func plain(f radio.LogFilter) radio.LogFilter {
	if f.Commune != "" && f.Communes != nil {
		if f.Allows(f.Commune) {
			f.Communes = nil
		} else {
			f.Communes = []radio.AreaID{}
		}
	}
	if len(f.Communes) == 1 {
		f.Commune, f.Communes = f.Communes[0], nil
	}
	return f
}

// conditions are collected with ? for arguments, and written with their numbers.
type conditions struct {
	conds []string
	args  []any
}

func (c *conditions) add(cond string, args ...any) {
	for _, a := range args {
		c.args = append(c.args, a)
		cond = strings.Replace(cond, "?", fmt.Sprintf("$%d", len(c.args)), 1)
	}
	c.conds = append(c.conds, cond)
}

// among adds that a column has one of the values.
func among[T ~string](c *conditions, column string, values []T) {
	if len(values) == 0 {
		c.add("1 = 0")
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = string(v)
	}
	c.add(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", args...)
}

func (c *conditions) text() string {
	if len(c.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.conds, " AND ")
}

// unplannedSQL is the predicate of airing_unplanned.
const unplannedSQL = `(a.origin <> 'schedule' OR a.frozen_at = 0)`

// airingWhere writes a plain filter as conditions on airing a, with arguments that follow
// args. The predicates of partial
// indexes are added where they follow: neither engine concludes them from an argument.
func airingWhere(f radio.LogFilter, args []any) *conditions {
	c := &conditions{args: args}
	keyWhere(c, "a.", f)
	if f.Device != "" {
		c.add("a.device = ?", string(f.Device))
	}
	if f.Origin != "" && f.Origin != radio.FromSchedule || f.Outcome == radio.Unplanned {
		c.add(unplannedSQL)
	}
	switch f.Outcome {
	case "", radio.Unplanned:
	case radio.NotAired:
		c.add("a.outcome <> 'aired'")
	case radio.Lacking:
		c.add("a.outcome <> 'aired'")
		c.add("a.outcome NOT IN ('aired', 'pending')")
	default:
		c.add("a.outcome = ?", string(f.Outcome))
		if f.Outcome != radio.Aired {
			c.add("a.outcome <> 'aired'")
		}
		if f.Outcome != radio.Aired && f.Outcome != radio.PendingOutcome {
			c.add("a.outcome NOT IN ('aired', 'pending')")
		}
	}
	return c
}

// keyWhere writes what a filter says about the keys that airing and its rollups share.
func keyWhere(c *conditions, alias string, f radio.LogFilter) {
	for _, k := range []struct{ column, value, partial string }{
		{"commune", string(f.Commune), ""}, {"campaign", string(f.Campaign), " <> ''"}, {"bulletin", string(f.Bulletin), " <> ''"},
		{"priority", string(f.Priority), " <> 'normal'"}, {"origin", string(f.Origin), ""},
	} {
		if k.value == "" {
			continue
		}
		c.add(alias+k.column+" = ?", k.value)
		if k.partial != "" && k.value != string(radio.Normal) {
			c.add(alias + k.column + k.partial)
		}
	}
	if f.Communes != nil {
		among(c, alias+"commune", f.Communes)
	}
	if f.Slot != "" {
		c.add(alias+"slot = ?", int64(slotOf(f)))
	}
	if f.From != "" {
		c.add(alias+"day >= ?", string(f.From))
	}
	if f.To != "" {
		c.add(alias+"day <= ?", string(f.To))
	}
}

// slotOf reads a filter's slot; the filter has been checked.
func slotOf(f radio.LogFilter) radio.TimeOfDay {
	t, err := radio.ParseTimeOfDay(f.Slot)
	if err != nil {
		return -1 // finds nothing
	}
	return t
}

// airingIndex names the index that serves a plain filter with the fewest rows passed
// over. SQLite has no statistics to choose by; PostgreSQL chooses by its own.
func airingIndex(f radio.LogFilter) string {
	rest := f.Outcome != "" && f.Outcome != radio.Aired && f.Outcome != radio.Unplanned
	lacking := rest && f.Outcome != radio.NotAired && f.Outcome != radio.PendingOutcome
	kept := f.Bulletin != "" || f.Campaign != "" || f.Slot != "" || f.Priority == radio.Prior
	switch {
	case f.Device != "":
		return "airing_device"
	case f.Outcome == radio.Unplanned, f.Origin != "" && f.Origin != radio.FromSchedule:
		return "airing_unplanned"
	case rest && f.Commune != "":
		return "airing_commune_unaired"
	case lacking && f.Bulletin != "":
		return "airing_bulletin_lacking"
	case lacking && f.Campaign != "":
		return "airing_campaign_lacking"
	case rest && f.Outcome == radio.PendingOutcome && kept:
		// Nearly all that is pending lies in the same few days.
	case f.Outcome == radio.NotAired, f.Outcome == radio.Lacking, f.Outcome == radio.PendingOutcome:
		return "airing_unaired"
	case rest:
		return "airing_outcome"
	}
	switch {
	case f.Commune != "":
		return "airing_commune"
	case f.Bulletin != "":
		return "airing_bulletin"
	case f.Campaign != "":
		return "airing_campaign"
	case f.Priority != "" && f.Priority != radio.Normal:
		return "airing_priority"
	case f.Slot != "":
		return "airing_slot"
	}
	return "airing_day"
}

// by makes SQLite use an index.
func (s *Store) by(index string) string {
	if s.eng.name() == "postgres" || index == "" {
		return ""
	}
	return " INDEXED BY " + index
}

// narrow sets the filter's days to those that hold the next limit rows, by the rollups:
// of what is rare, no day without it is looked through. some is false when there is
// nothing at all.
func (v *LogView) narrow(ctx context.Context, f radio.LogFilter, after radio.LogCursor, limit int) (_ radio.LogFilter, some bool, err error) {
	if f.Device != "" || f.Bulletin == "" && f.Campaign == "" && f.Slot == "" && f.Outcome == "" && f.Priority == "" && f.Origin == "" {
		return f, true, nil
	}
	if table, _ := rollupFor(f, nil); table == "campaign_month" {
		// A look at the months spares looking through all days for what is on none.
		if any, err := v.counts(ctx, f); err != nil || len(any) == 0 {
			return f, false, err
		}
	}
	days := f
	if after.Day != "" && (f.To == "" || after.Day < f.To) {
		days.To = after.Day
	}
	query, args := v.sums(days, "day")
	rows, err := v.q.QueryContext(ctx, query+" ORDER BY 1 DESC", args...)
	if err != nil {
		return f, false, v.store.kind(fmt.Errorf("days of the log: %w", err))
	}
	held := int64(0)
	// Of the cursor's own day it is not known how many rows are behind the cursor.
	for held < int64(limit) && rows.Next() {
		c, counts, err := scanSums(rows, f, "day")
		if err != nil {
			return f, false, v.store.kind(errors.Join(err, rows.Close()))
		}
		n := int64(0)
		for _, x := range counts {
			n += x
		}
		if n == 0 {
			continue
		}
		if !some {
			days.To, some = c.Day, true
		}
		days.From = c.Day
		if c.Day != after.Day {
			held += n
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return f, false, v.store.kind(fmt.Errorf("days of the log: %w", err))
	}
	return days, some, nil
}

// AsRunHistory gives a row and every word said about it, the first word first.
func (s *Store) AsRunHistory(ctx context.Context, device radio.DeviceID, airing radio.AiringID) (radio.AsRun, []radio.Word, error) {
	row, err := s.asRun(ctx, device, airing)
	if err != nil {
		return row, nil, s.kind(fmt.Errorf("airing %.32s: %w", airing, err))
	}
	said, err := collect(ctx, s.read, func(rows *sql.Rows) (radio.Word, error) {
		w := radio.Word{Airing: airing}
		var atLeast, stale int64
		err := rows.Scan(&w.N, &w.KnownAt, &w.From, &w.Outcome, &w.Reason, &w.StartedAt, &w.Consumed, &w.Expected, &atLeast, &w.Proof, &stale, &w.Clock, &w.Journal, &w.Seq)
		w.AtLeast, w.Stale = atLeast != 0, stale != 0
		return w, err
	}, `SELECT n, known_at, said, outcome, reason, started_at, consumed, expected, at_least, proof, stale, clock, journal, seq
		FROM airing_word WHERE month = $1 AND device = $2 AND airing = $3 ORDER BY n`, monthOf(row.Ref().At), string(device), string(airing))
	if err != nil {
		return row, nil, s.kind(fmt.Errorf("words about airing %s: %w", airing, err))
	}
	return row, said, nil
}

// asRun finds a row whose month is not known: a look at the key's place in each month
// the log has.
func (s *Store) asRun(ctx context.Context, device radio.DeviceID, airing radio.AiringID) (radio.AsRun, error) {
	rows, err := collect(ctx, s.read, scanAsRun, `
		WITH RECURSIVE months (month) AS (
			SELECT MAX(month) FROM airing
			UNION ALL
			SELECT (SELECT MAX(airing.month) FROM airing WHERE airing.month < months.month) FROM months WHERE months.month IS NOT NULL)
		SELECT `+asRunColumns+asRunFrom+`
		WHERE a.month IN (SELECT month FROM months WHERE month IS NOT NULL) AND a.device = $1 AND a.airing = $2
		ORDER BY a.month DESC LIMIT 1`, string(device), string(airing))
	if err == nil && len(rows) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return radio.AsRun{}, err
	}
	return rows[0], nil
}
