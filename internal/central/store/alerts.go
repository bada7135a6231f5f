package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

const alertColumns = `a.id, a.version, a.state, a.wish, a.composed_by, COALESCE(p.name, ''), a.composed_at,
	a.envelope, a.expires_at, a.sent_at, a.tomb, a.tomb_expires_at, a.tomb_sent_at, a.why`

const alertFrom = ` FROM alert a LEFT JOIN person p ON p.id = a.composed_by `

func scanAlert(r scanner) (radio.AlertRecord, error) {
	var a radio.AlertRecord
	var wish string
	err := r.Scan(&a.ID, &a.Version, &a.State, &wish, &a.ComposedBy, &a.ComposedName, &a.ComposedAt,
		&a.Paper.Envelope, &a.Paper.ExpiresAt, &a.Paper.SentAt, &a.Tomb.Envelope, &a.Tomb.ExpiresAt, &a.Tomb.SentAt, &a.Why)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(wish), &a.Wish); err != nil {
		return a, fmt.Errorf("words of alert %s: %w", a.ID, err)
	}
	return a, nil
}

// alerts reads alerts with their signatures.
func alerts(ctx context.Context, q querier, rest string, args ...any) ([]radio.AlertRecord, error) {
	out, err := collect(ctx, q, func(r *sql.Rows) (radio.AlertRecord, error) { return scanAlert(r) }, `SELECT `+alertColumns+alertFrom+rest, args...)
	if err != nil {
		return nil, err
	}
	return out, alertSignatures(ctx, q, out)
}

// alertSignatures reads who has signed, for all alerts in one question.
func alertSignatures(ctx context.Context, q querier, all []radio.AlertRecord) error {
	if len(all) == 0 {
		return nil
	}
	at := make(map[radio.AlertID]*radio.AlertRecord, len(all))
	args := make([]any, len(all))
	for i := range all {
		a := &all[i]
		a.Paper.Signatures, a.Tomb.Signatures = []radio.AlertSignature{}, []radio.AlertSignature{}
		at[a.ID], args[i] = a, string(a.ID)
	}
	_, err := collect(ctx, q, func(r *sql.Rows) (struct{}, error) {
		var id radio.AlertID
		var s radio.AlertSignature
		var tomb int64
		if err := r.Scan(&id, &tomb, &s.Person, &s.Name, &s.KID, &s.At); err != nil {
			return struct{}{}, err
		}
		paper := &at[id].Paper
		if tomb != 0 {
			paper = &at[id].Tomb
		}
		paper.Signatures = append(paper.Signatures, s)
		return struct{}{}, nil
	}, `SELECT s.alert, s.tomb, s.person, COALESCE(p.name, ''), s.kid, s.at FROM alert_signature s LEFT JOIN person p ON p.id = s.person
		WHERE s.alert IN (`+placeholders(1, len(args))+`) ORDER BY s.at, s.person`, args...)
	if err != nil {
		return fmt.Errorf("signatures of alerts: %w", err)
	}
	return nil
}

// Alert gives one alert.
func (s *Store) Alert(ctx context.Context, id radio.AlertID) (radio.AlertRecord, error) {
	out, err := alerts(ctx, s.read, `WHERE a.id = $1`, string(id))
	if err == nil && len(out) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return radio.AlertRecord{}, s.kind(fmt.Errorf("alert %s: %w", id, err))
	}
	return out[0], nil
}

// Alerts lists alerts, the newest first, behind the one named ("" for the newest of all).
func (s *Store) Alerts(ctx context.Context, after radio.AlertID, limit int) ([]radio.AlertRecord, error) {
	rest, args := ``, []any{limit}
	if after != "" {
		last, err := s.Alert(ctx, after)
		if err != nil {
			return nil, err
		}
		rest, args = `WHERE (a.composed_at, a.id) < ($2, $3) `, append(args, int64(last.ComposedAt), string(after))
	}
	out, err := alerts(ctx, s.read, rest+`ORDER BY a.composed_at DESC, a.id DESC LIMIT $1`, args...)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list alerts: %w", err))
	}
	return out, nil
}

// StandingAlerts lists what devices must still be told at now: alerts that are out, and
// tombstones of those, until they expire. The oldest first.
func (s *Store) StandingAlerts(ctx context.Context, now radio.Millis) ([]radio.AlertRecord, error) {
	out, err := alerts(ctx, s.read, `WHERE a.state IN ('issued', 'cancelled') AND a.expires_at > $1 ORDER BY a.sent_at, a.id`, int64(now))
	if err != nil {
		return nil, s.kind(fmt.Errorf("list active alerts: %w", err))
	}
	return out, nil
}

