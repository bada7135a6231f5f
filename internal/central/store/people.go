package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

const personColumns = `id, login, name, password_hash, created_at, disabled_at, email, phone`

// ofPerson are the same columns of person p in a join.
const ofPerson = `p.id, p.login, p.name, p.password_hash, p.created_at, p.disabled_at, p.email, p.phone`

func scanPerson(row interface{ Scan(...any) error }) (radio.Account, error) {
	var p radio.Account
	err := row.Scan(&p.ID, &p.Login, &p.Name, &p.PasswordHash, &p.CreatedAt, &p.DisabledAt, &p.Email, &p.Phone)
	return p, err
}

// AddPerson keeps a new account; ErrConflict when the login is taken.
func (s *Store) AddPerson(ctx context.Context, p radio.Account, actor string) error {
	return s.tx(ctx, func(tx *sql.Tx) error { return addPerson(ctx, tx, p, actor) })
}

func addPerson(ctx context.Context, tx *sql.Tx, p radio.Account, actor string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO person (`+personColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		p.ID, p.Login, p.Name, p.PasswordHash, p.CreatedAt, p.DisabledAt, p.Email, p.Phone)
	if err != nil {
		return fmt.Errorf("add person %s: %w", p.Login, err)
	}
	if err := addGrants(ctx, tx, p.ID, p.Grants); err != nil {
		return err
	}
	return audit(ctx, tx, p.CreatedAt, actor, "person.add", string(p.ID), radio.AuditFacts{Code: p.Login, Now: p.Grants, Area: grantsArea(p.Grants)})
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

// SetPassword replaces a password and ends every session, code and token of the person.
func (s *Store) SetPassword(ctx context.Context, login, hash, actor string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		var id radio.UserID
		if err := tx.QueryRowContext(ctx, `SELECT id FROM person WHERE login = $1`, login).Scan(&id); err != nil {
			return fmt.Errorf("person %s: %w", login, err)
		}
		if err := setPassword(ctx, tx, id, hash, at); err != nil {
			return err
		}
		if err := endTokens(ctx, tx, id, at); err != nil {
			return err
		}
		return audit(ctx, tx, at, actor, "person.password", string(id), radio.AuditFacts{Code: login})
	})
}

// setPassword ends what the old password had opened, and codes for another one.
func setPassword(ctx context.Context, tx *sql.Tx, id radio.UserID, hash string, at radio.Millis) error {
	if _, err := tx.ExecContext(ctx, `UPDATE person SET password_hash = $1 WHERE id = $2`, hash, id); err != nil {
		return fmt.Errorf("set password of %s: %w", id, err)
	}
	if err := endSessions(ctx, tx, id, ""); err != nil {
		return err
	}
	return endInvitations(ctx, tx, id, at)
}

// endSessions ends every session of the person but the one kept ("" for none).
func endSessions(ctx context.Context, tx *sql.Tx, id radio.UserID, keep string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM web_session WHERE person = $1 AND token_hash <> $2`, id, keep); err != nil {
		return fmt.Errorf("end sessions of %s: %w", id, err)
	}
	return nil
}

// Person finds an account; ErrNotFound when there is none.
func (s *Store) Person(ctx context.Context, id radio.UserID) (radio.Account, error) {
	p, err := person(ctx, s.read, id)
	return p, s.kind(err)
}

func person(ctx context.Context, q querier, id radio.UserID) (radio.Account, error) {
	p, err := scanPerson(q.QueryRowContext(ctx, `SELECT `+personColumns+` FROM person WHERE id = $1`, id))
	if err != nil {
		return p, fmt.Errorf("person %s: %w", id, err)
	}
	return p, withGrants(ctx, q, &p)
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
		SELECT `+ofPerson+`
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
