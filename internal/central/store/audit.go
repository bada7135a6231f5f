package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// audit adds one entry to the chain, in the caller's transaction and as late in it as can
// be: from here on, until it commits, no other change is written (see audit_head).
func audit(ctx context.Context, tx *sql.Tx, at radio.Millis, actor, action, subject string, facts radio.AuditFacts) error {
	detail, err := facts.Text()
	if err != nil {
		return fmt.Errorf("write audit of %s: %w", action, err)
	}
	e := radio.AuditRecord{At: at, Actor: actor, From: radio.SourceOf(ctx), Action: action, Subject: subject, Detail: detail}
	if err := addAudit(ctx, tx, e); err != nil {
		return fmt.Errorf("write audit of %s: %w", action, err)
	}
	return nil
}

func addAudit(ctx context.Context, tx *sql.Tx, e radio.AuditRecord) error {
	if err := tx.QueryRowContext(ctx, `UPDATE audit_head SET seq = seq + 1 RETURNING seq, hash`).Scan(&e.Seq, &e.Prev); err != nil {
		return err
	}
	e.Hash = e.Chain(e.Prev)
	find := e.Find()
	if _, err := tx.ExecContext(ctx, `INSERT INTO audit (`+auditColumns+`, area, words) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		e.Seq, e.At, e.Actor, string(e.From.Via), e.From.Address, string(e.From.Token), e.Action, e.Subject, e.Detail, e.Hash,
		string(find.Area), find.Words); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE audit_head SET hash = $1`, e.Hash)
	return err
}

// auditColumns are those that count in the chain, and the hash.
const auditColumns = `seq, at, actor, via, address, token, action, subject, detail, hash`

func scanRecord(r *sql.Rows) (e radio.AuditRecord, err error) {
	return e, r.Scan(&e.Seq, &e.At, &e.Actor, &e.From.Via, &e.From.Address, &e.From.Token, &e.Action, &e.Subject, &e.Detail, &e.Hash)
}

func scanAudit(r *sql.Rows) (radio.AuditEntry, error) {
	e, err := scanRecord(r)
	return e.Entry(), err
}

// Audit lists the newest entries of one subject ("" for all), newest first.
func (s *Store) Audit(ctx context.Context, subject string, limit int) ([]radio.AuditEntry, error) {
	out, err := collect(ctx, s.read, scanAudit, `SELECT `+auditColumns+` FROM audit WHERE $1 = '' OR subject = $1 ORDER BY seq DESC LIMIT $2`, subject, limit)
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

// likely makes text the pattern of what begins with it.
func likely(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + `%`
}

// people gives a list for IN, and its arguments; nobody is in the list of nobody.
func people(ids []radio.UserID) (in string, args []any) {
	for _, id := range ids {
		args = append(args, string(id))
	}
	return `('' ` + strings.Repeat(`, ?`, len(ids)) + `)`, args
}

func auditWhere(f radio.AuditFilter) *conditions {
	c := &conditions{}
	for _, x := range []struct{ column, want string }{{"subject", f.Subject}, {"actor", f.Actor}, {"via", string(f.Via)}} {
		if x.want != "" {
			c.add(x.column+` = ?`, x.want)
		}
	}
	switch {
	case strings.HasSuffix(f.Action, "."):
		c.add(`substr(action, 1, `+strconv.Itoa(len(f.Action))+`) = ?`, f.Action)
	case f.Action != "":
		c.add(`action = ?`, f.Action)
	}
	if f.From > 0 {
		c.add(`at >= ?`, f.From)
	}
	if f.To > 0 {
		c.add(`at < ?`, f.To)
	}
	if f.Text != "" {
		named, args := people(f.Named)
		c.add(`(words LIKE ? ESCAPE '\' OR actor IN `+named+` OR subject IN `+named+`)`, slices.Concat([]any{`%` + likely(radio.Fold(f.Text))}, args, args)...)
	}
	if f.Areas != nil {
		c.add(`area <> ''`)
		among(c, "area", f.Areas)
	}
	if f.Address != "" {
		c.add(`address LIKE ? ESCAPE '\'`, likely(f.Address))
	}
	if f.About != nil {
		in, args := people(f.About)
		c.add(`(actor IN `+in+` OR subject IN `+in+`)`, slices.Concat(args, args)...)
	}
	return c
}

// AuditPage lists entries newest first: those that fit f and are older than the entry
// numbered before (0 for the newest of all).
func (s *Store) AuditPage(ctx context.Context, f radio.AuditFilter, before int64, limit int) ([]radio.AuditEntry, error) {
	c := auditWhere(f)
	if before > 0 {
		c.add(`seq < ?`, before)
	}
	where, most := c.text(), len(c.args)+1
	out, err := collect(ctx, s.read, scanAudit, `SELECT `+auditColumns+` FROM audit`+where+` ORDER BY seq DESC LIMIT $`+strconv.Itoa(most), append(c.args, limit)...)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list audit: %w", err))
	}
	return out, nil
}