// ComposeAlert keeps a new draft (version 1), or the next version of one, which drops
// what was signed of it. ErrConflict when it is no draft any more or another version.
func (s *Store) ComposeAlert(ctx context.Context, a radio.AlertRecord, by radio.UserID, at radio.Millis) error {
	wish, err := json.Marshal(a.Wish)
	if err != nil {
		return fmt.Errorf("write alert %s: %w", a.ID, err)
	}
	return s.tx(ctx, func(tx *sql.Tx) error {
		action := "alert.change"
		if a.Version == 1 {
			action = "alert.compose"
			_, err = tx.ExecContext(ctx, `INSERT INTO alert (id, version, state, area, wish, composed_by, composed_at) VALUES ($1, 1, $2, $3, $4, $5, $6)`,
				string(a.ID), string(radio.AlertDraft), string(a.Wish.Area), string(wish), string(by), int64(at))
		} else if err = one(tx.ExecContext(ctx, `
			UPDATE alert SET version = $2, area = $3, wish = $4, composed_by = $5, composed_at = $6, envelope = NULL, expires_at = 0
			WHERE id = $1 AND version = $2 - 1 AND state = $7`,
			string(a.ID), a.Version, string(a.Wish.Area), string(wish), string(by), int64(at), string(radio.AlertDraft))); err == nil {
			_, err = tx.ExecContext(ctx, `DELETE FROM alert_signature WHERE alert = $1`, string(a.ID))
		}
		if err != nil {
			return fmt.Errorf("write alert %s: %w", a.ID, err)
		}
		return audit(ctx, tx, at, string(by), action, string(a.ID), alertFacts(a))
	})
}

// alertFacts is what the audit keeps of an alert.
func alertFacts(a radio.AlertRecord) radio.AuditFacts {
	return radio.AuditFacts{Title: a.Wish.Headline, Version: a.Version, Drill: a.Wish.Drill, Area: a.Wish.Area}
}

// DropAlert takes a draft out of the way for good.
func (s *Store) DropAlert(ctx context.Context, a radio.AlertRecord, by radio.UserID, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		err := one(tx.ExecContext(ctx, `UPDATE alert SET state = $3 WHERE id = $1 AND version = $2 AND state = $4`,
			string(a.ID), a.Version, string(radio.AlertDropped), string(radio.AlertDraft)))
		if err != nil {
			return fmt.Errorf("drop alert %s: %w", a.ID, err)
		}
		return audit(ctx, tx, at, string(by), "alert.drop", string(a.ID), alertFacts(a))
	})
}

// SignAlert keeps the newest signature of an alert, the last of a.Paper. seen is how many
// there were when it was made; with none seen, those of an earlier, stale signing go. An
// a.Paper.SentAt says that it is enough: the alert is out from then on, for the targets.
// ErrConflict when the draft or its signatures are others by now.
func (s *Store) SignAlert(ctx context.Context, a radio.AlertRecord, seen int, targets []radio.AlertTarget) error {
	last := a.Paper.Signatures[len(a.Paper.Signatures)-1]
	return s.tx(ctx, func(tx *sql.Tx) error {
		state := radio.AlertDraft
		if a.Paper.SentAt != 0 {
			state = radio.AlertIssued
		}
		err := one(tx.ExecContext(ctx, `UPDATE alert SET state = $3, envelope = $4, expires_at = $5, sent_at = $6 WHERE id = $1 AND version = $2 AND state = $7`,
			string(a.ID), a.Version, string(state), a.Paper.Envelope, int64(a.Paper.ExpiresAt), int64(a.Paper.SentAt), string(radio.AlertDraft)))
		if err == nil {
			err = addSignature(ctx, tx, a.ID, 0, last, seen)
		}
		if err != nil {
			return fmt.Errorf("sign alert %s: %w", a.ID, err)
		}
		facts := alertFacts(a)
		facts.Key = last.KID
		if a.Paper.SentAt != 0 {
			if err := addTargets(ctx, s.bulkTx(tx), a.ID, targets); err != nil {
				return err
			}
		}
		if err := audit(ctx, tx, last.At, string(last.Person), "alert.sign", string(a.ID), facts); err != nil || a.Paper.SentAt == 0 {
			return err
		}
		facts.Counts = map[string]int{"devices": len(targets)}
		return audit(ctx, tx, last.At, string(last.Person), "alert.issue", string(a.ID), facts)
	})
}

