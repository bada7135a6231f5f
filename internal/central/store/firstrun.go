package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

// Nobody says whether there is no account at all, not even a disabled one.
func (s *Store) Nobody(ctx context.Context) (bool, error) {
	nobody, err := nobody(ctx, s.read)
	return nobody, s.kind(err)
}

func nobody(ctx context.Context, q querier) (bool, error) {
	var n int
	if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM person`).Scan(&n); err != nil {
		return false, fmt.Errorf("count people: %w", err)
	}
	return n == 0, nil
}

// AddFirstPerson keeps the first account; ErrConflict when there is one.
func (s *Store) AddFirstPerson(ctx context.Context, p radio.Account, actor string) error {
	return s.people(ctx, func(tx *sql.Tx) error {
		none, err := nobody(ctx, tx)
		if err != nil {
			return err
		}
		if !none {
			return fmt.Errorf("%w: there is an account already", radio.ErrConflict)
		}
		return addPerson(ctx, tx, p, actor)
	})
}
