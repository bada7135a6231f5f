package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"loaxa/internal/radio"
)

// Positions are kept as whole millionths of a degree, so that both engines compare them
// exactly; 0 and 0 where nobody has said where.

// millionths scans such a number into degrees.
type millionths struct{ degrees *float64 }

// Scan is how database/sql hands a column over.
func (m millionths) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a position of type %T", v)
	}
	*m.degrees = float64(n) / 1e6
	return nil
}

func setupFields(s *radio.Setup) []any {
	return []any{&s.OffsetMS, &s.StaggerMS, millionths{&s.Position.Latitude}, millionths{&s.Position.Longitude}}
}

func setupValues(s radio.Setup) []any {
	e6 := func(degrees float64) int64 { return int64(math.Round(degrees * 1e6)) }
	return []any{s.OffsetMS, s.StaggerMS, e6(s.Position.Latitude), e6(s.Position.Longitude)}
}

// SetUp sets clusters up anew, all or none: ErrConflict when one is not any more what it
// was thought to be. Each leaves its own entry in the audit.
func (s *Store) SetUp(ctx context.Context, changes []radio.SetupChange, actor string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error { return setUp(ctx, tx, changes, actor, at) })
}

// ApplyStagger does the same for a plan of a commune, which leaves an entry too.
func (s *Store) ApplyStagger(ctx context.Context, p radio.StaggerPlan, facts radio.AuditFacts, actor string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := setUp(ctx, tx, p.Moves(), actor, at); err != nil {
			return err
		}
		facts.Area = p.Commune
		return audit(ctx, tx, at, actor, "device.stagger", string(p.Commune), facts)
	})
}

func setUp(ctx context.Context, tx *sql.Tx, changes []radio.SetupChange, actor string, at radio.Millis) error {
	for _, c := range changes {
		args := append(append(setupValues(c.Now), c.Device), setupValues(c.Was)...)
		if err := one(tx.ExecContext(ctx, `UPDATE device SET offset_ms = $1, stagger_ms = $2, latitude_e6 = $3, longitude_e6 = $4
			WHERE id = $5 AND offset_ms = $6 AND stagger_ms = $7 AND latitude_e6 = $8 AND longitude_e6 = $9`, args...)); err != nil {
			return fmt.Errorf("set up device %s: %w", c.Code, err)
		}
	}
	for _, c := range changes {
		facts, err := ofDevice(ctx, tx, c.Device)
		if err != nil {
			return err
		}
		facts.Values = c.Values()
		if err := audit(ctx, tx, at, actor, "device.setup", string(c.Device), facts); err != nil {
			return err
		}
	}
	return nil
}

const historyQuery = `SELECT a.seq, a.at, a.actor, a.via, a.address, a.token, a.action, a.subject, a.detail, COALESCE(p.name, '') FROM audit a LEFT JOIN person p ON p.id = a.actor `

func scanHistory(r *sql.Rows) (e radio.AuditEntry, err error) {
	var kept string
	err = r.Scan(&e.Seq, &e.At, &e.Actor, &e.From.Via, &e.From.Address, &e.From.Token, &e.Action, &e.Subject, &kept, &e.ActorName)
	e.Tell(kept)
	return e, err
}

// SetupHistory lists who set a device up, the newest first.
func (s *Store) SetupHistory(ctx context.Context, device radio.DeviceID, limit int) ([]radio.AuditEntry, error) {
	out, err := collect(ctx, s.read, scanHistory, historyQuery+`WHERE a.subject = $1 AND a.action = 'device.setup' ORDER BY a.seq DESC LIMIT $2`, string(device), limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("who set up device %s: %w", device, err))
	}
	return out, nil
}

// changeContacts keeps whom to call as an import says, where nobody said otherwise since
// it was read.
func changeContacts(ctx context.Context, tx *sql.Tx, c radio.PlanChange) error {
	for _, x := range c.Contacts {
		var was radio.AreaContact
		err := tx.QueryRowContext(ctx, `SELECT name, phone FROM area_contact WHERE area = $1`, string(x.Now.Area)).Scan(&was.Name, &was.Phone)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("contact of area %s: %w", x.Code, err)
		}
		if was.Name != x.Was.Name || was.Phone != x.Was.Phone {
			return fmt.Errorf("contact of area %s: %w: it was changed meanwhile", x.Code, radio.ErrConflict)
		}
		if err := putContact(ctx, tx, x.Now, c.At); err != nil {
			return err
		}
	}
	for _, x := range c.Contacts {
		if err := audit(ctx, tx, c.At, string(c.Author), "contact.change", string(x.Now.Area), contactFacts(x.Code, x.Was, x.Now)); err != nil {
			return err
		}
	}
	return nil
}

// contactFacts is what the audit keeps of another contact.
func contactFacts(code string, was, now radio.AreaContact) radio.AuditFacts {
	f := radio.AuditFacts{Code: code, Title: now.Name, Area: now.Area}
	f.Change("contact_name", was.Name, now.Name)
	f.Change("contact_phone", was.Phone, now.Phone)
	return f
}
