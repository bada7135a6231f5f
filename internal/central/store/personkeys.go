package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"loaxa/internal/radio"
)

// AddPersonKey keeps a person's signing key; login is for the audit.
func (s *Store) AddPersonKey(ctx context.Context, k radio.PersonKeyRow, login string) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO person_key (kid, person, scope, may, jwk, sealed, created_by, created_at, not_after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			k.KID, string(k.Person), string(k.Scope), strings.Join(k.May, ","), string(k.JWK), string(k.Sealed), k.CreatedBy, int64(k.CreatedAt), int64(k.NotAfter))
		if err != nil {
			return fmt.Errorf("keep key %s: %w", k.KID, err)
		}
		return audit(ctx, tx, k.CreatedAt, k.CreatedBy, "person.key_add", string(k.Person), radio.AuditFacts{Code: login, Key: k.KID})
	})
}

// RevokePersonKey marks a key as revoked; ErrConflict when there is none, or it was.
func (s *Store) RevokePersonKey(ctx context.Context, k radio.PersonKeyRow, actor string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := one(tx.ExecContext(ctx, `UPDATE person_key SET revoked_at = $1 WHERE kid = $2 AND revoked_at = 0`, int64(at), k.KID)); err != nil {
			return fmt.Errorf("revoke key %s: %w", k.KID, err)
		}
		return audit(ctx, tx, at, actor, "person.key_revoke", string(k.Person), radio.AuditFacts{Key: k.KID})
	})
}

// RetirePersonKey ends a key at an instant without disowning it; ErrConflict when it is
// revoked, or had ended by then.
func (s *Store) RetirePersonKey(ctx context.Context, k radio.PersonKeyRow, actor string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := one(tx.ExecContext(ctx, `UPDATE person_key SET not_after = $1 WHERE kid = $2 AND revoked_at = 0 AND (not_after = 0 OR not_after > $1)`, int64(at), k.KID)); err != nil {
			return fmt.Errorf("end key %s: %w", k.KID, err)
		}
		return audit(ctx, tx, at, actor, "person.key_retire", string(k.Person), radio.AuditFacts{Key: k.KID})
	})
}

// PersonKeys lists the signing keys of a person, "" for everybody's; the newest first.
// Revoked ones are among them.
func (s *Store) PersonKeys(ctx context.Context, person radio.UserID) ([]radio.PersonKeyRow, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.PersonKeyRow, error) {
		var k radio.PersonKeyRow
		var may, jwk, sealed string
		err := r.Scan(&k.KID, &k.Person, &k.Scope, &may, &jwk, &sealed, &k.CreatedBy, &k.CreatedAt, &k.RevokedAt, &k.NotAfter)
		k.May, k.JWK, k.Sealed = strings.Split(may, ","), []byte(jwk), []byte(sealed)
		return k, err
	}, `SELECT kid, person, scope, may, jwk, sealed, created_by, created_at, revoked_at, not_after FROM person_key WHERE $1 = '' OR person = $1 ORDER BY created_at DESC, kid`, string(person))
	if err != nil {
		return nil, s.kind(fmt.Errorf("list keys of persons: %w", err))
	}
	return out, nil
}
