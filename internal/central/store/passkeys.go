package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

// AddPasskey keeps a passkey that a person has registered. A person has at most most:
// ErrConflict.
func (s *Store) AddPasskey(ctx context.Context, p radio.Passkey, most int) error {
	return s.people(ctx, func(tx *sql.Tx) error {
		var have int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM passkey WHERE person = $1`, p.Person).Scan(&have); err != nil {
			return fmt.Errorf("count passkeys of %s: %w", p.Person, err)
		}
		if have >= most {
			return radio.Refuse(radio.ErrConflict, fmt.Sprintf("Đã có %d passkey; hãy xóa bớt cái chưa được cấp khóa.", have), fmt.Sprintf("there are %d passkeys already", have))
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO passkey (kid, person, credential, jwk, name, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			p.KID, string(p.Person), p.Credential, string(p.JWK), p.Name, int64(p.CreatedAt))
		if err != nil {
			return fmt.Errorf("keep passkey %s: %w", p.KID, err)
		}
		return audit(ctx, tx, p.CreatedAt, string(p.Person), "person.passkey_add", string(p.Person), radio.AuditFacts{Key: p.KID})
	})
}

// DropPasskey forgets a passkey of its person while no key was made of it: ErrConflict
// afterwards, for then only the root ends it.
func (s *Store) DropPasskey(ctx context.Context, person radio.UserID, kid string, at radio.Millis) error {
	return s.people(ctx, func(tx *sql.Tx) error {
		var certified bool
		err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM person_key k WHERE k.kid = p.kid) FROM passkey p WHERE p.person = $1 AND p.kid = $2`,
			string(person), kid).Scan(&certified)
		if err != nil {
			return fmt.Errorf("passkey %s: %w", kid, err)
		}
		if certified {
			return radio.Refuse(radio.ErrConflict, "Passkey này đã được cấp khóa. Hãy nhờ quản trị viên kết thúc hoặc thu hồi khóa.",
				"a key was made of this passkey: an administrator retires or revokes it")
		}
		if err := one(tx.ExecContext(ctx, `DELETE FROM passkey WHERE kid = $1`, kid)); err != nil {
			return fmt.Errorf("forget passkey %s: %w", kid, err)
		}
		return audit(ctx, tx, at, string(person), "person.passkey_drop", string(person), radio.AuditFacts{Key: kid})
	})
}

// Passkeys lists the passkeys of a person, "" for everybody's; the newest first.
func (s *Store) Passkeys(ctx context.Context, person radio.UserID) ([]radio.Passkey, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.Passkey, error) {
		var p radio.Passkey
		var jwk string
		err := r.Scan(&p.KID, &p.Person, &p.Credential, &jwk, &p.Name, &p.CreatedAt)
		p.JWK = []byte(jwk)
		return p, err
	}, `SELECT kid, person, credential, jwk, name, created_at FROM passkey WHERE $1 = '' OR person = $1 ORDER BY created_at DESC, kid`, string(person))
	if err != nil {
		return nil, s.kind(fmt.Errorf("list passkeys: %w", err))
	}
	return out, nil
}
