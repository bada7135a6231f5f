package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"loaxa/internal/radio"
)

// ForgetAlert drops one alert that ended before an instant, or that was composed before it
// and never sent, with its devices, its signatures and what devices said of it. more says
// whether there may be others. One at a time: a whole province stands behind one.
func (s *Store) ForgetAlert(ctx context.Context, before radio.Millis) (more bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		var id string
		err := tx.QueryRowContext(ctx, `SELECT id FROM alert
			WHERE composed_at < $1 AND (state NOT IN ('issued', 'cancelled') OR expires_at < $1) ORDER BY composed_at LIMIT 1`, int64(before)).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for old alerts: %w", err)
		}
		more = true
		for _, q := range []string{
			`DELETE FROM receipt WHERE (device, id) IN (SELECT device, id FROM receipt_step WHERE id = $1)`,
			`DELETE FROM receipt_step WHERE id = $1`,
			`DELETE FROM alert_target WHERE alert = $1`,
			`DELETE FROM alert_signature WHERE alert = $1`,
			`DELETE FROM alert WHERE id = $1`,
		} {
			if _, err := tx.ExecContext(ctx, q, id); err != nil {
				return fmt.Errorf("forget alert %s: %w", id, err)
			}
		}
		return nil
	})
	return more, err
}
