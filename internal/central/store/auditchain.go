package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"loaxa/internal/radio"
)

// chainPage is how many entries are read at a time.
const chainPage = 1000

// chainAudit gives the entries from before there was a chain their place in it, once. It
// never does so later: an entry without a hash in a chain that has begun is no entry.
func (s *Store) chainAudit(ctx context.Context) error {
	var seq int64
	var open bool
	if err := s.write.QueryRowContext(ctx, `SELECT (SELECT seq FROM audit_head), EXISTS (SELECT 1 FROM audit WHERE hash = '')`).Scan(&seq, &open); err != nil {
		return s.kind(fmt.Errorf("look at the audit's chain: %w", err))
	}
	if seq > 0 || !open {
		return nil
	}
	err := s.tx(ctx, func(tx *sql.Tx) error {
		var head radio.AuditHead
		// Another process may be at it: its row is the lock.
		if err := tx.QueryRowContext(ctx, `UPDATE audit_head SET seq = seq RETURNING seq, hash`).Scan(&head.Seq, &head.Hash); err != nil || head.Seq > 0 {
			return err
		}
		for {
			part, err := collect(ctx, tx, scanRecord, `SELECT `+auditColumns+` FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2`, head.Seq, chainPage)
			if err != nil {
				return err
			}
			for _, e := range part {
				find := e.Find()
				head = radio.AuditHead{Seq: e.Seq, Hash: e.Chain(head.Hash)}
				if _, err := tx.ExecContext(ctx, `UPDATE audit SET hash = $1, area = $2, words = $3 WHERE seq = $4`, head.Hash, string(find.Area), find.Words, e.Seq); err != nil {
					return err
				}
			}
			if len(part) < chainPage {
				_, err := tx.ExecContext(ctx, `UPDATE audit_head SET seq = $1, hash = $2`, head.Seq, head.Hash)
				return err
			}
		}
	})
	if err != nil {
		return fmt.Errorf("chain the audit: %w", err)
	}
	return nil
}

// AuditReading is the audit as of one moment.
type AuditReading struct {
	tx *sql.Tx
	s  *Store
}

// ReadAudit runs f on the audit as of one moment, however long f takes.
func (s *Store) ReadAudit(ctx context.Context, f func(r *AuditReading) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return s.kind(fmt.Errorf("begin: %w", err))
	}
	return s.kind(errors.Join(f(&AuditReading{tx, s}), rollback(tx)))
}

// Head is the newest entry, as the lock's row has it.
func (r *AuditReading) Head(ctx context.Context) (radio.AuditHead, error) {
	var h radio.AuditHead
	if err := r.tx.QueryRowContext(ctx, `SELECT seq, hash FROM audit_head`).Scan(&h.Seq, &h.Hash); err != nil {
		return h, fmt.Errorf("head of the audit: %w", err)
	}
	return h, nil
}

// Seals lists the signed heads, the oldest first.
func (r *AuditReading) Seals(ctx context.Context) ([]radio.AuditSeal, error) {
	out, err := collect(ctx, r.tx, scanSeal, `SELECT `+sealColumns+` FROM audit_seal ORDER BY number`)
	if err != nil {
		return nil, fmt.Errorf("seals of the audit: %w", err)
	}
	return out, nil
}

const sealColumns = `number, before, seq, hash, at, envelope`

func scanSeal(rows *sql.Rows) (x radio.AuditSeal, err error) {
	return x, rows.Scan(&x.Number, &x.Before, &x.Head.Seq, &x.Head.Hash, &x.Head.At, &x.Envelope)
}

// Walk hands every entry that fits to each, the oldest first, with the hash of the entry
// before it, whether that fits or not.
func (r *AuditReading) Walk(ctx context.Context, f radio.AuditFilter, each func(radio.AuditRecord) error) error {
	var last int64
	for {
		c := auditWhere(f)
		c.add(`seq > ?`, last)
		n := len(c.args)
		part, err := collect(ctx, r.tx, func(rows *sql.Rows) (e radio.AuditRecord, err error) {
			e.Columns = &radio.AuditColumns{}
			return e, rows.Scan(&e.Seq, &e.At, &e.Actor, &e.From.Via, &e.From.Address, &e.From.Token, &e.Action, &e.Subject, &e.Detail, &e.Hash,
				&e.Columns.Area, &e.Columns.Words, &e.Prev)
		}, `SELECT `+auditColumns+`, area, words, COALESCE((SELECT p.hash FROM audit p WHERE p.seq < audit.seq ORDER BY p.seq DESC LIMIT 1), $`+strconv.Itoa(n+1)+`)
			FROM audit`+c.text()+` ORDER BY seq LIMIT $`+strconv.Itoa(n+2), append(c.args, radio.AuditStart(), chainPage)...)
		if err != nil {
			return fmt.Errorf("walk the audit: %w", err)
		}
		for _, e := range part {
			if err := each(e); err != nil {
				return err
			}
			last = e.Seq
		}
		if len(part) < chainPage {
			return nil
		}
	}
}

// AddAuditSeal keeps the seal that sign makes to follow the newest (the zero value when there
// is none), one after the other. When sign gives back the newest itself, that is enough. Nothing in
// the plan has changed, so that the audit has no entry of it.
func (s *Store) AddAuditSeal(ctx context.Context, sign func(newest radio.AuditSeal) (radio.AuditSeal, error)) (x radio.AuditSeal, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		// The lock comes first: two seals never follow the same one.
		if _, err := tx.ExecContext(ctx, `UPDATE audit_head SET seq = seq`); err != nil {
			return fmt.Errorf("keep a seal of the audit: %w", err)
		}
		kept, err := collect(ctx, tx, scanSeal, `SELECT `+sealColumns+` FROM audit_seal ORDER BY number DESC LIMIT 1`)
		if err != nil {
			return fmt.Errorf("newest seal of the audit: %w", err)
		}
		var newest radio.AuditSeal
		if len(kept) > 0 {
			newest = kept[0]
		}
		if x, err = sign(newest); err != nil || x.Number == newest.Number {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO audit_seal (number, before, seq, hash, at, envelope) VALUES ($1, $2, $3, $4, $5, $6)`,
			x.Number, x.Before, x.Head.Seq, x.Head.Hash, x.Head.At, x.Envelope)
		if err != nil {
			return fmt.Errorf("keep a seal of the audit: %w", err)
		}
		return nil
	})
	return x, err
}

// Witness runs what changes something outside the database (a file of keys) and adds the
// entry that tells of it; without room for the entry nothing is begun. actor is who the
// context says.
func (s *Store) Witness(ctx context.Context, action, subject string, at radio.Millis, change func() (radio.AuditFacts, error)) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		// The lock comes first: a database that takes no entry lets nothing be changed.
		if _, err := tx.ExecContext(ctx, `UPDATE audit_head SET seq = seq`); err != nil {
			return fmt.Errorf("write audit of %s: %w", action, err)
		}
		facts, err := change()
		if err != nil {
			return err
		}
		return audit(ctx, tx, at, radio.SourceOf(ctx).Operator(), action, subject, facts)
	})
}
