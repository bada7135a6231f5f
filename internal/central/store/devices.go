package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

const deviceColumns = `id, code, name, hamlet, rendition, enrolled_at, revoked_at, retired_at, offset_ms, stagger_ms, latitude_e6, longitude_e6`

const deviceMarks = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12`

func deviceFields(d *radio.Device) []any {
	return append([]any{&d.ID, &d.Code, &d.Name, &d.Hamlet, &d.Rendition, &d.Enrolled, &d.Revoked, &d.Retired}, setupFields(&d.Setup)...)
}

func deviceValues(d radio.Device) []any {
	return append([]any{d.ID, d.Code, d.Name, d.Hamlet, d.Rendition, d.Enrolled, d.Revoked, d.Retired}, setupValues(d.Setup)...)
}

// Devices lists every device by code.
func (s *Store) Devices(ctx context.Context) ([]radio.Device, error) {
	out, err := devices(ctx, s.read)
	return out, s.kind(err)
}

func devices(ctx context.Context, q querier) ([]radio.Device, error) {
	out, err := collect(ctx, q, func(r *sql.Rows) (d radio.Device, err error) { return d, r.Scan(deviceFields(&d)...) },
		`SELECT `+deviceColumns+` FROM device ORDER BY code`)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return out, nil
}

// DeviceByCode finds a device by the name people give it.
func (s *Store) DeviceByCode(ctx context.Context, code string) (radio.Device, error) {
	var d radio.Device
	err := s.read.QueryRowContext(ctx, `SELECT `+deviceColumns+` FROM device WHERE code = $1`, code).Scan(deviceFields(&d)...)
	if err != nil {
		return radio.Device{}, s.kind(fmt.Errorf("device %q: %w", code, err))
	}
	return d, nil
}

// AddDevice keeps a new device; ErrConflict when its id or code is taken.
func (s *Store) AddDevice(ctx context.Context, d radio.Device, actor string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO device (`+deviceColumns+`) VALUES (`+deviceMarks+`)`, deviceValues(d)...)
		if err != nil {
			return fmt.Errorf("add device %s: %w", d.Code, err)
		}
		return audit(ctx, tx, at, actor, "device.add", string(d.ID), radio.AuditFacts{Code: d.Code, Title: d.Name, Area: d.Hamlet})
	})
}

// putDevice writes a device by its id; when it was enrolled and how it is set up stay as
// they are stored, because that is enrolment's and SetUp's to say.
func putDevice(ctx context.Context, tx *sql.Tx, d radio.Device) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO device (`+deviceColumns+`) VALUES (`+deviceMarks+`)
		ON CONFLICT (id) DO UPDATE SET code = excluded.code, name = excluded.name, hamlet = excluded.hamlet, rendition = excluded.rendition`,
		deviceValues(d)...)
	if err != nil {
		return fmt.Errorf("write device %s: %w", d.Code, err)
	}
	return nil
}
