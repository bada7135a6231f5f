package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// PostgreSQL's advisory locks, each by what it stands for; logLock is the first.
const (
	peopleLock   = 0x10a8a2 // the accounts
	decisionLock = 0x10a8a3 // what communes say: words are numbered one after the other
	areaLock     = 0x10a8a4 // changes of areas
)

// lock has transactions that take the same one come one after the other until they end.
// SQLite has one writer anyway.
func (s *Store) lock(ctx context.Context, tx *sql.Tx, lock int64) error {
	if s.eng.name() != "postgres" {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, lock); err != nil {
		return fmt.Errorf("wait for the others: %w", err)
	}
	return nil
}

// people runs f in a transaction in which no other changes who may do what: two
// administrators who remove each other must come one after the other.
func (s *Store) people(ctx context.Context, f func(tx *sql.Tx) error) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := s.lock(ctx, tx, peopleLock); err != nil {
			return err
		}
		return f(tx)
	})
}

// SetGrants replaces what a person may do. ErrConflict when it is no longer what the
// caller saw, or when nobody would be left to administer the province.
func (s *Store) SetGrants(ctx context.Context, id radio.UserID, seen, grants []radio.Grant, actor string, at radio.Millis) error {
	return s.people(ctx, func(tx *sql.Tx) error {
		p, err := person(ctx, tx, id)
		if err != nil {
			return err
		}
		if !slices.Equal(sortedGrants(p.Grants), sortedGrants(seen)) {
			return refuseAccount(p.Login, "Vai trò của %s vừa được người khác thay đổi. Hãy mở lại trang rồi làm lại.", "the roles of %s were changed meanwhile")
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM person_grant WHERE person = $1`, id); err != nil {
			return fmt.Errorf("replace grants of %s: %w", id, err)
		}
		if err := addGrants(ctx, tx, id, grants); err != nil {
			return err
		}
		if err := adminLeft(ctx, tx, p); err != nil {
			return err
		}
		return audit(ctx, tx, at, actor, "person.grant", string(id), radio.AuditFacts{Code: p.Login, Was: p.Grants, Now: grants, Area: grantsArea(grants)})
	})
}

func sortedGrants(g []radio.Grant) []radio.Grant {
	return slices.SortedFunc(slices.Values(g), func(a, b radio.Grant) int {
		return slices.Compare([]string{string(a.Role), string(a.Area)}, []string{string(b.Role), string(b.Area)})
	})
}

// adminLeft refuses a change of p that leaves the province without an administrator
// who can sign in.
func adminLeft(ctx context.Context, tx *sql.Tx, p radio.Account) error {
	was := p.DisabledAt == 0 && slices.Contains(p.Grants, radio.Grant{Role: radio.RoleAdmin, Area: radio.Everywhere})
	if !was {
		return nil
	}
	var left int
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM person p JOIN person_grant g ON g.person = p.id
		WHERE g.role = $1 AND g.area = $2 AND p.disabled_at = 0 AND p.password_hash <> ''`, radio.RoleAdmin, radio.Everywhere).Scan(&left)
	if err != nil {
		return fmt.Errorf("count administrators: %w", err)
	}
	if left == 0 {
		return refuseAccount(p.Login, "%s là quản trị viên cuối cùng của tỉnh; phải có quản trị viên khác trước đã.", "%s is the last administrator of the province")
	}
	return nil
}

// DisablePerson shuts an account and ends its sessions, codes and tokens. ErrConflict
// when it is shut, or is the province's last administrator.
func (s *Store) DisablePerson(ctx context.Context, id radio.UserID, actor string, at radio.Millis) error {
	return s.people(ctx, func(tx *sql.Tx) error {
		p, err := person(ctx, tx, id)
		if err != nil {
			return err
		}
		if p.DisabledAt != 0 {
			return refuseAccount(p.Login, "Tài khoản %s đã bị khóa từ trước.", "the account %s is disabled already")
		}
		if _, err := tx.ExecContext(ctx, `UPDATE person SET disabled_at = $1 WHERE id = $2`, at, id); err != nil {
			return fmt.Errorf("disable %s: %w", id, err)
		}
		if err := adminLeft(ctx, tx, p); err != nil {
			return err
		}
		if err := endSessions(ctx, tx, id, ""); err != nil {
			return err
		}
		if err := endInvitations(ctx, tx, id, at); err != nil {
			return err
		}
		if err := endTokens(ctx, tx, id, at); err != nil {
			return err
		}
		return audit(ctx, tx, at, actor, "person.disable", string(id), radio.AuditFacts{Code: p.Login, Area: grantsArea(p.Grants)})
	})
}

// EnablePerson opens an account again, with the password and the roles it had.
func (s *Store) EnablePerson(ctx context.Context, id radio.UserID, actor string, at radio.Millis) error {
	return s.people(ctx, func(tx *sql.Tx) error {
		p, err := person(ctx, tx, id)
		if err != nil {
			return err
		}
		if p.DisabledAt == 0 {
			return refuseAccount(p.Login, "Tài khoản %s không bị khóa.", "the account %s is not disabled")
		}
		if _, err := tx.ExecContext(ctx, `UPDATE person SET disabled_at = 0 WHERE id = $1`, id); err != nil {
			return fmt.Errorf("enable %s: %w", id, err)
		}
		return audit(ctx, tx, at, actor, "person.enable", string(id), radio.AuditFacts{Code: p.Login, Area: grantsArea(p.Grants)})
	})
}

// SetProfile replaces what an account says of its person.
func (s *Store) SetProfile(ctx context.Context, id radio.UserID, p radio.Profile, actor string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		was, err := person(ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE person SET name = $1, email = $2, phone = $3 WHERE id = $4`, p.Name, p.Email, p.Phone, id); err != nil {
			return fmt.Errorf("change the account %s: %w", id, err)
		}
		facts := radio.AuditFacts{Code: was.Login, Area: grantsArea(was.Grants)}
		facts.Change("name", was.Name, p.Name)
		// That they changed is enough: the audit keeps for ever, addresses of people should not.
		for field, same := range map[string]bool{"email": was.Email == p.Email, "phone": was.Phone == p.Phone} {
			if !same {
				facts.Fields = append(facts.Fields, field)
			}
		}
		slices.Sort(facts.Fields)
		return audit(ctx, tx, at, actor, "person.edit", string(id), facts)
	})
}

// refuseAccount refuses a change of an account, with its login set into the words.
func refuseAccount(login, vi, en string) error {
	return radio.Refuse(radio.ErrConflict, fmt.Sprintf(vi, login), fmt.Sprintf(en, login))
}

// grantsArea is the one area of a person, "" for who works in several or everywhere.
func grantsArea(grants []radio.Grant) radio.AreaID {
	var area radio.AreaID
	for i, g := range grants {
		if i > 0 && g.Area != area {
			return ""
		}
		area = g.Area
	}
	if area == radio.Everywhere {
		return ""
	}
	return area
}
