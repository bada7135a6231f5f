package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"loaxa/internal/radio"
)

// AreaNames lists the names that areas had, the newest last.
func (s *Store) AreaNames(ctx context.Context) ([]radio.AreaName, error) {
	out, err := areaNames(ctx, s.read)
	return out, s.kind(err)
}

func areaNames(ctx context.Context, q querier) ([]radio.AreaName, error) {
	out, err := collect(ctx, q, func(r *sql.Rows) (n radio.AreaName, err error) { return n, r.Scan(&n.Area, &n.Code, &n.Name, &n.Until) },
		`SELECT area, code, name, last_day FROM area_name ORDER BY last_day, area, code`)
	if err != nil {
		return nil, fmt.Errorf("names that areas had: %w", err)
	}
	return out, nil
}

// AreaByCode finds an area by its code, or else by one that it had; an area that was
// merged keeps its own.
func (s *Store) AreaByCode(ctx context.Context, code string) (a radio.Area, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT `+areaColumns+` FROM area WHERE code = $1
		OR id = (SELECT area FROM area_name WHERE code = $1 ORDER BY last_day DESC LIMIT 1)
		ORDER BY CASE WHEN code = $1 THEN 0 ELSE 1 END LIMIT 1`, code).Scan(areaFields(&a)...)
	if err != nil {
		return a, s.kind(fmt.Errorf("no area with code %q: %w", code, err))
	}
	return a, nil
}

// AreaChanges lists what was decided about areas, the newest day first.
func (s *Store) AreaChanges(ctx context.Context) ([]radio.AreaChange, error) {
	out, err := collect(ctx, s.read, scanDocument[radio.AreaChange], `SELECT doc FROM area_change ORDER BY first_day DESC, recorded_at DESC, id`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list changes of areas: %w", err))
	}
	return out, nil
}

// DueAreaChanges lists what waits and has its day by today, in the order of their days.
func (s *Store) DueAreaChanges(ctx context.Context, today radio.Date) ([]radio.AreaChange, error) {
	out, err := collect(ctx, s.read, scanDocument[radio.AreaChange], `SELECT doc FROM area_change
		WHERE applied_at = 0 AND dropped_at = 0 AND first_day <= $1 ORDER BY first_day, recorded_at, id`, string(today))
	if err != nil {
		return nil, s.kind(fmt.Errorf("list due changes of areas: %w", err))
	}
	return out, nil
}

// RecordAreaChange keeps a change until its day. It is refused when it could not be done to
// the areas as they stand after what else waits for an earlier day.
func (s *Store) RecordAreaChange(ctx context.Context, c radio.AreaChange) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := s.lock(ctx, tx, areaLock); err != nil {
			return err
		}
		e, err := effectAfter(ctx, tx, c)
		if err != nil {
			return err
		}
		doc, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("write change of areas: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO area_change (id, first_day, recorded_at, doc) VALUES ($1, $2, $3, $4)`,
			string(c.ID), string(c.From), c.At, string(doc)); err != nil {
			return fmt.Errorf("write change of areas: %w", err)
		}
		return audit(ctx, tx, c.At, string(c.Author), "area.record", string(c.ID), changeFacts(c, e))
	})
}

// PreviewAreaChange tells what RecordAreaChange would take, and writes nothing.
func (s *Store) PreviewAreaChange(ctx context.Context, c radio.AreaChange) (radio.AreaEffect, error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return radio.AreaEffect{}, s.kind(fmt.Errorf("begin: %w", err))
	}
	e, err := effectAfter(ctx, tx, c)
	return e, s.kind(errors.Join(err, rollback(tx)))
}

