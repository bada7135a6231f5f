package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// bulletinColumns leave out the transcript, which lists do not carry; $transcript stands
// for its column or for nothing.
const bulletinColumns = `b.id, b.code, b.area, v.version, v.title, v.summary, v.field, v.priority, v.author, v.pen_name, v.unit, v.language,
	v.campaign, v.state, v.valid_from, v.valid_until, v.transcript_sha256, v.renditions, v.lufs, v.true_peak, v.seconds, v.source_sha256, v.warnings,
	v.created_by, v.created_at, v.edited_at, v.submitted_at, v.cut_off_by, v.cut_off_at, v.decided_by, v.decided_at, v.decided_why, ` + approvalColumns

const (
	bulletinTables = ` FROM bulletin b JOIN bulletin_version v ON v.bulletin = b.id LEFT JOIN approval a ON a.bulletin = v.bulletin AND a.version = v.version`
	bulletinQuery  = `SELECT ` + bulletinColumns + `, ''` + bulletinTables
	wholeBulletin  = `SELECT ` + bulletinColumns + `, v.transcript` + bulletinTables
)

func scanBulletin(r scanner) (radio.Bulletin, error) {
	var b radio.Bulletin
	var renditions, warnings string
	var signed approvalScan
	err := r.Scan(append([]any{&b.ID, &b.Code, &b.Area, &b.Version, &b.Title, &b.Summary, &b.Field, &b.Priority, &b.Author, &b.PenName, &b.Unit, &b.Language,
		&b.Campaign, &b.State, &b.ValidFrom, &b.ValidUntil, &b.TranscriptSHA256, &renditions, &b.LUFS, &b.TruePeak, &b.Seconds, &b.SourceSHA256, &warnings,
		&b.CreatedBy, &b.CreatedAt, &b.EditedAt, &b.SubmittedAt, &b.CutOffBy, &b.CutOffAt, &b.DecidedBy, &b.DecidedAt, &b.DecidedWhy}, append(signed.fields(), &b.Transcript)...)...)
	if err != nil {
		return b, err
	}
	b.Signed = signed.row()
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

// notDraft picks the newest version that is not only its author's yet.
const notDraft = `v.version = (SELECT MAX(n.version) FROM bulletin_version n WHERE n.bulletin = b.id AND n.state <> 'draft')`

// Bulletins lists the newest version of each bulletin that is no draft, by code.
func (s *Store) Bulletins(ctx context.Context) ([]radio.Bulletin, error) {
	out, err := listBulletins(ctx, s.read, `WHERE `+notDraft)
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
	b, err := scanBulletin(s.read.QueryRowContext(ctx, wholeBulletin+` WHERE b.id = $1 AND v.version = $2`, id, version))
	if err != nil {
		return radio.Bulletin{}, s.kind(fmt.Errorf("bulletin %s version %d: %w", id, version, err))
	}
	return b, nil
}

// BulletinByCode gives the newest version of the bulletin with that code.
func (s *Store) BulletinByCode(ctx context.Context, code string) (radio.Bulletin, error) {
	b, err := scanBulletin(s.read.QueryRowContext(ctx, wholeBulletin+` WHERE b.code = $1 AND v.version = b.version`, code))
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
		return auditBulletin(ctx, tx, b.CreatedAt, b.CreatedBy, "add", b, radio.AuditFacts{})
	})
}

func addBulletin(ctx context.Context, tx *sql.Tx, b radio.Bulletin) error {
	fail := func(err error) error { return fmt.Errorf("add bulletin %s version %d: %w", b.Code, b.Version, err) }
	if b.Version == 1 {
		if _, err := tx.ExecContext(ctx, `INSERT INTO bulletin (id, code, version, area) VALUES ($1, $2, 1, $3)`, b.ID, b.Code, b.Area); err != nil {
			return fail(err)
		}
	} else if err := one(tx.ExecContext(ctx, `UPDATE bulletin SET version = $1 WHERE id = $2 AND code = $3 AND version = $4 AND area = $5`,
		b.Version, b.ID, b.Code, b.Version-1, b.Area)); err != nil {
		return fail(err)
	}
	words, err := bulletinWords(b)
	if err != nil {
		return fail(err)
	}
	args := append([]any{b.ID, b.Version, b.State, b.CreatedBy, b.CreatedAt, b.SubmittedAt, b.DecidedBy, b.DecidedAt, b.DecidedWhy}, words...)
	_, err = tx.ExecContext(ctx, `
		INSERT INTO bulletin_version (bulletin, version, state, created_by, created_at, submitted_at, decided_by, decided_at, decided_why, `+wordColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, `+placeholders(10, len(words))+`)`, args...)
	if err != nil {
		return fail(err)
	}
	if err := putApproval(ctx, tx, b); err != nil {
		return fail(err)
	}
	return addWaveform(ctx, tx, b)
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
