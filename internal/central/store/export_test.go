package store

import "context"

// Exec runs a statement as somebody would who has got hold of the database.
func (s *Store) Exec(ctx context.Context, statement string, args ...any) error {
	_, err := s.write.ExecContext(ctx, statement, args...)
	return err
}
