package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

// PersonNames gives every account's name, also of those that are disabled: what they did
// stays theirs.
func (s *Store) PersonNames(ctx context.Context) (map[radio.UserID]string, error) {
	out := map[radio.UserID]string{}
	_, err := collect(ctx, s.read, func(r *sql.Rows) (struct{}, error) {
		var id radio.UserID
		var name string
		err := r.Scan(&id, &name)
		out[id] = name
		return struct{}{}, err
	}, `SELECT id, name FROM person`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("names of people: %w", err))
	}
	return out, nil
}
