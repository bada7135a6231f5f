package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// SecondFactor is what is kept of a person's second factor; ErrNotFound when they never
// began one.
func (s *Store) SecondFactor(ctx context.Context, id radio.UserID) (radio.SecondFactor, error) {
	f := radio.SecondFactor{Person: id}
	err := s.read.QueryRowContext(ctx, `SELECT sealed, since, counts_at, last_step, pending, pending_at,
		(SELECT COUNT(*) FROM recovery_code r WHERE r.person = f.person) FROM second_factor f WHERE person = $1`, id).
		Scan(&f.Sealed, &f.Since, &f.CountsAt, &f.LastStep, &f.Pending, &f.PendingAt, &f.Recovery)
	if err != nil {
		return f, s.kind(fmt.Errorf("second factor of %s: %w", id, err))
	}
	return f, nil
}

// ProposeSecond keeps a secret that waits for its first code, beside one that counts.
func (s *Store) ProposeSecond(ctx context.Context, id radio.UserID, sealed string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO second_factor (person, pending, pending_at) VALUES ($1, $2, $3)
			ON CONFLICT (person) DO UPDATE SET pending = excluded.pending, pending_at = excluded.pending_at`, id, sealed, at)
		if err != nil {
			return fmt.Errorf("propose a second factor of %s: %w", id, err)
		}
		return audit(ctx, tx, at, string(id), "person.second_begin", string(id), radio.AuditFacts{})
	})
}

// ConfirmSecond makes the secret that waited the one that is asked for, from the step of its
// first code on, with new recovery codes. Where the person had none before, it counts for
// what takes a code from counts on, and a mail is owed; else as the one before did.
// ErrConflict when another one waits by now.
func (s *Store) ConfirmSecond(ctx context.Context, id radio.UserID, pending string, step int64, recovery []string, counts, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		var first int
		err := tx.QueryRowContext(ctx, `UPDATE second_factor SET counts_at = CASE WHEN sealed = '' THEN $1 ELSE counts_at END,
			mail_from = CASE WHEN sealed = '' THEN $2 ELSE mail_from END WHERE person = $3 AND pending = $4 AND pending <> ''
			RETURNING CASE WHEN sealed = '' THEN 1 ELSE 0 END`, counts, at, id, pending).Scan(&first)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("confirm the second factor of %s: %w", id, err)
		}
		n, err := affected(ctx, tx, `UPDATE second_factor SET sealed = pending, since = $1, last_step = $2, pending = '', pending_at = 0
			WHERE person = $3 AND pending = $4 AND pending <> ''`, at, step, id, pending)
		if err != nil {
			return fmt.Errorf("confirm the second factor of %s: %w", id, err)
		}
		if n == 0 {
			return fmt.Errorf("confirm the second factor of %s: %w", id, radio.ErrConflict)
		}
		if err := setRecovery(ctx, tx, id, recovery); err != nil {
			return err
		}
		if err := endSecondReset(ctx, tx, id); err != nil {
			return err
		}
		var facts radio.AuditFacts
		if first == 1 && counts > at {
			facts.Change("counts_at", "", instant(counts))
		}
		return audit(ctx, tx, at, string(id), "person.second", string(id), facts)
	})
}

// instant is one as entries of the audit keep it.
func instant(at radio.Millis) string { return at.Time().UTC().Format(time.RFC3339) }

// CountSecond makes a first second factor count at once: the one set up at since, 0 for
// whichever it is. ErrConflict when it is another one by now, or counts already.
func (s *Store) CountSecond(ctx context.Context, id radio.UserID, since radio.Millis, actor string, at radio.Millis) error {
	return s.people(ctx, func(tx *sql.Tx) error {
		p, err := person(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := hasSecond(ctx, tx, p); err != nil {
			return err
		}
		var set, counts radio.Millis
		if err := tx.QueryRowContext(ctx, `SELECT since, counts_at FROM second_factor WHERE person = $1`, id).Scan(&set, &counts); err != nil {
			return fmt.Errorf("second factor of %s: %w", id, err)
		}
		switch {
		case since != 0 && set != since:
			return radio.Refuse(radio.ErrConflict, "Xác thực hai lớp của người này đã được cài lại; hãy mở lại trang.", "the second factor was set up anew: open the page again")
		case counts <= at:
			return refuseAccount(p.Login, "Xác thực hai lớp của %s đã có hiệu lực.", "the second factor of %s counts already")
		}
		if _, err := tx.ExecContext(ctx, `UPDATE second_factor SET counts_at = $1 WHERE person = $2`, at, id); err != nil {
			return fmt.Errorf("count the second factor of %s: %w", id, err)
		}
		facts := radio.AuditFacts{Code: p.Login}
		facts.Change("counts_at", instant(counts), instant(at))
		return audit(ctx, tx, at, actor, "person.second_count", string(id), facts)
	})
}

// SecondMails lists whom a mail about their first second factor is owed, the oldest first.
func (s *Store) SecondMails(ctx context.Context) ([]radio.SecondMail, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (m radio.SecondMail, err error) {
		return m, r.Scan(&m.Person, &m.Login, &m.Email, &m.At, &m.CountsAt)
	}, `SELECT p.id, p.login, p.email, f.mail_from, f.counts_at FROM second_factor f JOIN person p ON p.id = f.person WHERE f.mail_from > 0 ORDER BY f.mail_from, p.id`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("mails about second factors: %w", err))
	}
	return out, nil
}

// EndSecondMail keeps that the mail is not owed any more.
func (s *Store) EndSecondMail(ctx context.Context, m radio.SecondMail) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE second_factor SET mail_from = 0 WHERE person = $1 AND mail_from = $2`, m.Person, m.At); err != nil {
			return fmt.Errorf("end the mail to %s: %w", m.Login, err)
		}
		return nil
	})
}

