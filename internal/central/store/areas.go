package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

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

// importArea writes an area as files name it. Files do not move areas: ErrConflict when one
// was merged or went elsewhere since they were read.
func importArea(ctx context.Context, tx *sql.Tx, a radio.Area) error {
	found, err := collect(ctx, tx, func(r *sql.Rows) (was radio.Area, err error) { return was, r.Scan(areaFields(&was)...) },
		`SELECT `+areaColumns+` FROM area WHERE id = $1`, string(a.ID))
	if err != nil {
		return fmt.Errorf("read area %s: %w", a.Code, err)
	}
	for _, was := range found {
		if was.Parent != a.Parent || was.ValidTo != a.ValidTo {
			return radio.Refuse(radio.ErrConflict, fmt.Sprintf("%s vừa được sáp nhập hoặc chuyển địa bàn trong lúc nhập. Hãy nhập lại.", was.Name),
				fmt.Sprintf("area %s was merged or moved while this was imported; import again", was.Code))
		}
	}
	return putArea(ctx, tx, a)
}

// Places lists every device with its area chain, by device code. One snapshot for both
// queries.
func (s *Store) Places(ctx context.Context) ([]radio.Place, error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return nil, s.kind(fmt.Errorf("begin: %w", err))
	}
	out, err := places(ctx, tx)
	if err := errors.Join(err, rollback(tx)); err != nil {
		return nil, s.kind(fmt.Errorf("list places: %w", err))
	}
	return out, nil
}

func places(ctx context.Context, q querier) ([]radio.Place, error) {
	all, err := areas(ctx, q)
	if err != nil {
		return nil, err
	}
	in := newChains(all)
	standing, err := devices(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]radio.Place, len(standing))
	for i, d := range standing {
		out[i] = radio.Place{Device: d, Chain: slices.Clone(in.of(d.Hamlet))}
	}
	return out, nil
}

// chains gives the areas above one another, each chain worked out once.
type chains struct {
	tree  radio.AreaTree
	known map[radio.AreaID][]radio.Area
}

func newChains(all []radio.Area) chains {
	return chains{radio.NewAreaTree(all), map[radio.AreaID][]radio.Area{}}
}

func (c chains) of(id radio.AreaID) []radio.Area {
	chain, ok := c.known[id]
	if !ok {
		for _, up := range c.tree.Chain(id) {
			a, _ := c.tree.Area(up)
			chain = append(chain, a)
		}
		c.known[id] = chain
	}
	return chain
}

// Place gives one device with its area chain, root first.
func (s *Store) Place(ctx context.Context, d radio.DeviceID) (radio.Place, error) {
	p, err := place(ctx, s.read, d)
	if err != nil {
		return radio.Place{}, s.kind(fmt.Errorf("place of device %s: %w", d, err))
	}
	return p, nil
}

// place reads a device with its areas in one statement, a row for each of them.
func place(ctx context.Context, q querier, d radio.DeviceID) (radio.Place, error) {
	var p radio.Place
	chain, err := collect(ctx, q, func(r *sql.Rows) (a radio.Area, err error) {
		var depth int
		dest := append(append(deviceFields(&p.Device), areaFields(&a)...), &depth)
		return a, r.Scan(dest...)
	}, `WITH RECURSIVE above (id, depth) AS (
			SELECT hamlet, 0 FROM device WHERE id = $1
			UNION ALL SELECT a.parent, above.depth + 1 FROM above JOIN area a ON a.id = above.id WHERE a.parent IS NOT NULL AND above.depth < 16
		)
		SELECT d.id, d.code, d.name, d.hamlet, d.rendition, d.enrolled_at, d.revoked_at, d.retired_at, d.offset_ms, d.stagger_ms, d.latitude_e6, d.longitude_e6,
			a.id, a.code, a.kind, a.name, COALESCE(a.parent, ''), a.zone, a.valid_from, a.valid_to, above.depth
		FROM device d, above JOIN area a ON a.id = above.id WHERE d.id = $1 ORDER BY above.depth DESC`, d)
	if err == nil && len(chain) == 0 {
		err = sql.ErrNoRows
	}
	p.Chain = chain
	return p, err
}
