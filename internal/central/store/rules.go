package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"loaxa/internal/radio"
)

// RulesDrafts lists every draft of operating rules.
func (s *Store) RulesDrafts(ctx context.Context) ([]radio.RulesDraft, error) {
	out, err := collect(ctx, s.read, scanDocument[radio.RulesDraft], `SELECT doc FROM rules_draft ORDER BY target`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list drafts of rules: %w", err))
	}
	return out, nil
}

// RulesVersions lists every version of the rules of a place, the newest first.
func (s *Store) RulesVersions(ctx context.Context, t radio.Target) ([]radio.PolicyRule, error) {
	out, err := collect(ctx, s.read, scanDocument[radio.PolicyRule], `
		SELECT v.doc FROM policy_version v JOIN policy p ON p.id = v.policy WHERE p.target = $1 ORDER BY v.version DESC`, targetKey(t))
	if err != nil {
		return nil, s.kind(fmt.Errorf("versions of rules: %w", err))
	}
	return out, nil
}

// targetKey is a place as the tables name it.
func targetKey(t radio.Target) string {
	if t.Device != "" {
		return "device:" + string(t.Device)
	}
	return "area:" + string(t.Area)
}

// PutRulesDraft keeps a draft, in place of the one at revision was; 0: there is none yet.
// ErrConflict when somebody else came first.
func (s *Store) PutRulesDraft(ctx context.Context, d radio.RulesDraft, was int64, act radio.DeskAct) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		fail := func(err error) error { return fmt.Errorf("write the draft of rules %s: %w", d.Rule.ID, err) }
		doc, err := json.Marshal(d)
		if err != nil {
			return fail(err)
		}
		if was == 0 {
			_, err = tx.ExecContext(ctx, `INSERT INTO rules_draft (target, base, revision, state, saved_at, doc) VALUES ($1, $2, $3, $4, $5, $6)`,
				targetKey(d.Rule.Target), d.Base, d.Revision, d.State, d.SavedAt, string(doc))
		} else {
			err = one(tx.ExecContext(ctx, `UPDATE rules_draft SET base = $1, revision = $2, state = $3, saved_at = $4, doc = $5 WHERE target = $6 AND revision = $7`,
				d.Base, d.Revision, d.State, d.SavedAt, string(doc), targetKey(d.Rule.Target), was))
		}
		if err != nil {
			return fail(err)
		}
		return auditRules(ctx, tx, d.Rule, act)
	})
}

// DropRulesDraft throws a draft away; ErrConflict when it is no longer at that revision.
func (s *Store) DropRulesDraft(ctx context.Context, r radio.PolicyRule, revision int64, act radio.DeskAct) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := dropRulesDraft(ctx, tx, r.Target, revision); err != nil {
			return err
		}
		return auditRules(ctx, tx, r, act)
	})
}

func dropRulesDraft(ctx context.Context, tx *sql.Tx, t radio.Target, revision int64) error {
	err := one(tx.ExecContext(ctx, `DELETE FROM rules_draft WHERE target = $1 AND revision = $2`, targetKey(t), revision))
	if err != nil {
		return fmt.Errorf("drop a draft of rules: %w", err)
	}
	return nil
}

// ApproveRules makes a draft the newest version of the rules and removes it, in one
// transaction. ErrConflict when the draft is no longer at that revision, or r is not one
// above the newest version.
func (s *Store) ApproveRules(ctx context.Context, r radio.PolicyRule, revision int64) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := dropRulesDraft(ctx, tx, r.Target, revision); err != nil {
			return err
		}
		if err := addPolicy(ctx, tx, r); err != nil {
			return err
		}
		return auditPolicy(ctx, tx, r, "", r.ApprovedAt)
	})
}

// auditRules tells what was done to a draft of rules.
func auditRules(ctx context.Context, tx *sql.Tx, r radio.PolicyRule, act radio.DeskAct) error {
	facts := act.Facts
	facts.Title, facts.Version, facts.Area = r.Name(), r.Version, r.Target.Area
	if r.Target.Device != "" {
		on, err := ofDevice(ctx, tx, r.Target.Device)
		if err != nil {
			return err
		}
		facts.Code, facts.Area = on.Code, on.Area
	}
	return audit(ctx, tx, act.At, string(act.By), act.Action, string(r.ID), facts)
}