// SignTomb keeps the newest signature of an alert's tombstone, as SignAlert does.
func (s *Store) SignTomb(ctx context.Context, a radio.AlertRecord, seen int) error {
	last := a.Tomb.Signatures[len(a.Tomb.Signatures)-1]
	return s.tx(ctx, func(tx *sql.Tx) error {
		state := radio.AlertIssued
		if a.Tomb.SentAt != 0 {
			state = radio.AlertCancelled
		}
		err := one(tx.ExecContext(ctx, `UPDATE alert SET state = $2, tomb = $3, tomb_expires_at = $4, tomb_sent_at = $5, why = $6 WHERE id = $1 AND state = $7`,
			string(a.ID), string(state), a.Tomb.Envelope, int64(a.Tomb.ExpiresAt), int64(a.Tomb.SentAt), a.Why, string(radio.AlertIssued)))
		if err == nil {
			err = addSignature(ctx, tx, a.ID, 1, last, seen)
		}
		if err != nil {
			return fmt.Errorf("sign the tombstone of alert %s: %w", a.ID, err)
		}
		action := "alert.sign_cancel"
		if a.Tomb.SentAt != 0 {
			action = "alert.cancel"
		}
		facts := alertFacts(a)
		facts.Key, facts.Why = last.KID, a.Why
		return audit(ctx, tx, last.At, string(last.Person), action, string(a.ID), facts)
	})
}

func addSignature(ctx context.Context, tx *sql.Tx, id radio.AlertID, tomb int, sig radio.AlertSignature, seen int) error {
	if seen == 0 {
		// Stale ones of an earlier signing; a first one that came meanwhile is not stale.
		if _, err := tx.ExecContext(ctx, `DELETE FROM alert_signature WHERE alert = $1 AND tomb = $2 AND at < $3`,
			string(id), tomb, int64(sig.At.Add(-radio.AlertSigning))); err != nil {
			return err
		}
	}
	var have int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM alert_signature WHERE alert = $1 AND tomb = $2`, string(id), tomb).Scan(&have); err != nil {
		return err
	}
	if have != seen {
		return fmt.Errorf("%w: somebody else has signed meanwhile", radio.ErrConflict)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO alert_signature (alert, tomb, person, kid, at) VALUES ($1, $2, $3, $4, $5)`,
		string(id), tomb, string(sig.Person), sig.KID, int64(sig.At))
	return err
}

var alertTargetRows = bulk{table: "alert_target", columns: []string{"alert text", "device text", "code text", "name text", "hamlet text", "hamlet_name text",
	"commune text", "commune_name text"}}

func addTargets(ctx context.Context, t *LogTx, id radio.AlertID, targets []radio.AlertTarget) error {
	rows := make([][]any, len(targets))
	for i, x := range targets {
		rows[i] = []any{string(id), string(x.Device), x.Code, x.Name, string(x.Hamlet), x.HamletName, string(x.Commune), x.CommuneName}
	}
	return t.put(ctx, alertTargetRows, rows)
}

// AlertTargets lists the devices an alert was for when it went out.
func (s *Store) AlertTargets(ctx context.Context, id radio.AlertID) ([]radio.AlertTarget, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (x radio.AlertTarget, err error) {
		return x, r.Scan(&x.Device, &x.Code, &x.Name, &x.Hamlet, &x.HamletName, &x.Commune, &x.CommuneName)
	}, `SELECT device, code, name, hamlet, hamlet_name, commune, commune_name FROM alert_target WHERE alert = $1 ORDER BY device`, string(id))
	if err != nil {
		return nil, s.kind(fmt.Errorf("devices of alert %s: %w", id, err))
	}
	return out, nil
}

// ReceiptSteps lists what devices have said of an alert or command: the first word of
// each state. device "" means all.
func (s *Store) ReceiptSteps(ctx context.Context, id string, device radio.DeviceID) ([]radio.Receipt, error) {
	// Of one device by the key: thousands ask for their own at once when they come back.
	where, args := `id = $1`, []any{id}
	if device != "" {
		where, args = `id = $1 AND device = $2`, append(args, string(device))
	}
	out, err := collect(ctx, s.read, func(rows *sql.Rows) (radio.Receipt, error) {
		r := radio.Receipt{ID: id}
		return r, rows.Scan(&r.Device, &r.State, &r.Reason, &r.At, &r.Received)
	}, `SELECT device, state, reason, at, received FROM receipt_step WHERE `+where+` ORDER BY device, received, state`, args...)
	if err != nil {
		return nil, s.kind(fmt.Errorf("receipts of %s: %w", id, err))
	}
	return out, nil
}

