package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"loaxa/internal/radio"
)

// Schedules lists the newest version of every schedule by code, withdrawn ones too.
func (s *Store) Schedules(ctx context.Context) ([]radio.Schedule, error) {
	out, err := schedules(ctx, s.read, ``)
	return out, s.kind(err)
}

// CurrentSchedules lists the newest version of every schedule that is not
// withdrawn, by code.
func (s *Store) CurrentSchedules(ctx context.Context) ([]radio.Schedule, error) {
	out, err := schedules(ctx, s.read, `WHERE withdrawn_at = 0`)
	return out, s.kind(err)
}

func schedules(ctx context.Context, q querier, where string) ([]radio.Schedule, error) {
	out, err := collect(ctx, q, scanDocument[radio.Schedule], `SELECT doc FROM schedule `+where+` ORDER BY code`)
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	return out, nil
}

// ScheduleVersions lists every version of one schedule, oldest first; none when
// the id is not known.
func (s *Store) ScheduleVersions(ctx context.Context, id radio.ScheduleID) ([]radio.Schedule, error) {
	out, err := collect(ctx, s.read, scanDocument[radio.Schedule], `SELECT doc FROM schedule_version WHERE schedule = $1 ORDER BY version`, id)
	if err != nil {
		return nil, s.kind(fmt.Errorf("versions of schedule %s: %w", id, err))
	}
	return out, nil
}

// addSchedule keeps a new version: the first, or one above the newest.
func addSchedule(ctx context.Context, tx *sql.Tx, v radio.Schedule) error {
	fail := func(err error) error { return fmt.Errorf("write schedule %s version %d: %w", v.Code, v.Version, err) }
	doc, err := json.Marshal(v)
	if err != nil {
		return fail(err)
	}
	if v.Version == 1 {
		_, err = tx.ExecContext(ctx, `INSERT INTO schedule (id, code, version, withdrawn_at, doc) VALUES ($1, $2, 1, $3, $4)`,
			v.ID, v.Code, v.WithdrawnAt, string(doc))
	} else {
		err = one(tx.ExecContext(ctx, `UPDATE schedule SET version = $1, withdrawn_at = $2, doc = $3 WHERE id = $4 AND code = $5 AND version = $6`,
			v.Version, v.WithdrawnAt, string(doc), v.ID, v.Code, v.Version-1))
	}
	if err != nil {
		return fail(err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO schedule_version (schedule, version, doc, author, approver, approved_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		v.ID, v.Version, string(doc), v.Author, v.Approver, v.ApprovedAt)
	if err != nil {
		return fail(err)
	}
	return nil
}
