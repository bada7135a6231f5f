package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

const bulletinQuery = `
	SELECT b.id, b.code, v.version, v.title, v.field, v.author, v.unit, v.language, v.state, v.valid_until, v.renditions,
		v.lufs, v.true_peak, v.seconds, v.source_sha256, v.warnings, v.created_by, v.created_at, v.decided_by, v.decided_at, v.decided_why
	FROM bulletin b JOIN bulletin_version v ON v.bulletin = b.id`

func scanBulletin(r scanner) (radio.Bulletin, error) {
	var b radio.Bulletin
	var renditions, warnings string
	err := r.Scan(&b.ID, &b.Code, &b.Version, &b.Title, &b.Field, &b.Author, &b.Unit, &b.Language, &b.State, &b.ValidUntil, &renditions,
		&b.LUFS, &b.TruePeak, &b.Seconds, &b.SourceSHA256, &warnings, &b.CreatedBy, &b.CreatedAt, &b.DecidedBy, &b.DecidedAt, &b.DecidedWhy)
	if err != nil {
		return b, err
	}
	if err := json.Unmarshal([]byte(renditions), &b.Renditions); err != nil {
		return b, fmt.Errorf("renditions of bulletin %s version %d: %w", b.Code, b.Version, err)
	}
	if err := json.Unmarshal([]byte(warnings), &b.Warnings); err != nil {
		return b, fmt.Errorf("warnings of bulletin %s version %d: %w", b.Code, b.Version, err)
	}
	return b, nil
}

func listBulletins(ctx context.Context, q querier, where string, args ...any) ([]radio.Bulletin, error) {
	out, err := collect(ctx, q, func(r *sql.Rows) (radio.Bulletin, error) { return scanBulletin(r) },
		bulletinQuery+` `+where+` ORDER BY b.code, v.version`, args...)
	if err != nil {
		return nil, fmt.Errorf("list bulletins: %w", err)
	}
	return out, nil
}

// Bulletins lists the newest version of each bulletin, by code.
func (s *Store) Bulletins(ctx context.Context) ([]radio.Bulletin, error) {
	out, err := listBulletins(ctx, s.read, `WHERE v.version = b.version`)
	return out, s.kind(err)
}

// CurrentBulletins lists what may go on the air, by code: of each bulletin the
// newest version that was ever approved, unless it was withdrawn. Withdrawing it
// does not bring an older version back.
func (s *Store) CurrentBulletins(ctx context.Context) ([]radio.Bulletin, error) {
	out, err := listBulletins(ctx, s.read, `WHERE v.state = $1 AND v.version =
		(SELECT MAX(a.version) FROM bulletin_version a WHERE a.bulletin = b.id AND a.state IN ($1, $2))`, radio.Approved, radio.Withdrawn)
	return out, s.kind(err)
}

// BulletinVersions lists every version of one bulletin, oldest first; none when
// the id is not known.
func (s *Store) BulletinVersions(ctx context.Context, id radio.BulletinID) ([]radio.Bulletin, error) {
	out, err := listBulletins(ctx, s.read, `WHERE b.id = $1`, id)
	return out, s.kind(err)
}

// Bulletin gives one version.
func (s *Store) Bulletin(ctx context.Context, id radio.BulletinID, version int) (radio.Bulletin, error) {
	b, err := scanBulletin(s.read.QueryRowContext(ctx, bulletinQuery+` WHERE b.id = $1 AND v.version = $2`, id, version))
	if err != nil {
		return radio.Bulletin{}, s.kind(fmt.Errorf("bulletin %s version %d: %w", id, version, err))
	}
	return b, nil
}

// BulletinByCode gives the newest version of the bulletin with that code.
func (s *Store) BulletinByCode(ctx context.Context, code string) (radio.Bulletin, error) {
	b, err := scanBulletin(s.read.QueryRowContext(ctx, bulletinQuery+` WHERE b.code = $1 AND v.version = b.version`, code))
	if err != nil {
		return radio.Bulletin{}, s.kind(fmt.Errorf("bulletin %q: %w", code, err))
	}
	return b, nil
}

