package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// BeginClosing marks a month as closed as of an instant, with who does it: what is said
// from then on is an amendment. The snapshot follows with FinishClosing; a closing that was
// cut short goes on with the instant it began at, which is returned. ErrConflict when it
// is closed already.
func (s *Store) BeginClosing(ctx context.Context, month, by string, at radio.Millis) (began radio.Millis, err error) {
	began = at
	err = s.Log(ctx, func(t *LogTx) error {
		held, err := collect(ctx, t.q, scanClosed, `SELECT `+closedColumns+` FROM month_closed c WHERE c.month = $1`, month)
		switch {
		case err != nil:
			return err
		case len(held) > 0 && len(held[0].Envelope) > 0:
			return fmt.Errorf("%w: it is closed already", radio.ErrConflict)
		case len(held) > 0:
			began = held[0].ClosedAt
			return nil
		}
		_, err = t.q.ExecContext(ctx, `INSERT INTO month_closed (month, closed_at, closed_by, log_rows, planned, unplanned, digest, checkpoint, envelope)
			VALUES ($1, $2, $3, 0, '{}', 0, '', 0, $4)`, month, int64(at), by, []byte{})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("close month %.16s: %w", month, err)
	}
	return began, nil
}

// FinishClosing keeps the signed snapshot of a month whose closing has begun.
func (s *Store) FinishClosing(ctx context.Context, m radio.ClosedMonth) error {
	planned, err := json.Marshal(m.Planned)
	if err != nil {
		return fmt.Errorf("close month %s: %w", m.Month, err)
	}
	return s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE month_closed SET closed_by = $1, log_rows = $2, planned = $3, unplanned = $4, digest = $5, checkpoint = $6, envelope = $7
			WHERE month = $8 AND digest = ''`, m.By, m.Rows, string(planned), m.Unplanned, m.Digest, int64(m.Checkpoint), m.Envelope, m.Month)
		if err != nil {
			return fmt.Errorf("close month %s: %w", m.Month, err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("close month %s: %w: it is closed already (%v)", m.Month, radio.ErrConflict, err)
		}
		return audit(ctx, tx, m.ClosedAt, m.By, "log.close", m.Month, radio.AuditFacts{Code: m.Month, Counts: map[string]int{"rows": int(m.Rows)}})
	})
}

// MonthRows hands the rows of a local month to each, in the order of device, part of the
// log and airing; device by device, so that a month needs no more memory than a page.
func (s *Store) MonthRows(ctx context.Context, month string, each func(radio.KeptRow) error) error {
	first, err := time.Parse("2006-01", month)
	if err != nil {
		return fmt.Errorf("%w: month %.16q", radio.ErrInvalid, month)
	}
	parts := monthParts(first)
	devices, err := s.monthDevices(ctx, parts)
	if err != nil {
		return err
	}
	for _, d := range devices {
		for _, part := range parts {
			if err := s.monthRows(ctx, month, part, d, each); err != nil {
				return err
			}
		}
	}
	return nil
}

// monthParts are the parts of the log in which a local month's slots may stand.
func monthParts(first time.Time) []int64 {
	return []int64{monthOf(radio.At(first.AddDate(0, -1, 0))), monthOf(radio.At(first)), monthOf(radio.At(first.AddDate(0, 1, 0)))}
}

// monthDevices lists the devices with rows in some parts of the log.
func (s *Store) monthDevices(ctx context.Context, parts []int64) ([]radio.DeviceID, error) {
	var devices []radio.DeviceID
	for _, part := range parts {
		more, err := s.partDevices(ctx, part)
		if err != nil {
			return nil, err
		}
		devices = append(devices, more...)
	}
	slices.Sort(devices)
	return slices.Compact(devices), nil
}

// partDevices lists the devices with rows in one part of the log.
func (s *Store) partDevices(ctx context.Context, part int64) ([]radio.DeviceID, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (d radio.DeviceID, err error) { return d, r.Scan(&d) }, `
		WITH RECURSIVE held (device) AS (
			SELECT MIN(device) FROM airing WHERE month = $1
			UNION ALL
			SELECT (SELECT MIN(a.device) FROM airing a WHERE a.month = $1 AND a.device > held.device) FROM held WHERE held.device IS NOT NULL)
		SELECT device FROM held WHERE device IS NOT NULL`, part)
	if err != nil {
		return nil, s.kind(fmt.Errorf("devices of the log: %w", err))
	}
	return out, nil
}

func (s *Store) monthRows(ctx context.Context, month string, part int64, d radio.DeviceID, each func(radio.KeptRow) error) error {
	const page = 500
	for after := radio.AiringID(""); ; {
		rows, err := s.KeptRows(ctx, part, d, after, page)
		if err != nil {
			return err
		}
		for _, r := range rows {
			after = r.Airing
			if month != string(r.Day[:min(len(r.Day), 7)]) {
				continue
			}
			if err := each(r); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
	}
}

const closedColumns = `c.month, c.closed_at, c.closed_by, c.log_rows, c.planned, c.unplanned, c.digest, c.checkpoint, c.envelope,
	(SELECT COUNT(*) FROM month_amendment a WHERE a.month = c.month)`

func scanClosed(r *sql.Rows) (radio.ClosedMonth, error) {
	var m radio.ClosedMonth
	var planned string
	err := r.Scan(&m.Month, &m.ClosedAt, &m.By, &m.Rows, &planned, &m.Unplanned, &m.Digest, &m.Checkpoint, &m.Envelope, &m.Amendments)
	if err == nil && json.Unmarshal([]byte(planned), &m.Planned) != nil {
		m.Planned = nil // not what was signed, which verify names
	}
	return m, err
}

// ClosedMonths lists them, the oldest first; one without an envelope is being closed.
func (s *Store) ClosedMonths(ctx context.Context) ([]radio.ClosedMonth, error) {
	out, err := collect(ctx, s.read, scanClosed, `SELECT `+closedColumns+` FROM month_closed c ORDER BY c.month`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("closed months: %w", err))
	}
	return out, nil
}

// ClosedMonth gives one; ErrNotFound when it is not closed.
func (s *Store) ClosedMonth(ctx context.Context, month string) (radio.ClosedMonth, error) {
	out, err := collect(ctx, s.read, scanClosed, `SELECT `+closedColumns+` FROM month_closed c WHERE c.month = $1`, month)
	if err == nil && len(out) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return radio.ClosedMonth{}, s.kind(fmt.Errorf("closed month %.16s: %w", month, err))
	}
	return out[0], nil
}

// Amendments lists what was said about a month after it was closed, the latest first, in
// the communes given (nil: all); those known before an instant, 0 for all.
func (s *Store) Amendments(ctx context.Context, month string, communes []radio.AreaID, before radio.Millis, limit int) ([]radio.Amendment, error) {
	c := &conditions{}
	c.add("a.month = ?", month)
	if communes != nil {
		among(c, "a.commune", communes)
	}
	if before != 0 {
		c.add("a.known_at < ?", int64(before))
	}
	type found struct {
		radio.Amendment
		part   int64
		device radio.DeviceID
		n      int
	}
	list, err := collect(ctx, s.read, func(r *sql.Rows) (f found, err error) {
		return f, r.Scan(&f.Month, &f.device, &f.Word.Airing, &f.n, &f.part, &f.Was)
	}, `SELECT a.month, a.device, a.airing, a.n, a.part, a.was FROM month_amendment a`+c.text()+
		fmt.Sprintf(` ORDER BY a.known_at DESC, a.device, a.airing, a.n LIMIT %d`, limit), c.args...)
	if err != nil {
		return nil, s.kind(fmt.Errorf("amendments of %.16s: %w", month, err))
	}
	out := make([]radio.Amendment, 0, len(list))
	for _, f := range list {
		rows, err := s.keptRow(ctx, f.part, f.device, f.Word.Airing)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			f.Row = r.AsRun
			if f.n >= 1 && f.n <= len(r.Said) {
				f.Word = r.Said[f.n-1]
			}
		}
		out = append(out, f.Amendment)
	}
	return out, nil
}

// amend notes the words of changes that come after their month was closed.
func (t *LogTx) amend(ctx context.Context, changes []radio.AsRunChange, was []radio.Outcome) error {
	var rows [][]any
	for i, c := range changes {
		for _, w := range c.Words {
			if t.closed == nil {
				if err := t.loadClosed(ctx); err != nil {
					return err
				}
			}
			month := string(c.Row.Day[:min(len(c.Row.Day), 7)])
			if at, ok := t.closed[month]; !ok || w.KnownAt <= at {
				continue
			}
			rows = append(rows, []any{month, int64(w.KnownAt), string(c.Row.Key.Device), string(c.Row.Airing), int64(w.N),
				monthOf(c.Row.Ref().At), string(c.Row.Commune), string(was[i])})
		}
	}
	return t.put(ctx, bulk{table: "month_amendment", columns: []string{"month text", "known_at bigint", "device text", "airing text", "n bigint",
		"part bigint", "commune text", "was text"}}, rows)
}

// loadClosed reads, once a transaction, which months are closed.
func (t *LogTx) loadClosed(ctx context.Context) error {
	t.closed = map[string]radio.Millis{}
	_, err := collect(ctx, t.q, func(r *sql.Rows) (struct{}, error) {
		var month string
		var at radio.Millis
		err := r.Scan(&month, &at)
		t.closed[month] = at
		return struct{}{}, err
	}, `SELECT month, closed_at FROM month_closed`)
	if err != nil {
		return fmt.Errorf("closed months: %w", err)
	}
	return nil
}