// effectAfter is what c does once everything that waits for an earlier day is done.
func effectAfter(ctx context.Context, tx *sql.Tx, c radio.AreaChange) (radio.AreaEffect, error) {
	plan, err := readPlan(ctx, tx)
	if err != nil {
		return radio.AreaEffect{}, err
	}
	waiting, err := collect(ctx, tx, scanDocument[radio.AreaChange], `SELECT doc FROM area_change
		WHERE applied_at = 0 AND dropped_at = 0 AND first_day <= $1 ORDER BY first_day, recorded_at, id`, string(c.From))
	if err != nil {
		return radio.AreaEffect{}, fmt.Errorf("changes that wait: %w", err)
	}
	for _, w := range waiting {
		if e, err := w.Effect(plan); err == nil { // one that cannot be done says so on its day
			plan = e.Over(plan)
		}
	}
	e, err := c.Effect(plan)
	if err != nil {
		return e, err
	}
	return e, afterwards(ctx, tx, c, plan, e)
}

// afterwards refuses what would keep a change that waits for a later day from being done:
// nobody would hear of it before that day.
func afterwards(ctx context.Context, tx *sql.Tx, c radio.AreaChange, plan radio.Plan, e radio.AreaEffect) error {
	later, err := collect(ctx, tx, scanDocument[radio.AreaChange], `SELECT doc FROM area_change
		WHERE applied_at = 0 AND dropped_at = 0 AND first_day > $1 ORDER BY first_day, recorded_at, id`, string(c.From))
	if err != nil {
		return fmt.Errorf("changes that wait: %w", err)
	}
	with := e.Over(plan)
	for _, w := range later {
		without, err := w.Effect(plan)
		if err != nil {
			continue // it could not be done anyway
		}
		plan = without.Over(plan)
		then, err := w.Effect(with)
		if err != nil {
			var why interface{ Vietnamese() string }
			vi := ""
			if errors.As(err, &why) {
				vi = why.Vietnamese()
			}
			return radio.Refuse(radio.ErrConflict, strings.TrimSpace(fmt.Sprintf("Quyết định đang chờ đến ngày %s sẽ không thực hiện được nữa: %s Hãy rút lại quyết định đó trước, hoặc sửa việc này.", w.From, vi)),
				fmt.Sprintf("the change that waits for %s could not be done any more (%v): take it back first, or do this another way", w.From, err))
		}
		with = then.Over(with)
	}
	return nil
}

// DropAreaChange takes back what has not taken effect yet; ErrConflict when it has.
func (s *Store) DropAreaChange(ctx context.Context, id radio.AreaChangeID, actor string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		c, err := areaChange(ctx, tx, id)
		if err != nil {
			return err
		}
		if !c.Waits() {
			return radio.Refuse(radio.ErrConflict, "Thay đổi này đã có hiệu lực hoặc đã hủy, không rút lại được.", "this change has taken effect or was taken back")
		}
		c.DroppedAt = at
		if err := putAreaChange(ctx, tx, c); err != nil {
			return err
		}
		return audit(ctx, tx, at, actor, "area.drop", string(id), radio.AuditFacts{Code: c.Code, Title: c.Name})
	})
}

func areaChange(ctx context.Context, tx *sql.Tx, id radio.AreaChangeID) (c radio.AreaChange, err error) {
	found, err := collect(ctx, tx, scanDocument[radio.AreaChange], `SELECT doc FROM area_change WHERE id = $1`, string(id))
	if err == nil && len(found) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return c, fmt.Errorf("change of areas %.26s: %w", id, err)
	}
	return found[0], nil
}

// putAreaChange writes what became of a change that waited.
func putAreaChange(ctx context.Context, tx *sql.Tx, c radio.AreaChange) error {
	doc, err := json.Marshal(c)
	if err == nil {
		err = one(tx.ExecContext(ctx, `UPDATE area_change SET applied_at = $1, dropped_at = $2, doc = $3 WHERE id = $4 AND applied_at = 0 AND dropped_at = 0`,
			c.AppliedAt, c.DroppedAt, string(doc), string(c.ID)))
	}
	if err != nil {
		return fmt.Errorf("write change of areas %s: %w", c.ID, err)
	}
	return nil
}