// UseSecondStep counts the code of a step of time, once: ErrConflict when one of that step
// or a later one has counted, or the secret is another one by now.
func (s *Store) UseSecondStep(ctx context.Context, id radio.UserID, sealed string, step int64) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		n, err := affected(ctx, tx, `UPDATE second_factor SET last_step = $1 WHERE person = $2 AND sealed = $3 AND last_step < $1`, step, id, sealed)
		if err != nil {
			return fmt.Errorf("use a code of %s: %w", id, err)
		}
		if n == 0 {
			return fmt.Errorf("use a code of %s: %w", id, radio.ErrConflict)
		}
		return nil
	})
}

// UseRecovery uses up a recovery code; ErrNotFound when there is none such.
func (s *Store) UseRecovery(ctx context.Context, id radio.UserID, hash string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		n, err := affected(ctx, tx, `DELETE FROM recovery_code WHERE person = $1 AND code_hash = $2`, id, hash)
		if err != nil {
			return fmt.Errorf("use a recovery code of %s: %w", id, err)
		}
		if n == 0 {
			return fmt.Errorf("recovery code of %s: %w", id, radio.ErrNotFound)
		}
		return audit(ctx, tx, at, string(id), "person.recovery_use", string(id), radio.AuditFacts{})
	})
}

// ReplaceRecovery gives a person new recovery codes in place of those left.
func (s *Store) ReplaceRecovery(ctx context.Context, id radio.UserID, hashes []string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := setRecovery(ctx, tx, id, hashes); err != nil {
			return err
		}
		return audit(ctx, tx, at, string(id), "person.recovery", string(id), radio.AuditFacts{})
	})
}

