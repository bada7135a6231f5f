package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"loaxa/internal/radio"
)

// Plan reads everything laid down, as of one moment.
func (s *Store) Plan(ctx context.Context) (radio.Plan, error) {
	// One snapshot for all queries: SQLite's WAL gives it to any reading
	// transaction, PostgreSQL from repeatable read on.
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return radio.Plan{}, s.kind(fmt.Errorf("begin: %w", err))
	}
	p, err := readPlan(ctx, tx)
	if err := errors.Join(err, rollback(tx)); err != nil {
		return radio.Plan{}, s.kind(fmt.Errorf("read the plan: %w", err))
	}
	return p, nil
}

func readPlan(ctx context.Context, q querier) (p radio.Plan, err error) {
	if p.Areas, err = areas(ctx, q); err != nil {
		return p, err
	}
	if p.AreaNames, err = areaNames(ctx, q); err != nil {
		return p, err
	}
	if p.Devices, err = devices(ctx, q); err != nil {
		return p, err
	}
	if p.Policies, err = policies(ctx, q); err != nil {
		return p, err
	}
	p.Bulletins, err = listBulletins(ctx, q, `WHERE v.version = b.version OR `+notDraft+` OR v.state IN ($1, $2, $3)`, radio.Pending, radio.Approved, radio.Withdrawn)
	if err != nil {
		return p, err
	}
	if p.Campaigns, err = campaigns(ctx, q); err != nil {
		return p, err
	}
	if p.Schedules, err = schedules(ctx, q, ``); err != nil {
		return p, err
	}
	p.Decided, err = decided(ctx, q)
	return p, err
}

// ApplyPlan writes a change in one transaction, or nothing of it. ErrConflict when
// the stored plan moved since the change was made: a version is not one above the
// newest, a state is another one, a code is taken.
func (s *Store) ApplyPlan(ctx context.Context, c radio.PlanChange) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		for _, write := range []func() error{
			func() error { return s.lock(ctx, tx, areaLock) },
			func() error { return each(ctx, tx, c.Areas, importArea) },
			func() error { return each(ctx, tx, c.Devices, putDevice) },
			func() error { return each(ctx, tx, c.Policies, addPolicy) },
			func() error { return each(ctx, tx, c.Campaigns, putCampaign) },
			func() error { return each(ctx, tx, c.Bulletins, addBulletin) },
			func() error { return each(ctx, tx, c.Decisions, decideBulletin) },
			func() error { return each(ctx, tx, c.Schedules, addSchedule) },
			// These leave entries, which come last.
			func() error { return changeContacts(ctx, tx, c) },
			func() error { return setUp(ctx, tx, c.Setups, string(c.Author), c.At) },
		} {
			if err := write(); err != nil {
				return err
			}
		}
		if err := auditImported(ctx, tx, c); err != nil {
			return err
		}
		if err := audit(ctx, tx, c.At, string(c.Author), "plan.import", "plan", c.Facts); err != nil {
			return err
		}
		return audit(ctx, tx, c.At, string(c.Approver), "plan.approve", "plan", c.Facts)
	})
}

// ApplyPlaces writes areas, devices, their setups and contacts in one transaction, or
// nothing of it: ErrConflict when a code is taken, or an area, a setup or contact moved.
func (s *Store) ApplyPlaces(ctx context.Context, c radio.PlanChange) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		for _, write := range []func() error{
			func() error { return s.lock(ctx, tx, areaLock) },
			func() error { return each(ctx, tx, c.Areas, importArea) },
			func() error { return each(ctx, tx, c.Devices, putDevice) },
			// These leave entries, which come last.
			func() error { return changeContacts(ctx, tx, c) },
			func() error { return setUp(ctx, tx, c.Setups, string(c.Author), c.At) },
		} {
			if err := write(); err != nil {
				return err
			}
		}
		return audit(ctx, tx, c.At, string(c.Author), "area.import", "plan", c.Facts)
	})
}

// each stops at the first error.
func each[T any](ctx context.Context, tx *sql.Tx, all []T, write func(context.Context, *sql.Tx, T) error) error {
	for _, v := range all {
		if err := write(ctx, tx, v); err != nil {
			return err
		}
	}
	return nil
}
