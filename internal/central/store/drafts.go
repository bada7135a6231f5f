package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"loaxa/internal/radio"
)

// ScheduleDrafts lists every draft by code.
func (s *Store) ScheduleDrafts(ctx context.Context) ([]radio.ScheduleDraft, error) {
	out, err := collect(ctx, s.read, scanDocument[radio.ScheduleDraft], `SELECT doc FROM schedule_draft ORDER BY code`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list drafts of schedules: %w", err))
	}
	return out, nil
}

// PutScheduleDrafts writes drafts, all or none: new ones, or each in place of the one
// at the revision it names. ErrConflict when somebody else came first, or when the code
// belongs to another schedule.
func (s *Store) PutScheduleDrafts(ctx context.Context, drafts []radio.DraftWrite, act radio.DeskAct) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		for _, w := range drafts {
			if err := putScheduleDraft(ctx, tx, w); err != nil {
				return err
			}
		}
		for _, w := range drafts {
			if err := audit(ctx, tx, act.At, string(act.By), act.Action, string(w.Draft.Doc.ID), ofSchedule(act.Facts, w.Draft.Doc)); err != nil {
				return err
			}
		}
		return nil
	})
}

func putScheduleDraft(ctx context.Context, tx *sql.Tx, w radio.DraftWrite) error {
	d := w.Draft
	fail := func(err error) error { return fmt.Errorf("write the draft of schedule %s: %w", d.Doc.Code, err) }
	doc, err := json.Marshal(d)
	if err != nil {
		return fail(err)
	}
	var taken int
	err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM schedule WHERE code = $1 AND id <> $2`, d.Doc.Code, d.Doc.ID).Scan(&taken)
	if err != nil {
		return fail(err)
	}
	if taken > 0 {
		return fail(fmt.Errorf("%w: another schedule has this code", radio.ErrConflict))
	}
	if w.Was == 0 {
		_, err = tx.ExecContext(ctx, `
			INSERT INTO schedule_draft (schedule, code, base, revision, state, saved_at, doc) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			d.Doc.ID, d.Doc.Code, d.Base, d.Revision, d.State, d.SavedAt, string(doc))
	} else {
		err = one(tx.ExecContext(ctx, `
			UPDATE schedule_draft SET code = $1, base = $2, revision = $3, state = $4, saved_at = $5, doc = $6
			WHERE schedule = $7 AND revision = $8`,
			d.Doc.Code, d.Base, d.Revision, d.State, d.SavedAt, string(doc), d.Doc.ID, w.Was))
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// ofSchedule adds to facts which schedule they are of.
func ofSchedule(f radio.AuditFacts, s radio.Schedule) radio.AuditFacts {
	f.Code, f.Title, f.Area = s.Code, s.Title, s.Area
	return f
}

// DropScheduleDraft throws a draft away; ErrConflict when it is no longer at that
// revision.
func (s *Store) DropScheduleDraft(ctx context.Context, id radio.ScheduleID, revision int64, act radio.DeskAct) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := dropScheduleDraft(ctx, tx, id, revision); err != nil {
			return err
		}
		return audit(ctx, tx, act.At, string(act.By), act.Action, string(id), act.Facts)
	})
}

func dropScheduleDraft(ctx context.Context, tx *sql.Tx, id radio.ScheduleID, revision int64) error {
	err := one(tx.ExecContext(ctx, `DELETE FROM schedule_draft WHERE schedule = $1 AND revision = $2`, id, revision))
	if err != nil {
		return fmt.Errorf("drop the draft of schedule %s: %w", id, err)
	}
	return nil
}

// PublishSchedule makes a draft the newest version and removes the draft, in one
// transaction. ErrConflict when the draft is no longer at that revision, or when
// v is not one above the newest version.
func (s *Store) PublishSchedule(ctx context.Context, v radio.Schedule, revision int64, act radio.DeskAct) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := dropScheduleDraft(ctx, tx, v.ID, revision); err != nil {
			return err
		}
		if err := addSchedule(ctx, tx, v); err != nil {
			return err
		}
		if act.Uncoded {
			if _, err := tx.ExecContext(ctx, `UPDATE schedule_version SET uncoded = 1 WHERE schedule = $1 AND version = $2`, v.ID, v.Version); err != nil {
				return fmt.Errorf("note the publication of schedule %s: %w", v.Code, err)
			}
		}
		return audit(ctx, tx, act.At, string(act.By), act.Action, string(v.ID), ofSchedule(act.Facts, v))
	})
}

// UncodedSchedules lists the versions that a person has put on the air after an instant
// without a code.
func (s *Store) UncodedSchedules(ctx context.Context, approver radio.UserID, after radio.Millis) ([]radio.Schedule, error) {
	out, err := collect(ctx, s.read, scanDocument[radio.Schedule], `SELECT doc FROM schedule_version
		WHERE uncoded = 1 AND approver = $1 AND approved_at > $2 ORDER BY approved_at, schedule, version`, approver, after)
	if err != nil {
		return nil, s.kind(fmt.Errorf("publications of %s without a code: %w", approver, err))
	}
	return out, nil
}

// AddScheduleVersion keeps a version that has no draft: a withdrawal. ErrConflict when v is
// not one above the newest version.
func (s *Store) AddScheduleVersion(ctx context.Context, v radio.Schedule, act radio.DeskAct) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := addSchedule(ctx, tx, v); err != nil {
			return err
		}
		return audit(ctx, tx, act.At, string(act.By), act.Action, string(v.ID), ofSchedule(act.Facts, v))
	})
}
