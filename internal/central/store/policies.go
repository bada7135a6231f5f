package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"loaxa/internal/radio"
)

// Policies lists every version of the rules that counts on some day (radio.Superseded).
func (s *Store) Policies(ctx context.Context) ([]radio.PolicyRule, error) {
	out, err := policies(ctx, s.read)
	return out, s.kind(err)
}

func policies(ctx context.Context, q querier) ([]radio.PolicyRule, error) {
	out, err := collect(ctx, q, scanDocument[radio.PolicyRule], `SELECT doc FROM policy_version ORDER BY policy, version`)
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	return radio.Superseded(out), nil
}

// scanDocument reads a row that is one JSON document.
func scanDocument[T any](r *sql.Rows) (T, error) {
	var v T
	var doc string
	if err := r.Scan(&doc); err != nil {
		return v, err
	}
	err := json.Unmarshal([]byte(doc), &v)
	return v, err
}

// addPolicy keeps a new version: the first, or one above the newest.
func addPolicy(ctx context.Context, tx *sql.Tx, p radio.PolicyRule) error {
	fail := func(err error) error { return fmt.Errorf("write policy %s version %d: %w", p.ID, p.Version, err) }
	doc, err := json.Marshal(p)
	if err != nil {
		return fail(err)
	}
	target := targetKey(p.Target)
	if p.Version == 1 {
		_, err = tx.ExecContext(ctx, `INSERT INTO policy (id, target, version, doc) VALUES ($1, $2, 1, $3)`, p.ID, target, string(doc))
	} else {
		err = one(tx.ExecContext(ctx, `UPDATE policy SET version = $1, doc = $2 WHERE id = $3 AND target = $4 AND version = $5`,
			p.Version, string(doc), p.ID, target, p.Version-1))
	}
	if err != nil {
		return fail(err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO policy_version (policy, version, doc, author, approver, approved_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		p.ID, p.Version, string(doc), p.Author, p.Approver, p.ApprovedAt)
	if err != nil {
		return fail(err)
	}
	return nil
}

// auditPolicies tells who changed what of the permitted hours.
func auditPolicies(ctx context.Context, tx *sql.Tx, c radio.PlanChange) error {
	for _, p := range c.Policies {
		if err := auditPolicy(ctx, tx, p, c.Facts.File, c.At); err != nil {
			return err
		}
	}
	return nil
}

// auditPolicy tells it of one version: what it changed of the one before, and who approved it.
func auditPolicy(ctx context.Context, tx *sql.Tx, p radio.PolicyRule, file string, at radio.Millis) error {
	facts := radio.AuditFacts{Title: p.Name(), Version: p.Version, File: file, Area: p.Target.Area}
	if p.Target.Device != "" {
		on, err := ofDevice(ctx, tx, p.Target.Device)
		if err != nil {
			return err
		}
		facts.Code, facts.Area = on.Code, on.Area
	}
	was := radio.PolicyRule{}
	if p.Version > 1 {
		var doc string
		err := tx.QueryRowContext(ctx, `SELECT doc FROM policy_version WHERE policy = $1 AND version = $2`, p.ID, p.Version-1).Scan(&doc)
		if err == nil {
			err = json.Unmarshal([]byte(doc), &was)
		}
		if err != nil {
			return fmt.Errorf("policy %s version %d: %w", p.ID, p.Version-1, err)
		}
	}
	var err error
	if facts.Values, err = changedMembers(was, p, "id", "version", "author", "approver", "approved_at", "target", "desk"); err != nil {
		return err
	}
	if err := audit(ctx, tx, at, string(p.Author), "policy.change", string(p.ID), facts); err != nil {
		return err
	}
	return audit(ctx, tx, at, string(p.Approver), "policy.approve", string(p.ID), radio.AuditFacts{Code: facts.Code, Title: p.Name(), Version: p.Version, Area: facts.Area})
}

// changedMembers compares two values by their JSON, but for the members named.
func changedMembers(was, now any, but ...string) ([]radio.AuditValue, error) {
	var sides [2]map[string]json.RawMessage
	for i, v := range []any{was, now} {
		b, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(b, &sides[i])
		}
		if err != nil {
			return nil, fmt.Errorf("compare for the audit: %w", err)
		}
	}
	names := slices.Concat(slices.Collect(maps.Keys(sides[0])), slices.Collect(maps.Keys(sides[1])))
	slices.Sort(names)
	var f radio.AuditFacts
	for _, name := range slices.Compact(names) {
		if !slices.Contains(but, name) {
			f.Change(name, memberText(sides[0][name]), memberText(sides[1][name]))
		}
	}
	return f.Values, nil
}

// memberText is a JSON value as people write it: text without its quotes, nothing for what
// says nothing.
func memberText(raw json.RawMessage) string {
	var text string
	switch s := string(raw); {
	case json.Unmarshal(raw, &text) == nil:
		return text
	case s == "null", s == "0", s == "[]":
		return ""
	default:
		return s
	}
}
