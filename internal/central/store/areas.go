package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

const areaColumns = `id, code, kind, name, COALESCE(parent, ''), zone, valid_from, valid_to`

type scanner interface{ Scan(dest ...any) error }

func areaFields(a *radio.Area) []any {
	return []any{&a.ID, &a.Code, &a.Kind, &a.Name, &a.Parent, &a.Zone, &a.ValidFrom, &a.ValidTo}
}

// Areas lists every area by code.
func (s *Store) Areas(ctx context.Context) ([]radio.Area, error) {
	out, err := areas(ctx, s.read)
	return out, s.kind(err)
}

func areas(ctx context.Context, q querier) ([]radio.Area, error) {
	out, err := collect(ctx, q, func(r *sql.Rows) (a radio.Area, err error) { return a, r.Scan(areaFields(&a)...) },
		`SELECT `+areaColumns+` FROM area ORDER BY code`)
	if err != nil {
		return nil, fmt.Errorf("list areas: %w", err)
	}
	return out, nil
}

// putArea writes an area by its id; ErrConflict when another one has its code.
func putArea(ctx context.Context, tx *sql.Tx, a radio.Area) error {
	var parent any // the province has none
	if a.Parent != "" {
		parent = string(a.Parent)
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO area (id, code, kind, name, parent, zone, valid_from, valid_to) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO UPDATE SET code = excluded.code, kind = excluded.kind, name = excluded.name, parent = excluded.parent,
			zone = excluded.zone, valid_from = excluded.valid_from, valid_to = excluded.valid_to`,
		a.ID, a.Code, a.Kind, a.Name, parent, a.Zone, a.ValidFrom, a.ValidTo)
	if err != nil {
		return fmt.Errorf("write area %s: %w", a.Code, err)
	}
	return nil
}

// placeQuery reads a device with its chain in one statement, root first.
const placeQuery = `
	SELECT d.id, d.code, d.name, d.hamlet, d.rendition, d.enrolled_at, d.revoked_at, d.retired_at, d.offset_ms, d.stagger_ms, d.latitude_e6, d.longitude_e6,
		p.id, p.code, p.kind, p.name, COALESCE(p.parent, ''), p.zone, p.valid_from, p.valid_to,
		c.id, c.code, c.kind, c.name, COALESCE(c.parent, ''), c.zone, c.valid_from, c.valid_to,
		h.id, h.code, h.kind, h.name, COALESCE(h.parent, ''), h.zone, h.valid_from, h.valid_to
	FROM device d JOIN area h ON h.id = d.hamlet JOIN area c ON c.id = h.parent JOIN area p ON p.id = c.parent`

func scanPlace(r scanner) (radio.Place, error) {
	p := radio.Place{Chain: make([]radio.Area, 3)}
	dest := deviceFields(&p.Device)
	for i := range p.Chain {
		dest = append(dest, areaFields(&p.Chain[i])...)
	}
	return p, r.Scan(dest...)
}

// Places lists every device with its area chain, by device code.
func (s *Store) Places(ctx context.Context) ([]radio.Place, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.Place, error) { return scanPlace(r) }, placeQuery+` ORDER BY d.code`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list places: %w", err))
	}
	return out, nil
}

// Place gives one device with its area chain.
func (s *Store) Place(ctx context.Context, d radio.DeviceID) (radio.Place, error) {
	p, err := scanPlace(s.read.QueryRowContext(ctx, placeQuery+` WHERE d.id = $1`, d))
	if err != nil {
		return radio.Place{}, s.kind(fmt.Errorf("place of device %s: %w", d, err))
	}
	return p, nil
}
