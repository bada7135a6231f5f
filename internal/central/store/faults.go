package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"loaxa/internal/radio"
)

const faultColumns = `id, device, commune, kind, code, opened_at, closed_at, changed_at, cause, outage`

func scanFault(rows *sql.Rows) (radio.Fault, error) {
	var f radio.Fault
	var cause []byte
	if err := rows.Scan(&f.ID, &f.Device, &f.Commune, &f.Kind, &f.Code, &f.OpenedAt, &f.ClosedAt, &f.ChangedAt, &cause, &f.Outage); err != nil {
		return f, err
	}
	if err := json.Unmarshal(cause, &f.Cause); err != nil {
		return f, fmt.Errorf("cause of fault %s: %w", f.ID, err)
	}
	return f, nil
}

// OpenFaults lists every fault that holds, the newest first.
func (s *Store) OpenFaults(ctx context.Context) ([]radio.Fault, error) {
	out, err := collect(ctx, s.read, scanFault, `SELECT `+faultColumns+` FROM fault WHERE closed_at = 0 ORDER BY opened_at DESC, id DESC`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list open faults: %w", err))
	}
	return out, nil
}

// Fault finds one.
func (s *Store) Fault(ctx context.Context, id radio.FaultID) (radio.Fault, error) {
	out, err := collect(ctx, s.read, scanFault, `SELECT `+faultColumns+` FROM fault WHERE id = $1`, string(id))
	if err == nil && len(out) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return radio.Fault{}, s.kind(fmt.Errorf("fault %s: %w", id, err))
	}
	return out[0], nil
}

// Faults reads a page of faults, the newest first, behind the one named ("" for the
// first page).
func (s *Store) Faults(ctx context.Context, f radio.FaultFilter, after radio.FaultID, limit int) (radio.FaultPage, error) {
	where, args := []string{`closed_at = 0`}, []any{}
	if f.Closed {
		where[0] = `closed_at <> 0`
	}
	also := func(cond string, v string) {
		args = append(args, v)
		where = append(where, fmt.Sprintf(cond, len(args)))
	}
	if f.Device != "" {
		also(`device = $%d`, string(f.Device))
	}
	if f.Kind != "" {
		also(`kind = $%d`, string(f.Kind))
	}
	if f.Outage != "" {
		also(`outage = $%d`, string(f.Outage))
	}
	if f.Communes != nil {
		places := []string{`''`}
		for _, c := range f.Communes {
			args = append(args, string(c))
			places = append(places, fmt.Sprintf("$%d", len(args)))
		}
		where = append(where, `commune IN (`+strings.Join(places, ", ")+`)`)
	}
	if after != "" {
		last, err := s.Fault(ctx, after)
		if err != nil {
			return radio.FaultPage{}, err
		}
		args = append(args, int64(last.OpenedAt), string(last.ID))
		where = append(where, fmt.Sprintf(`(opened_at, id) < ($%d, $%d)`, len(args)-1, len(args)))
	}
	args = append(args, limit+1)
	out, err := collect(ctx, s.read, scanFault, `SELECT `+faultColumns+` FROM fault WHERE `+strings.Join(where, " AND ")+
		fmt.Sprintf(` ORDER BY opened_at DESC, id DESC LIMIT $%d`, len(args)), args...)
	if err != nil {
		return radio.FaultPage{}, s.kind(fmt.Errorf("list faults: %w", err))
	}
	if len(out) > limit {
		return radio.FaultPage{Faults: out[:limit], Next: out[limit-1].ID}, nil
	}
	return radio.FaultPage{Faults: out}, nil
}

const outageColumns = `id, area, opened_at, closed_at, announced_at, devices, lost`

func scanOutage(rows *sql.Rows) (o radio.Outage, err error) {
	return o, rows.Scan(&o.ID, &o.Area, &o.OpenedAt, &o.ClosedAt, &o.AnnouncedAt, &o.Devices, &o.Lost)
}

// OpenOutages lists the outages that hold, the newest first.
func (s *Store) OpenOutages(ctx context.Context) ([]radio.Outage, error) {
	out, err := collect(ctx, s.read, scanOutage, `SELECT `+outageColumns+` FROM outage WHERE closed_at = 0 ORDER BY opened_at DESC, id DESC`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list outages: %w", err))
	}
	return out, nil
}

