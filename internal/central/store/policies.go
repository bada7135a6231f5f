package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"loaxa/internal/radio"
)

// Policies lists the newest version of every policy rule.
func (s *Store) Policies(ctx context.Context) ([]radio.PolicyRule, error) {
	out, err := policies(ctx, s.read)
	return out, s.kind(err)
}

func policies(ctx context.Context, q querier) ([]radio.PolicyRule, error) {
	out, err := collect(ctx, q, scanDocument[radio.PolicyRule], `SELECT doc FROM policy ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	return out, nil
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
	target := "area:" + string(p.Target.Area)
	if p.Target.Device != "" {
		target = "device:" + string(p.Target.Device)
	}
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