// ApplyAreaChange has a change take effect: areas, devices, schedules, rules and roles in
// one transaction, with the places of what is planned from its day on. today is the
// province's; a change whose day has not come is ErrConflict. One that cannot be done to
// the areas as they stand keeps the reason and waits (ErrConflict too).
func (s *Store) ApplyAreaChange(ctx context.Context, id radio.AreaChangeID, today radio.Date, actor string, at radio.Millis) (e radio.AreaEffect, err error) {
	err = s.Log(ctx, func(t *LogTx) error {
		e, err = applyAreaChange(ctx, t, id, today, actor, at)
		return err
	})
	var refused interface{ Vietnamese() string }
	if errors.Is(err, radio.ErrConflict) && errors.As(err, &refused) {
		return e, errors.Join(err, s.tx(ctx, func(tx *sql.Tx) error {
			c, err := areaChange(ctx, tx, id)
			if err != nil || !c.Waits() || c.Failed == refused.Vietnamese() || c.From > today {
				return err
			}
			c.Failed = refused.Vietnamese()
			if err := putAreaChange(ctx, tx, c); err != nil {
				return err
			}
			return audit(ctx, tx, at, actor, "area.fail", string(id), radio.AuditFacts{Code: c.Code, Title: c.Name, Why: c.Failed})
		}))
	}
	return e, err
}

func applyAreaChange(ctx context.Context, t *LogTx, id radio.AreaChangeID, today radio.Date, actor string, at radio.Millis) (e radio.AreaEffect, err error) {
	tx := t.tx()
	if err := t.store.lock(ctx, tx, areaLock); err != nil {
		return e, err
	}
	c, err := areaChange(ctx, tx, id)
	if err != nil {
		return e, err
	}
	if !c.Waits() || c.From > today {
		return e, fmt.Errorf("%w: change of areas %s is done, or its day has not come", radio.ErrConflict, id)
	}
	plan, err := readPlan(ctx, tx)
	if err != nil {
		return e, err
	}
	if e, err = c.Effect(plan); err != nil {
		return e, err
	}
	for _, write := range []func() error{
		func() error { return each(ctx, tx, e.Areas, putArea) },
		func() error { return each(ctx, tx, e.Devices, putDevice) },
		func() error { return each(ctx, tx, e.Names, putAreaName) },
		func() error { return each(ctx, tx, e.Policies, addPolicy) },
		func() error { return each(ctx, tx, e.Schedules, addSchedule) },
		func() error { return each(ctx, tx, e.Words, putDecision) },
		func() error { return each(ctx, tx, e.OfferRules, putOfferRule) },
		func() error { return t.placeAnew(ctx, e, c.From) },
	} {
		if err := write(); err != nil {
			return e, err
		}
	}
	c.AppliedAt, c.Failed, c.Was = at, "", e.Was
	if err := putAreaChange(ctx, tx, c); err != nil {
		return e, err
	}
	if err := carryGrants(ctx, t, c, actor, at); err != nil {
		return e, err
	}
	return e, audit(ctx, tx, at, actor, "area."+string(c.Kind), string(c.ID), changeFacts(c, e))
}

// tx is the transaction of the log.
func (t *LogTx) tx() *sql.Tx {
	if t.sqlite != nil {
		return t.sqlite.tx
	}
	tx, _ := t.q.(*sql.Tx)
	return tx
}

