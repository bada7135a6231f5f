package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"loaxa/internal/radio"
)

// where writes a filter as conditions on airing a; args continues the placeholders.
func where(f radio.LogFilter, args []any) (string, []any, error) {
	var conds []string
	add := func(cond string, v any) {
		args = append(args, v)
		conds = append(conds, fmt.Sprintf(cond, len(args)))
	}
	for _, c := range []struct{ column, value string }{
		{"commune", string(f.Commune)}, {"device", string(f.Device)}, {"outcome", string(f.Outcome)},
		{"campaign", string(f.Campaign)}, {"bulletin", string(f.Bulletin)},
	} {
		if c.value != "" {
			add("a."+c.column+" = $%d", c.value)
		}
	}
	// A local day lies within a day of the same UTC day: the instants let an index on
	// start serve a filter by day.
	for _, d := range []struct {
		day       radio.Date
		op, bound string
		slack     time.Duration
	}{{f.From, "a.day >= $%d", "a.start >= $%d", -24 * time.Hour}, {f.To, "a.day <= $%d", "a.start < $%d", 48 * time.Hour}} {
		if d.day == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, string(d.day))
		if err != nil {
			return "", nil, fmt.Errorf("%w: day %.32q", radio.ErrInvalid, string(d.day))
		}
		add(d.op, string(d.day))
		add(d.bound, int64(radio.At(t.Add(d.slack))))
	}
	if len(conds) == 0 {
		return " WHERE 1 = 1", args, nil
	}
	return " WHERE " + strings.Join(conds, " AND "), args, nil
}

// AsRuns gives a page of the log, newest first, after the cursor; the zero cursor
// begins at the newest.
func (s *Store) AsRuns(ctx context.Context, f radio.LogFilter, after radio.LogCursor, limit int) ([]radio.AsRun, error) {
	cond, args, err := where(f, nil)
	if err != nil {
		return nil, err
	}
	if after != (radio.LogCursor{}) {
		n := len(args)
		cond += fmt.Sprintf(" AND (a.start, a.airing) < ($%d, $%d)", n+1, n+2)
		args = append(args, int64(after.Start), string(after.Airing))
	}
	args = append(args, limit)
	rows, err := collect(ctx, s.read, scanAsRun, `SELECT `+asRunColumns+asRunFrom+cond+
		fmt.Sprintf(` ORDER BY a.start DESC, a.airing DESC LIMIT $%d`, len(args)), args...)
	if err != nil {
		return nil, s.kind(fmt.Errorf("read the log: %w", err))
	}
	return rows, nil
}

// LogCounts counts the rows of each day and commune by outcome, days in order.
func (s *Store) LogCounts(ctx context.Context, f radio.LogFilter) ([]radio.LogCount, error) {
	cond, args, err := where(f, nil)
	if err != nil {
		return nil, err
	}
	// Any one caption of the group tells the commune's name.
	counts, err := collect(ctx, s.read, func(rows *sql.Rows) (radio.LogCount, error) {
		var c radio.LogCount
		var planned int64
		var place []byte
		err := rows.Scan(&c.Day, &c.Commune, &planned, &c.Outcome, &c.Rows, &place)
		if err != nil {
			return c, err
		}
		var p placeCaption
		c.Planned = planned != 0
		err = json.Unmarshal(place, &p)
		c.CommuneName = p.CommuneName
		return c, err
	}, `
		SELECT g.day, g.commune, g.planned, g.outcome, g.n, p.body FROM (
			SELECT a.day, a.commune, CASE WHEN a.origin = 'schedule' AND a.frozen_at > 0 THEN 1 ELSE 0 END AS planned,
				a.outcome, COUNT(*) AS n, MAX(a.place) AS place
			FROM airing a`+cond+` GROUP BY 1, 2, 3, 4) g
		JOIN caption p ON p.id = g.place ORDER BY g.day, g.commune, g.planned, g.outcome`, args...)
	if err != nil {
		return nil, s.kind(fmt.Errorf("count the log: %w", err))
	}
	return counts, nil
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
