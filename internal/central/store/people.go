package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

const personColumns = `id, login, name, password_hash, created_at, disabled_at`

func scanPerson(row interface{ Scan(...any) error }) (radio.Account, error) {
	var p radio.Account
	err := row.Scan(&p.ID, &p.Login, &p.Name, &p.PasswordHash, &p.CreatedAt, &p.DisabledAt)
	return p, err
}

// AddPerson keeps a new account; ErrConflict when the login is taken.
func (s *Store) AddPerson(ctx context.Context, p radio.Account, actor string) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO person (`+personColumns+`) VALUES ($1, $2, $3, $4, $5, $6)`,
			p.ID, p.Login, p.Name, p.PasswordHash, p.CreatedAt, p.DisabledAt)
		if err != nil {
			return fmt.Errorf("add person %s: %w", p.Login, err)
		}
		if err := addGrants(ctx, tx, p.ID, p.Grants); err != nil {
			return err
		}
		return audit(ctx, tx, p.CreatedAt, actor, "person.add", string(p.ID), p.Login)
	})
}

func addGrants(ctx context.Context, tx *sql.Tx, person radio.UserID, grants []radio.Grant) error {
	for _, g := range grants {
		if _, err := tx.ExecContext(ctx, `INSERT INTO person_grant (person, role, area) VALUES ($1, $2, $3)`, person, g.Role, g.Area); err != nil {
			return fmt.Errorf("grant %s: %w", g.Role, err)
		}
	}
	return nil
}

// withGrants fills in what the people may do.
func withGrants(ctx context.Context, q querier, people ...*radio.Account) error {
	where, args := ``, []any{}
	if len(people) == 1 {
		where, args = `WHERE person = $1`, []any{people[0].ID}
	}
	type row struct {
		person radio.UserID
		grant  radio.Grant
	}
	rows, err := collect(ctx, q, func(r *sql.Rows) (g row, err error) {
		err = r.Scan(&g.person, &g.grant.Role, &g.grant.Area)
		return g, err
	}, `SELECT person, role, area FROM person_grant `+where+` ORDER BY person, role, area`, args...)
	if err != nil {
		return fmt.Errorf("list grants: %w", err)
	}
	byPerson := map[radio.UserID][]radio.Grant{}
	for _, r := range rows {
		byPerson[r.person] = append(byPerson[r.person], r.grant)
	}
	for _, p := range people {
		p.Grants = byPerson[p.ID]
	}
	return nil
}

// SetPassword replaces a password and ends every session of the person.
func (s *Store) SetPassword(ctx context.Context, login, hash, actor string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		var id radio.UserID
		if err := tx.QueryRowContext(ctx, `SELECT id FROM person WHERE login = $1`, login).Scan(&id); err != nil {
			return fmt.Errorf("person %s: %w", login, err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE person SET password_hash = $1 WHERE id = $2`, hash, id); err != nil {
			return fmt.Errorf("set password of %s: %w", login, err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM web_session WHERE person = $1`, id); err != nil {
			return fmt.Errorf("end sessions of %s: %w", login, err)
		}
		return audit(ctx, tx, at, actor, "person.password", string(id), login)
	})
}

// PersonByLogin finds an account; ErrNotFound when there is none.
func (s *Store) PersonByLogin(ctx context.Context, login string) (radio.Account, error) {
	p, err := scanPerson(s.read.QueryRowContext(ctx, `SELECT `+personColumns+` FROM person WHERE login = $1`, login))
	if err != nil {
		return p, s.kind(fmt.Errorf("person %q: %w", login, err))
	}
	return p, s.kind(withGrants(ctx, s.read, &p))
}

// People lists the accounts by login.
func (s *Store) People(ctx context.Context) ([]radio.Account, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.Account, error) { return scanPerson(r) },
		`SELECT `+personColumns+` FROM person ORDER BY login`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list people: %w", err))
	}
	all := make([]*radio.Account, len(out))
	for i := range out {
		all[i] = &out[i]
	}
	return out, s.kind(withGrants(ctx, s.read, all...))
}

// AddSession keeps a session by the hash of its cookie and drops those that ended.
func (s *Store) AddSession(ctx context.Context, tokenHash string, person radio.UserID, at, expires radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM web_session WHERE expires_at <= $1`, at); err != nil {
			return fmt.Errorf("drop ended sessions: %w", err)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO web_session (token_hash, person, created_at, expires_at) VALUES ($1, $2, $3, $4)`,
			tokenHash, person, at, expires)
		if err != nil {
			return fmt.Errorf("add session: %w", err)
		}
		return nil
	})
}

// SessionPerson finds whose session it is; ErrNotFound when it ended or the account
// is disabled.
func (s *Store) SessionPerson(ctx context.Context, tokenHash string, now radio.Millis) (radio.Account, error) {
	p, err := scanPerson(s.read.QueryRowContext(ctx, `
		SELECT p.id, p.login, p.name, p.password_hash, p.created_at, p.disabled_at
		FROM web_session s JOIN person p ON p.id = s.person
		WHERE s.token_hash = $1 AND s.expires_at > $2 AND p.disabled_at = 0`, tokenHash, now))
	if err != nil {
		return p, s.kind(fmt.Errorf("session: %w", err))
	}
	return p, s.kind(withGrants(ctx, s.read, &p))
}

// EndSession forgets one session; ending it twice is no error.
func (s *Store) EndSession(ctx context.Context, tokenHash string) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM web_session WHERE token_hash = $1`, tokenHash); err != nil {
			return fmt.Errorf("end session: %w", err)
		}
		return nil
	})
}

func audit(ctx context.Context, tx *sql.Tx, at radio.Millis, actor, action, subject, detail string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO audit (at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5)`,
		at, actor, action, subject, detail)
	if err != nil {
		return fmt.Errorf("write audit of %s: %w", action, err)
	}
	return nil
}

// Audit lists the newest entries of one subject ("" for all), newest first.
func (s *Store) Audit(ctx context.Context, subject string, limit int) ([]radio.AuditEntry, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.AuditEntry, error) {
		var e radio.AuditEntry
		err := r.Scan(&e.At, &e.Actor, &e.Action, &e.Subject, &e.Detail)
		return e, err
	}, `SELECT at, actor, action, subject, detail FROM audit WHERE $1 = '' OR subject = $1 ORDER BY seq DESC LIMIT $2`, subject, limit)
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
