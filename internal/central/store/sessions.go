package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

// Sessions lists the sessions of a person that have not ended, newest first. current is
// the hash of the one that asks.
func (s *Store) Sessions(ctx context.Context, id radio.UserID, current string, now radio.Millis) ([]radio.WebSession, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (w radio.WebSession, err error) {
		var hash string
		err = r.Scan(&hash, &w.CreatedAt, &w.ExpiresAt)
		w.Current = hash == current
		return w, err
	}, `SELECT token_hash, created_at, expires_at FROM web_session WHERE person = $1 AND expires_at > $2 ORDER BY created_at DESC, token_hash`, id, now)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list sessions of %s: %w", id, err))
	}
	return out, nil
}

// EndSessions signs a person out everywhere but in the session kept ("" for none), and ends
// their tokens: who has stolen one session must not stay by what it has made.
func (s *Store) EndSessions(ctx context.Context, id radio.UserID, keep, actor string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := endSessions(ctx, tx, id, keep); err != nil {
			return err
		}
		if err := endTokens(ctx, tx, id, at); err != nil {
			return err
		}
		return audit(ctx, tx, at, actor, "person.sign_out", string(id), radio.AuditFacts{})
	})
}

// ChangePassword is the person's own change: every session but the one kept, every token
// and codes for another password end.
func (s *Store) ChangePassword(ctx context.Context, id radio.UserID, hash, keep string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE person SET password_hash = $1 WHERE id = $2 AND disabled_at = 0`, hash, id)
		if err != nil {
			return fmt.Errorf("change password of %s: %w", id, err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return fmt.Errorf("change password of %s: %w", id, err)
		} else if n == 0 {
			return fmt.Errorf("person %s: %w", id, radio.ErrNotFound)
		}
		if err := endSessions(ctx, tx, id, keep); err != nil {
			return err
		}
		if err := endTokens(ctx, tx, id, at); err != nil {
			return err
		}
		if err := endInvitations(ctx, tx, id, at); err != nil {
			return err
		}
		return audit(ctx, tx, at, string(id), "person.password", string(id), radio.AuditFacts{})
	})
}
