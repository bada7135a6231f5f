package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

// InvitePerson keeps a new account and the code with which its person sets the password.
func (s *Store) InvitePerson(ctx context.Context, p radio.Account, i radio.Invitation) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := addPerson(ctx, tx, p, i.CreatedBy); err != nil {
			return err
		}
		return addInvitation(ctx, tx, i)
	})
}

// ResetPerson takes a person's password away and keeps the code for a new one. It ends
// their sessions, their tokens and earlier codes.
func (s *Store) ResetPerson(ctx context.Context, i radio.Invitation) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		p, err := person(ctx, tx, i.Person)
		if err != nil {
			return err
		}
		if p.DisabledAt != 0 {
			return refuseAccount(p.Login, "Tài khoản %s đang bị khóa; hãy mở lại trước.", "the account %s is disabled")
		}
		if err := setPassword(ctx, tx, p.ID, "", i.CreatedAt); err != nil {
			return err
		}
		if err := endTokens(ctx, tx, p.ID, i.CreatedAt); err != nil {
			return err
		}
		if err := addInvitation(ctx, tx, i); err != nil {
			return err
		}
		return audit(ctx, tx, i.CreatedAt, i.CreatedBy, "person.reset", string(p.ID), radio.AuditFacts{Code: p.Login})
	})
}

func addInvitation(ctx context.Context, tx *sql.Tx, i radio.Invitation) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO invitation (secret_hash, person, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		i.SecretHash, i.Person, i.CreatedBy, i.CreatedAt, i.ExpiresAt)
	if err != nil {
		return fmt.Errorf("add an invitation: %w", err)
	}
	return nil
}

// endInvitations uses up every code that waits for the person.
func endInvitations(ctx context.Context, tx *sql.Tx, id radio.UserID, at radio.Millis) error {
	if _, err := tx.ExecContext(ctx, `UPDATE invitation SET used_at = $1 WHERE person = $2 AND used_at = 0`, at, id); err != nil {
		return fmt.Errorf("end invitations of %s: %w", id, err)
	}
	return nil
}

const invited = `FROM invitation i JOIN person p ON p.id = i.person
	WHERE i.secret_hash = $1 AND i.used_at = 0 AND i.expires_at > $2 AND p.disabled_at = 0`

// InvitedPerson finds whose code it is; ErrNotFound when it is unknown, used or past
// its time, or the account is disabled.
func (s *Store) InvitedPerson(ctx context.Context, secretHash string, now radio.Millis) (radio.Account, error) {
	p, err := scanPerson(s.read.QueryRowContext(ctx, `SELECT `+ofPerson+` `+invited, secretHash, now))
	if err != nil {
		return p, s.kind(fmt.Errorf("invitation: %w", err))
	}
	return p, s.kind(withGrants(ctx, s.read, &p))
}

// AcceptInvitation sets the password that the invited person chose and uses up the code.
func (s *Store) AcceptInvitation(ctx context.Context, secretHash, passwordHash string, now radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		var id radio.UserID
		if err := tx.QueryRowContext(ctx, `SELECT p.id `+invited, secretHash, now).Scan(&id); err != nil {
			return fmt.Errorf("invitation: %w", err)
		}
		// Of two who send the same code at once, the row lets one through.
		res, err := tx.ExecContext(ctx, `UPDATE invitation SET used_at = $1 WHERE secret_hash = $2 AND used_at = 0`, now, secretHash)
		if err != nil {
			return fmt.Errorf("use an invitation: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return fmt.Errorf("use an invitation: %w", err)
		} else if n == 0 {
			return fmt.Errorf("invitation: %w", radio.ErrNotFound)
		}
		if err := setPassword(ctx, tx, id, passwordHash, now); err != nil {
			return err
		}
		return audit(ctx, tx, now, string(id), "person.accept", string(id), radio.AuditFacts{})
	})
}
