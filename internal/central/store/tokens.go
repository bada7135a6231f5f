package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

const tokenColumns = `t.id, t.person, t.name, t.reach, t.created_at, t.expires_at, t.used_at, t.revoked_at`

func scanToken(row interface{ Scan(...any) error }, more ...any) (radio.APIToken, error) {
	var t radio.APIToken
	err := row.Scan(append([]any{&t.ID, &t.Person, &t.Name, &t.Use, &t.CreatedAt, &t.ExpiresAt, &t.UsedAt, &t.RevokedAt}, more...)...)
	return t, err
}

// AddToken keeps a token by its hash. A person has at most most that work: ErrConflict.
func (s *Store) AddToken(ctx context.Context, t radio.APIToken, tokenHash string, most int) error {
	return s.people(ctx, func(tx *sql.Tx) error {
		var live int
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM api_token WHERE person = $1 AND revoked_at = 0 AND expires_at > $2`, t.Person, t.CreatedAt).Scan(&live)
		if err != nil {
			return fmt.Errorf("count tokens of %s: %w", t.Person, err)
		}
		if live >= most {
			return radio.Refuse(radio.ErrConflict, fmt.Sprintf("Đã có %d mã API đang dùng; hãy hủy bớt trước.", live), fmt.Sprintf("there are %d tokens already", live))
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO api_token (id, token_hash, person, name, reach, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			t.ID, tokenHash, t.Person, t.Name, t.Use, t.CreatedAt, t.ExpiresAt)
		if err != nil {
			return fmt.Errorf("add token: %w", err)
		}
		return audit(ctx, tx, t.CreatedAt, string(t.Person), "token.add", string(t.Person), radio.AuditFacts{Token: t.Name})
	})
}

// Tokens lists the newest 100 tokens of a person.
func (s *Store) Tokens(ctx context.Context, id radio.UserID) ([]radio.APIToken, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.APIToken, error) { return scanToken(r) },
		`SELECT `+tokenColumns+` FROM api_token t WHERE t.person = $1 ORDER BY t.created_at DESC, t.id DESC LIMIT 100`, id)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list tokens of %s: %w", id, err))
	}
	return out, nil
}

// TokenPerson finds a token that works and for whom it speaks; ErrNotFound when there
// is none, it ended, or the account is disabled.
func (s *Store) TokenPerson(ctx context.Context, tokenHash string, now radio.Millis) (radio.APIToken, radio.Account, error) {
	var p radio.Account
	t, err := scanToken(s.read.QueryRowContext(ctx, `SELECT `+tokenColumns+`, `+ofPerson+` FROM api_token t JOIN person p ON p.id = t.person
		WHERE t.token_hash = $1 AND t.revoked_at = 0 AND t.expires_at > $2 AND p.disabled_at = 0`, tokenHash, now),
		&p.ID, &p.Login, &p.Name, &p.PasswordHash, &p.CreatedAt, &p.DisabledAt, &p.Email, &p.Phone)
	if err != nil {
		return t, p, s.kind(fmt.Errorf("token: %w", err))
	}
	return t, p, s.kind(withGrants(ctx, s.read, &p))
}

// TouchToken notes when a token was used.
func (s *Store) TouchToken(ctx context.Context, id radio.TokenID, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE api_token SET used_at = $1 WHERE id = $2 AND used_at < $1`, at, id); err != nil {
			return fmt.Errorf("note the use of a token: %w", err)
		}
		return nil
	})
}

// RevokeToken ends a person's own token; ErrNotFound when they have none such that works.
func (s *Store) RevokeToken(ctx context.Context, person radio.UserID, id radio.TokenID, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE api_token SET revoked_at = $1 WHERE id = $2 AND person = $3 AND revoked_at = 0`, at, id, person)
		if err != nil {
			return fmt.Errorf("revoke token %s: %w", id, err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return fmt.Errorf("revoke token %s: %w", id, err)
		} else if n == 0 {
			return fmt.Errorf("token %s: %w", id, radio.ErrNotFound)
		}
		var name string
		if err := tx.QueryRowContext(ctx, `SELECT name FROM api_token WHERE id = $1`, id).Scan(&name); err != nil {
			return fmt.Errorf("revoke token %s: %w", id, err)
		}
		return audit(ctx, tx, at, string(person), "token.revoke", string(person), radio.AuditFacts{Token: name})
	})
}

// endTokens ends every token of a person.
func endTokens(ctx context.Context, tx *sql.Tx, id radio.UserID, at radio.Millis) error {
	if _, err := tx.ExecContext(ctx, `UPDATE api_token SET revoked_at = $1 WHERE person = $2 AND revoked_at = 0`, at, id); err != nil {
		return fmt.Errorf("end tokens of %s: %w", id, err)
	}
	return nil
}