func setRecovery(ctx context.Context, tx *sql.Tx, id radio.UserID, hashes []string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM recovery_code WHERE person = $1`, id); err != nil {
		return fmt.Errorf("end the recovery codes of %s: %w", id, err)
	}
	for _, h := range hashes {
		if _, err := tx.ExecContext(ctx, `INSERT INTO recovery_code (person, code_hash) VALUES ($1, $2)`, id, h); err != nil {
			return fmt.Errorf("add a recovery code of %s: %w", id, err)
		}
	}
	return nil
}

// AskSecondReset keeps an administrator's wish to take a person's second factor away.
// ErrConflict when there is nothing to take, or another administrator has asked.
func (s *Store) AskSecondReset(ctx context.Context, r radio.SecondReset) error {
	return s.people(ctx, func(tx *sql.Tx) error {
		p, err := person(ctx, tx, r.Person)
		if err != nil {
			return err
		}
		if err := hasSecond(ctx, tx, p); err != nil {
			return err
		}
		old, err := secondReset(ctx, tx, r.Person, r.AskedAt)
		switch {
		case err == nil && old.AskedBy != r.AskedBy:
			return radio.Refuse(radio.ErrConflict, "Một quản trị viên khác đã đề nghị gỡ xác thực hai lớp của người này; hãy mở lại trang rồi xác nhận.",
				"another administrator has asked to take it away: open the page again and confirm")
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO second_reset (person, asked_by, asked_at, expires_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (person) DO UPDATE SET asked_by = excluded.asked_by, asked_at = excluded.asked_at, expires_at = excluded.expires_at`,
			r.Person, r.AskedBy, r.AskedAt, r.ExpiresAt)
		if err != nil {
			return fmt.Errorf("ask to reset the second factor of %s: %w", r.Person, err)
		}
		return audit(ctx, tx, r.AskedAt, string(r.AskedBy), "person.second_ask", string(r.Person), radio.AuditFacts{Code: p.Login})
	})
}

// SecondReset finds a wish that has not ended; ErrNotFound when there is none.
func (s *Store) SecondReset(ctx context.Context, id radio.UserID, now radio.Millis) (radio.SecondReset, error) {
	r, err := secondReset(ctx, s.read, id, now)
	return r, s.kind(err)
}

func secondReset(ctx context.Context, q querier, id radio.UserID, now radio.Millis) (radio.SecondReset, error) {
	r := radio.SecondReset{Person: id}
	err := q.QueryRowContext(ctx, `SELECT asked_by, asked_at, expires_at FROM second_reset WHERE person = $1 AND expires_at > $2`, id, now).
		Scan(&r.AskedBy, &r.AskedAt, &r.ExpiresAt)
	if err != nil {
		return r, fmt.Errorf("reset of the second factor of %s: %w", id, err)
	}
	return r, nil
}

// ResetSecond takes a person's second factor away, with their recovery codes and sessions.
// asked is the wish that another administrator has confirmed: ErrConflict when it is none
// any more; nil when the root key stands for both.
func (s *Store) ResetSecond(ctx context.Context, id radio.UserID, asked *radio.SecondReset, actor string, at radio.Millis) error {
	return s.people(ctx, func(tx *sql.Tx) error {
		p, err := person(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := hasSecond(ctx, tx, p); err != nil {
			return err
		}
		if asked != nil {
			if now, err := secondReset(ctx, tx, id, at); err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			} else if err != nil || now != *asked {
				return radio.Refuse(radio.ErrConflict, "Đề nghị gỡ xác thực hai lớp đã hết hạn hoặc đã thay đổi; hãy mở lại trang.", "the wish to take the second factor away has ended or changed: open the page again")
			}
		}
		for _, statement := range []string{`DELETE FROM second_factor WHERE person = $1`, `DELETE FROM recovery_code WHERE person = $1`} {
			if _, err := tx.ExecContext(ctx, statement, id); err != nil {
				return fmt.Errorf("reset the second factor of %s: %w", id, err)
			}
		}
		if err := endSecondReset(ctx, tx, id); err != nil {
			return err
		}
		if err := endSessions(ctx, tx, id, ""); err != nil {
			return err
		}
		return audit(ctx, tx, at, actor, "person.second_reset", string(id), radio.AuditFacts{Code: p.Login})
	})
}

func hasSecond(ctx context.Context, tx *sql.Tx, p radio.Account) error {
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM second_factor WHERE person = $1 AND sealed <> ''`, p.ID).Scan(&n); err != nil {
		return fmt.Errorf("second factor of %s: %w", p.ID, err)
	}
	if n == 0 {
		return refuseAccount(p.Login, "%s chưa cài xác thực hai lớp.", "%s has no second factor")
	}
	return nil
}

func endSecondReset(ctx context.Context, tx *sql.Tx, id radio.UserID) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM second_reset WHERE person = $1`, id); err != nil {
		return fmt.Errorf("end the wish to reset the second factor of %s: %w", id, err)
	}
	return nil
}

// affected runs a statement and counts the rows it changed.
func affected(ctx context.Context, tx *sql.Tx, statement string, args ...any) (int64, error) {
	res, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