func putAreaName(ctx context.Context, tx *sql.Tx, n radio.AreaName) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO area_name (area, code, name, last_day) VALUES ($1, $2, $3, $4)
		ON CONFLICT (area, last_day, code, name) DO NOTHING`, n.Area, n.Code, n.Name, n.Until)
	if err != nil {
		return fmt.Errorf("write a name of area %s: %w", n.Area, err)
	}
	return nil
}

// carryGrants gives the people of merged areas the same roles in what took them.
func carryGrants(ctx context.Context, t *LogTx, c radio.AreaChange, actor string, at radio.Millis) error {
	if !c.Carry || c.Kind != radio.MergeAreas {
		return nil
	}
	tx := t.tx()
	if err := t.store.lock(ctx, tx, peopleLock); err != nil {
		return err
	}
	list, args := marks(c.Areas)
	holders, err := collect(ctx, tx, func(r *sql.Rows) (id radio.UserID, err error) { return id, r.Scan(&id) },
		`SELECT DISTINCT person FROM person_grant WHERE area IN (`+list+`) ORDER BY person`, args...)
	if err != nil {
		return fmt.Errorf("people of the merged areas: %w", err)
	}
	for _, id := range holders {
		p, err := person(ctx, tx, id)
		if err != nil {
			return err
		}
		now := radio.CarryGrants(p.Grants, c.Areas, c.Takes())
		if len(now) == len(p.Grants) {
			continue
		}
		if err := addGrants(ctx, tx, id, now[len(p.Grants):]); err != nil {
			return err
		}
		if err := audit(ctx, tx, at, actor, "person.grant", string(id), radio.AuditFacts{Code: p.Login, Was: p.Grants, Now: now, Area: c.Takes()}); err != nil {
			return err
		}
	}
	return nil
}

// marks are the placeholders of a list, from $1.
func marks[T ~string](all []T) (list string, args []any) {
	parts := make([]string, len(all))
	for i, v := range all {
		parts[i] = fmt.Sprintf("$%d", i+1)
		args = append(args, string(v))
	}
	return strings.Join(parts, ", "), args
}

// placeAnew gives what is planned from a local day on, and has not been told yet, the place
// that its device has now. What is told stays where it was.
func (t *LogTx) placeAnew(ctx context.Context, e radio.AreaEffect, from radio.Date) error {
	tx := t.tx()
	all, err := places(ctx, tx)
	if err != nil {
		return err
	}
	moved := map[radio.Target]bool{}
	for _, a := range e.Moved {
		moved[radio.Target{Area: a}] = true
	}
	for _, d := range e.Devices {
		moved[radio.Target{Device: d.ID}] = true
	}
	for _, p := range all {
		hit := moved[radio.Target{Device: p.Device.ID}]
		for _, a := range p.Chain {
			hit = hit || moved[radio.Target{Area: a.ID}]
		}
		if !hit {
			continue
		}
		rows, err := collect(ctx, t.q, scanAsRun, `SELECT `+asRunColumns+asRunFrom+`
			WHERE a.device = $1 AND a.outcome = 'pending' AND a.day >= $2 ORDER BY a.start, a.airing`, string(p.Device.ID), string(from))
		if err != nil {
			return fmt.Errorf("what is planned on device %s: %w", p.Device.Code, err)
		}
		t.note(rows...)
		changes := make([]radio.AsRunChange, len(rows))
		for i, row := range rows {
			row.Stands(p.On(row.Day))
			changes[i].Row = row
		}
		if err := t.PutAsRuns(ctx, changes); err != nil {
			return err
		}
	}
	return nil
}

func changeFacts(c radio.AreaChange, e radio.AreaEffect) radio.AuditFacts {
	f := radio.AuditFacts{Code: e.Takes.Code, Title: e.Takes.Name, Area: c.Takes(), Why: strings.TrimSpace(c.Number + " " + c.Issuer), Counts: map[string]int{"devices": len(e.Devices)}}
	if c.Kind == radio.RenameArea && len(e.Areas) == 1 {
		f.Code, f.Title, f.Area = e.Areas[0].Code, e.Areas[0].Name, e.Areas[0].ID
	}
	f.Change("valid_from", "", string(c.From))
	for _, was := range e.Was {
		for _, a := range e.Areas {
			if a.ID != was.ID {
				continue
			}
			f.Change("name", was.Name, a.Name)
			f.Change("code", was.Code, a.Code)
			if a.Parent != was.Parent {
				f.Change("area", was.Name, e.Takes.Name)
			}
		}
	}
	return f
}
