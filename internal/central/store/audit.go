package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

func audit(ctx context.Context, tx *sql.Tx, at radio.Millis, actor, action, subject string, facts radio.AuditFacts) error {
	detail, err := facts.Text()
	if err != nil {
		return fmt.Errorf("write audit of %s: %w", action, err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO audit (at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5)`,
		at, actor, action, subject, detail)
	if err != nil {
		return fmt.Errorf("write audit of %s: %w", action, err)
	}
	return nil
}

func scanAudit(r *sql.Rows) (e radio.AuditEntry, err error) {
	var kept string
	err = r.Scan(&e.Seq, &e.At, &e.Actor, &e.Action, &e.Subject, &kept)
	e.Tell(kept)
	return e, err
}

// Audit lists the newest entries of one subject ("" for all), newest first.
func (s *Store) Audit(ctx context.Context, subject string, limit int) ([]radio.AuditEntry, error) {
	out, err := collect(ctx, s.read, scanAudit, `SELECT seq, at, actor, action, subject, detail FROM audit WHERE $1 = '' OR subject = $1 ORDER BY seq DESC LIMIT $2`, subject, limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list audit: %w", err))
	}
	return out, nil
}

// AuditHead is the number of the newest audit entry: it moves with every change that
// a person makes, in whatever process.
func (s *Store) AuditHead(ctx context.Context) (int64, error) {
	var seq int64
	if err := s.read.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM audit`).Scan(&seq); err != nil {
		return 0, s.kind(fmt.Errorf("newest audit entry: %w", err))
	}
	return seq, nil
}

// AuditPage lists entries newest first: those that fit f and are older than the entry
// numbered before (0 for the newest of all).
func (s *Store) AuditPage(ctx context.Context, f radio.AuditFilter, before int64, limit int) ([]radio.AuditEntry, error) {
	where, args := []string{`1 = 1`}, []any{}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	if before > 0 {
		where = append(where, `seq < `+arg(before))
	}
	if f.Subject != "" {
		where = append(where, `subject = `+arg(f.Subject))
	}
	if f.Actor != "" {
		where = append(where, `actor = `+arg(f.Actor))
	}
	switch {
	case strings.HasSuffix(f.Action, "."):
		where = append(where, `substr(action, 1, `+strconv.Itoa(len(f.Action))+`) = `+arg(f.Action))
	case f.Action != "":
		where = append(where, `action = `+arg(f.Action))
	}
	if f.From > 0 {
		where = append(where, `at >= `+arg(f.From))
	}
	if f.To > 0 {
		where = append(where, `at < `+arg(f.To))
	}
	if f.About != nil {
		marks := make([]string, len(f.About))
		for i, id := range f.About {
			marks[i] = arg(id)
		}
		in := `(` + strings.Join(append(marks, `''`), ", ") + `)`
		where = append(where, `(actor IN `+in+` OR subject IN `+in+`)`)
	}
	out, err := collect(ctx, s.read, scanAudit, `SELECT seq, at, actor, action, subject, detail FROM audit WHERE `+strings.Join(where, ` AND `)+` ORDER BY seq DESC LIMIT `+arg(limit), args...)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list audit: %w", err))
	}
	return out, nil
}