// cyclesOfAlert reads the rows that claim to be cycles of one alert, and no others.
const cyclesOfAlert = `SELECT device, airing, slot_at, repeat, outcome, reason, started_at, consumed, expected FROM airing
		WHERE alert = $1 AND alert <> '' AND start >= $2 AND start < $3 ORDER BY start, device`

// AlertCycles lists the cycles of an alert that stand in the log.
func (s *Store) AlertCycles(ctx context.Context, a radio.AlertRecord) ([]radio.AlertCycle, error) {
	const slack = 24 * time.Hour // for devices whose clocks are wrong
	var out []radio.AlertCycle
	_, err := collect(ctx, s.read, func(r *sql.Rows) (struct{}, error) {
		var c radio.AlertCycle
		var airing radio.AiringID
		var at radio.Millis
		err := r.Scan(&c.Device, &airing, &at, &c.Cycle, &c.Outcome, &c.Reason, &c.StartedAt, &c.Consumed, &c.Expected)
		// The airing's id proves whose cycle it is.
		if key := (radio.Alert{ID: a.ID}).CycleKey(c.Device, c.Cycle, at); err == nil && key.ID() == airing {
			out = append(out, c)
		}
		return struct{}{}, err
	}, cyclesOfAlert, string(a.ID), int64(a.Paper.SentAt.Add(-slack)), int64(a.Paper.ExpiresAt.Add(slack)))
	if err != nil {
		return nil, s.kind(fmt.Errorf("cycles of alert %s: %w", a.ID, err))
	}
	return out, nil
}

// Contacts lists whom to call, by area.
func (s *Store) Contacts(ctx context.Context) ([]radio.AreaContact, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (c radio.AreaContact, err error) {
		return c, r.Scan(&c.Area, &c.Name, &c.Phone, &c.UpdatedAt)
	}, `SELECT area, name, phone, updated_at FROM area_contact ORDER BY area`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list contacts: %w", err))
	}
	return out, nil
}

// PutContact keeps whom to call in an area, or forgets it when both are empty.
func (s *Store) PutContact(ctx context.Context, c radio.AreaContact, by string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		var was radio.AreaContact
		err := tx.QueryRowContext(ctx, `SELECT name, phone FROM area_contact WHERE area = $1`, string(c.Area)).Scan(&was.Name, &was.Phone)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("contact of area %s: %w", c.Area, err)
		}
		if err := putContact(ctx, tx, c, at); err != nil {
			return err
		}
		var code string
		if err := tx.QueryRowContext(ctx, `SELECT code FROM area WHERE id = $1`, string(c.Area)).Scan(&code); err != nil {
			return fmt.Errorf("area %s: %w", c.Area, err)
		}
		return audit(ctx, tx, at, by, "contact.change", string(c.Area), contactFacts(code, was, c))
	})
}

func putContact(ctx context.Context, tx *sql.Tx, c radio.AreaContact, at radio.Millis) error {
	var err error
	if c.Name == "" && c.Phone == "" {
		_, err = tx.ExecContext(ctx, `DELETE FROM area_contact WHERE area = $1`, string(c.Area))
	} else {
		_, err = tx.ExecContext(ctx, `INSERT INTO area_contact (area, name, phone, updated_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (area) DO UPDATE SET name = excluded.name, phone = excluded.phone, updated_at = excluded.updated_at`,
			string(c.Area), c.Name, c.Phone, int64(at))
	}
	if err != nil {
		return fmt.Errorf("contact of area %s: %w", c.Area, err)
	}
	return nil
}

// alertVoices lists the voices of alerts that were not dropped.
func alertVoices(ctx context.Context, q querier) ([]radio.SHA256, error) {
	var out []radio.SHA256
	_, err := collect(ctx, q, func(r *sql.Rows) (struct{}, error) {
		var text string
		var wish radio.AlertWish
		if err := r.Scan(&text); err != nil {
			return struct{}{}, err
		}
		err := json.Unmarshal([]byte(text), &wish)
		if wish.Voice != nil {
			out = append(out, wish.Voice.SHA256)
		}
		return struct{}{}, err
	}, `SELECT wish FROM alert WHERE state <> $1`, string(radio.AlertDropped))
	if err != nil {
		return nil, fmt.Errorf("voices of alerts: %w", err)
	}
	return out, nil
}