// Looked says when the devices were last looked at and which day was last summed up;
// zero before the first time.
func (s *Store) Looked(ctx context.Context) (at radio.Millis, summed radio.Date, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT COALESCE(MAX(looked_at), 0), COALESCE(MAX(summed), '') FROM fault_watch`).Scan(&at, &summed)
	if err != nil {
		return 0, "", s.kind(fmt.Errorf("last look at the devices: %w", err))
	}
	return at, summed, nil
}

var (
	faultRows = bulk{table: "fault", columns: []string{"id text", "device text", "commune text", "kind text", "code text",
		"opened_at bigint", "closed_at bigint", "changed_at bigint", "cause text", "outage text"}}
	outageRows = bulk{table: "outage", columns: []string{"id text", "area text", "opened_at bigint", "closed_at bigint",
		"announced_at bigint", "devices bigint", "lost bigint"},
		conflict: `ON CONFLICT (id) DO UPDATE SET closed_at = excluded.closed_at, announced_at = excluded.announced_at,
			devices = excluded.devices, lost = excluded.lost`}
	noticeRows = bulk{table: "notice", columns: []string{"id text", "recipient text", "news_key text", "news text", "created_at bigint", "next_at bigint"},
		conflict: `ON CONFLICT (recipient, news_key) DO NOTHING`}
)

// PutFaults writes what one look at the devices changed, with the news of it, in one
// transaction. ErrConflict when a fault is open already, or one to close is not.
//
// It writes no audit entry: nobody does this, and each row tells its own story.
func (s *Store) PutFaults(ctx context.Context, c radio.FaultChange) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		t := s.bulkTx(tx)
		if _, err := t.q.ExecContext(ctx, `
			INSERT INTO fault_watch (id, looked_at, summed) VALUES (1, $1, $2)
			ON CONFLICT (id) DO UPDATE SET looked_at = excluded.looked_at,
				summed = CASE WHEN excluded.summed = '' THEN fault_watch.summed ELSE excluded.summed END`,
			int64(c.At), string(c.Summed)); err != nil {
			return fmt.Errorf("mark the look at the devices: %w", err)
		}
		if err := endFaults(ctx, t, c); err != nil {
			return err
		}
		opened := make([][]any, len(c.Opened))
		for i, f := range c.Opened {
			cause, err := json.Marshal(f.Cause)
			if err != nil {
				return fmt.Errorf("cause of fault %s: %w", f.ID, err)
			}
			opened[i] = []any{string(f.ID), string(f.Device), string(f.Commune), string(f.Kind), f.Code,
				int64(f.OpenedAt), int64(f.ClosedAt), int64(f.ChangedAt), string(cause), string(f.Outage)}
		}
		if err := t.put(ctx, faultRows, opened); err != nil {
			return err
		}
		outages := make([][]any, len(c.Outages))
		for i, o := range c.Outages {
			outages[i] = []any{string(o.ID), string(o.Area), int64(o.OpenedAt), int64(o.ClosedAt), int64(o.AnnouncedAt), int64(o.Devices), int64(o.Lost)}
		}
		if err := t.put(ctx, outageRows, outages); err != nil {
			return err
		}
		if err := putNotices(ctx, t, c.Notices); err != nil {
			return err
		}
		return forgetFaults(ctx, t, c.Forget)
	})
}

// forgetFaults drops faults, outages and what could not be delivered of them, when they
// were over before an instant.
func forgetFaults(ctx context.Context, t *LogTx, before radio.Millis) error {
	if before <= 0 {
		return nil
	}
	for _, q := range []string{
		`DELETE FROM fault WHERE closed_at <> 0 AND closed_at < $1`,
		`DELETE FROM outage WHERE closed_at <> 0 AND closed_at < $1`,
		`DELETE FROM notice WHERE failed_at <> 0 AND failed_at < $1`,
	} {
		if _, err := t.q.ExecContext(ctx, q, int64(before)); err != nil {
			return fmt.Errorf("forget old faults: %w", err)
		}
	}
	return nil
}

// endFaults closes and changes faults that are open, and no others.
func endFaults(ctx context.Context, t *LogTx, c radio.FaultChange) error {
	for _, f := range c.Closed {
		if err := one(t.q.ExecContext(ctx, `UPDATE fault SET closed_at = $1 WHERE id = $2 AND closed_at = 0`, int64(f.ClosedAt), string(f.ID))); err != nil {
			return fmt.Errorf("close fault %s: %w", f.ID, err)
		}
	}
	for _, f := range c.Updated {
		cause, err := json.Marshal(f.Cause)
		if err != nil {
			return fmt.Errorf("cause of fault %s: %w", f.ID, err)
		}
		if err := one(t.q.ExecContext(ctx, `UPDATE fault SET cause = $1, changed_at = $2, outage = $3 WHERE id = $4 AND closed_at = 0`,
			string(cause), int64(f.ChangedAt), string(f.Outage), string(f.ID))); err != nil {
			return fmt.Errorf("change fault %s: %w", f.ID, err)
		}
	}
	return nil
}

// bulkTx gives a transaction the means to write many rows at once.
func (s *Store) bulkTx(tx *sql.Tx) *LogTx {
	t := &LogTx{store: s, q: tx}
	if s.eng.name() == "sqlite" {
		t.sqlite = &preparedTx{tx: tx, all: &s.prepared, mine: map[string]*sql.Stmt{}}
		t.q = t.sqlite
	}
	return t
}