// AddBulletin keeps a new version: the first of a new code, or one above the
// newest. ErrConflict when somebody else came first. The actor is CreatedBy.
func (s *Store) AddBulletin(ctx context.Context, b radio.Bulletin) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := addBulletin(ctx, tx, b); err != nil {
			return err
		}
		return audit(ctx, tx, b.CreatedAt, string(b.CreatedBy), "bulletin.add", string(b.ID), fmt.Sprintf("%s version %d", b.Code, b.Version))
	})
}

func addBulletin(ctx context.Context, tx *sql.Tx, b radio.Bulletin) error {
	fail := func(err error) error { return fmt.Errorf("add bulletin %s version %d: %w", b.Code, b.Version, err) }
	if b.Version == 1 {
		if _, err := tx.ExecContext(ctx, `INSERT INTO bulletin (id, code, version) VALUES ($1, $2, 1)`, b.ID, b.Code); err != nil {
			return fail(err)
		}
	} else if err := one(tx.ExecContext(ctx, `UPDATE bulletin SET version = $1 WHERE id = $2 AND code = $3 AND version = $4`,
		b.Version, b.ID, b.Code, b.Version-1)); err != nil {
		return fail(err)
	}
	renditions, err := list(b.Renditions)
	if err != nil {
		return fail(err)
	}
	warnings, err := list(b.Warnings)
	if err != nil {
		return fail(err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO bulletin_version (bulletin, version, title, field, author, unit, language, state, valid_until, renditions,
			lufs, true_peak, seconds, source_sha256, warnings, created_by, created_at, decided_by, decided_at, decided_why)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`,
		b.ID, b.Version, b.Title, int(b.Field), b.Author, b.Unit, b.Language, b.State, b.ValidUntil, renditions,
		b.LUFS, b.TruePeak, b.Seconds, b.SourceSHA256, warnings, b.CreatedBy, b.CreatedAt, b.DecidedBy, b.DecidedAt, b.DecidedWhy)
	if err != nil {
		return fail(err)
	}
	return nil
}

// list is a JSON array, never null.
func list[T any](v []T) (string, error) {
	if v == nil {
		v = []T{}
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// one wants exactly one row touched: none means that somebody else changed the
// thing since it was read.
func one(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("%w: it was changed meanwhile", radio.ErrConflict)
	}
	return nil
}

// DecideBulletin writes a decision; ErrConflict when the stored state is no longer
// the one decided upon. The actor is To.DecidedBy.
func (s *Store) DecideBulletin(ctx context.Context, d radio.BulletinDecision) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := decideBulletin(ctx, tx, d); err != nil {
			return err
		}
		b := d.To
		return audit(ctx, tx, b.DecidedAt, string(b.DecidedBy), "bulletin."+string(b.State), string(b.ID), fmt.Sprintf("%s version %d", b.Code, b.Version))
	})
}

func decideBulletin(ctx context.Context, tx *sql.Tx, d radio.BulletinDecision) error {
	b := d.To
	err := one(tx.ExecContext(ctx, `
		UPDATE bulletin_version SET state = $1, decided_by = $2, decided_at = $3, decided_why = $4
		WHERE bulletin = $5 AND version = $6 AND state = $7`,
		b.State, b.DecidedBy, b.DecidedAt, b.DecidedWhy, b.ID, b.Version, d.From))
	if err != nil {
		return fmt.Errorf("decide on bulletin %s version %d: %w", b.Code, b.Version, err)
	}
	return nil
}

// WithdrawnHashes lists, sorted, the renditions of versions withdrawn at or after
// since. A hash that an approved version still has is not among them.
func (s *Store) WithdrawnHashes(ctx context.Context, since radio.Millis) ([]radio.SHA256, error) {
	gone, err := listBulletins(ctx, s.read, `WHERE v.state = $1 AND v.decided_at >= $2`, radio.Withdrawn, since)
	if err != nil || len(gone) == 0 {
		return nil, s.kind(err)
	}
	current, err := s.CurrentBulletins(ctx)
	if err != nil {
		return nil, err
	}
	keep := map[radio.SHA256]bool{}
	for _, b := range current {
		for _, r := range b.Renditions {
			keep[r.SHA256] = true
		}
	}
	var out []radio.SHA256
	for _, b := range gone {
		for _, r := range b.Renditions {
			if !keep[r.SHA256] {
				out = append(out, r.SHA256)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
