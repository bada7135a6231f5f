package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// wordColumns are what a draft may change: words, audio, and the author's confirmation.
const wordColumns = `title, summary, field, priority, author, pen_name, unit, language, campaign, valid_from, valid_until,
	transcript, transcript_sha256, renditions, lufs, true_peak, seconds, source_sha256, warnings, edited_at, cut_off_by, cut_off_at, search`

func bulletinWords(b radio.Bulletin) ([]any, error) {
	renditions, err := list(b.Renditions)
	if err != nil {
		return nil, err
	}
	warnings, err := list(b.Warnings)
	if err != nil {
		return nil, err
	}
	return []any{
		b.Title, b.Summary, int(b.Field), b.Priority, b.Author, b.PenName, b.Unit, b.Language, b.Campaign, b.ValidFrom, b.ValidUntil,
		b.Transcript, radio.TranscriptHash(b.Transcript), renditions, b.LUFS, b.TruePeak, b.Seconds, b.SourceSHA256, warnings,
		b.EditedAt, b.CutOffBy, b.CutOffAt, b.SearchText(),
	}, nil
}

// placeholders gives "$first, …" for n values.
func placeholders(first, n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Join(out, ", ")
}

// addWaveform keeps the bars of audio that has just been made; the same audio has the
// same bars.
func addWaveform(ctx context.Context, tx *sql.Tx, b radio.Bulletin) error {
	if len(b.Peaks) == 0 || len(b.Renditions) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO waveform (sha256, peaks) VALUES ($1, $2) ON CONFLICT (sha256) DO NOTHING`, b.Renditions[0].SHA256, b.Peaks)
	if err != nil {
		return fmt.Errorf("keep the waveform of bulletin %s version %d: %w", b.Code, b.Version, err)
	}
	return nil
}

// Waveform gives the bars of an audio; ErrNotFound when none were kept.
func (s *Store) Waveform(ctx context.Context, sha radio.SHA256) ([]byte, error) {
	var peaks []byte
	if err := s.read.QueryRowContext(ctx, `SELECT peaks FROM waveform WHERE sha256 = $1`, sha).Scan(&peaks); err != nil {
		return nil, s.kind(fmt.Errorf("waveform of %s: %w", sha, err))
	}
	return peaks, nil
}

// fillSearch writes down what rows older than the search are found by.
func (s *Store) fillSearch(ctx context.Context) error {
	old, err := listBulletins(ctx, s.write, `WHERE v.search = ''`)
	if err != nil || len(old) == 0 {
		return s.kind(err)
	}
	return s.tx(ctx, func(tx *sql.Tx) error {
		for _, b := range old {
			if _, err := tx.ExecContext(ctx, `UPDATE bulletin_version SET search = $1 WHERE bulletin = $2 AND version = $3`,
				b.SearchText(), b.ID, b.Version); err != nil {
				return fmt.Errorf("make bulletin %s searchable: %w", b.Code, err)
			}
		}
		return nil
	})
}

// SaveDraft replaces the words and the audio of a draft; ErrConflict when it is no
// draft any more, or was edited since was was read.
func (s *Store) SaveDraft(ctx context.Context, was, b radio.Bulletin, by radio.UserID, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		words, err := bulletinWords(b)
		if err != nil {
			return err
		}
		args := append([]any{b.ID, b.Version, radio.Draft, was.EditedAt}, words...)
		err = one(tx.ExecContext(ctx, `UPDATE bulletin_version SET (`+wordColumns+`) = (`+placeholders(5, len(words))+`)
			WHERE bulletin = $1 AND version = $2 AND state = $3 AND edited_at = $4`, args...))
		if err != nil {
			return fmt.Errorf("save the draft of bulletin %s version %d: %w", b.Code, b.Version, err)
		}
		if err := addWaveform(ctx, tx, b); err != nil {
			return err
		}
		return auditBulletin(ctx, tx, at, by, radio.StepEdit, b, radio.AuditFacts{Fields: changedWords(was, b)})
	})
}

// changedWords names what an edit changed, for the history.
func changedWords(was, is radio.Bulletin) []string {
	var out []string
	for _, f := range []struct {
		name  string
		moved bool
	}{
		{"title", was.Title != is.Title}, {"summary", was.Summary != is.Summary}, {"field", was.Field != is.Field},
		{"priority", was.Priority != is.Priority}, {"author", was.Author != is.Author}, {"pen_name", was.PenName != is.PenName},
		{"unit", was.Unit != is.Unit}, {"language", was.Language != is.Language}, {"campaign", was.Campaign != is.Campaign},
		{"valid_from", was.ValidFrom != is.ValidFrom}, {"valid_until", was.ValidUntil != is.ValidUntil},
		{"transcript", was.Transcript != is.Transcript}, {"audio", was.SourceSHA256 != is.SourceSHA256},
	} {
		if f.moved {
			out = append(out, f.name)
		}
	}
	return out
}

// MoveBulletin writes a step from one state to the next; ErrConflict when the stored
// version is no longer the one that was read.
func (s *Store) MoveBulletin(ctx context.Context, m radio.BulletinMove) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		b := m.To
		err := one(tx.ExecContext(ctx, `
			UPDATE bulletin_version SET state = $1, submitted_at = $2, cut_off_by = $3, cut_off_at = $4, decided_by = $5, decided_at = $6, decided_why = $7
			WHERE bulletin = $8 AND version = $9 AND state = $10 AND submitted_at = $11 AND edited_at = $12`,
			b.State, b.SubmittedAt, b.CutOffBy, b.CutOffAt, b.DecidedBy, b.DecidedAt, b.DecidedWhy,
			b.ID, b.Version, m.From.State, m.From.SubmittedAt, m.From.EditedAt))
		if err != nil {
			return fmt.Errorf("%s bulletin %s version %d: %w", m.Step, b.Code, b.Version, err)
		}
		facts := radio.AuditFacts{Why: m.Why}
		if m.Signs() {
			if err := putApproval(ctx, tx, b); err != nil {
				return err
			}
			facts.Key = signedBy(b)
		}
		return auditBulletin(ctx, tx, m.At, m.By, m.Step, b, facts)
	})
}

// DropDraft deletes a draft; ErrConflict when it is none any more or was edited since.
// The next draft of the bulletin takes its number. Its audio stays in the files, where
// another version may need it.
func (s *Store) DropDraft(ctx context.Context, b radio.Bulletin, by radio.UserID, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		fail := func(err error) error {
			return fmt.Errorf("drop the draft of bulletin %s version %d: %w", b.Code, b.Version, err)
		}
		// A new version stands on the newest one: only that may go.
		if b.Version == 1 {
			if _, err := tx.ExecContext(ctx, `DELETE FROM bulletin_listening WHERE bulletin = $1`, b.ID); err != nil {
				return fail(err)
			}
		}
		if err := one(tx.ExecContext(ctx, `DELETE FROM bulletin_version WHERE bulletin = $1 AND version = $2 AND state = $3 AND edited_at = $4
			AND version = (SELECT x.version FROM bulletin x WHERE x.id = $1)`, b.ID, b.Version, radio.Draft, b.EditedAt)); err != nil {
			return fail(err)
		}
		var err error
		if b.Version == 1 {
			_, err = tx.ExecContext(ctx, `DELETE FROM bulletin WHERE id = $1`, b.ID)
		} else {
			_, err = tx.ExecContext(ctx, `DELETE FROM bulletin_listening WHERE bulletin = $1 AND version = $2`, b.ID, b.Version)
			if err == nil {
				err = one(tx.ExecContext(ctx, `UPDATE bulletin SET version = $1 WHERE id = $2 AND version = $3`, b.Version-1, b.ID, b.Version))
			}
		}
		if err != nil {
			return fail(err)
		}
		return auditBulletin(ctx, tx, at, by, radio.StepDelete, b, radio.AuditFacts{})
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
	if b.State != radio.Approved {
		return nil
	}
	return putApproval(ctx, tx, b)
}

// auditBulletin writes one line of a bulletin's history.
func auditBulletin(ctx context.Context, tx *sql.Tx, at radio.Millis, by radio.UserID, step radio.BulletinStep, b radio.Bulletin, f radio.AuditFacts) error {
	f.Code, f.Title, f.Version, f.Area = b.Code, b.Title, b.Version, b.Area
	return audit(ctx, tx, at, string(by), "bulletin."+string(step), string(b.ID), f)
}

// auditImported writes the histories of the bulletins an import brought or decided on.
func auditImported(ctx context.Context, tx *sql.Tx, c radio.PlanChange) error {
	for _, b := range c.Bulletins {
		if err := auditBulletin(ctx, tx, c.At, c.Author, "add", b, radio.AuditFacts{File: c.Facts.File}); err != nil {
			return err
		}
		if b.State != radio.Approved {
			continue // it waits for an approver who signs
		}
		if err := auditBulletin(ctx, tx, c.At, c.Approver, radio.StepApprove, b, radio.AuditFacts{Key: signedBy(b)}); err != nil {
			return err
		}
	}
	for _, d := range c.Decisions {
		step, ok := radio.DecisionStep(d.To.State)
		if !ok {
			return fmt.Errorf("%w: a decision for %q", radio.ErrInvalid, d.To.State)
		}
		facts := radio.AuditFacts{Why: d.To.DecidedWhy}
		if d.To.State == radio.Approved {
			facts.Key = signedBy(d.To)
		}
		if d.From == d.To.State {
			step = radio.StepReapprove
		}
		if err := auditBulletin(ctx, tx, c.At, c.Approver, step, d.To, facts); err != nil {
			return err
		}
	}
	for _, x := range c.Schedules {
		if err := audit(ctx, tx, c.At, string(c.Author), "schedule.upload", string(x.ID), ofSchedule(radio.AuditFacts{File: c.Facts.File}, x)); err != nil {
			return err
		}
		facts, action := ofSchedule(radio.AuditFacts{Version: x.Version}, x), "schedule.publish"
		was, now := "", strconv.Itoa(x.Version)
		if x.Version > 1 {
			was = strconv.Itoa(x.Version - 1)
		}
		if x.WithdrawnAt != 0 {
			action, now = "schedule.withdraw", ""
		}
		facts.Change("version", was, now)
		if err := audit(ctx, tx, c.At, string(c.Approver), action, string(x.ID), facts); err != nil {
			return err
		}
	}
	return auditPolicies(ctx, tx, c)
}

// Listening gives what a person has heard of a version's audio; nothing yet is no error.
func (s *Store) Listening(ctx context.Context, person radio.UserID, b radio.BulletinID, version int, sha radio.SHA256) (radio.Listening, error) {
	return listening(ctx, s.read, radio.Listening{Person: person, Bulletin: b, Version: version, SHA256: sha}, s)
}

func listening(ctx context.Context, q querier, l radio.Listening, s *Store) (radio.Listening, error) {
	var spans string
	err := q.QueryRowContext(ctx, `SELECT first_at, last_at, spans FROM bulletin_listening WHERE person = $1 AND bulletin = $2 AND version = $3 AND sha256 = $4`,
		l.Person, l.Bulletin, l.Version, l.SHA256).Scan(&l.FirstAt, &l.LastAt, &spans)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		l.Spans = []radio.Span{}
		return l, nil
	case err == nil:
		err = json.Unmarshal([]byte(spans), &l.Spans)
	}
	if err != nil {
		return l, s.kind(fmt.Errorf("what %s heard of bulletin %s version %d: %w", l.Person, l.Bulletin, l.Version, err))
	}
	return l, nil
}

// Listen reads what a person has heard, lets add change it, and writes it back.
func (s *Store) Listen(ctx context.Context, l radio.Listening, add func(radio.Listening) (radio.Listening, error)) (radio.Listening, error) {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		known, err := listening(ctx, tx, l, s)
		if err != nil {
			return err
		}
		if l, err = add(known); err != nil {
			return err
		}
		spans, err := list(l.Spans)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO bulletin_listening (person, bulletin, version, sha256, first_at, last_at, spans) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (person, bulletin, version, sha256) DO UPDATE SET last_at = excluded.last_at, spans = excluded.spans`,
			l.Person, l.Bulletin, l.Version, l.SHA256, l.FirstAt, l.LastAt, spans)
		if err != nil {
			return fmt.Errorf("what %s heard of bulletin %s version %d: %w", l.Person, l.Bulletin, l.Version, err)
		}
		return nil
	})
	return l, err
}

// notePlayed remembers which bulletins a programme plays: so it is known for ever after
// from which revision on a device has no more of a withdrawn one.
func notePlayed(ctx context.Context, tx *sql.Tx, i radio.Issued) error {
	if i.Document != "programme" {
		return nil
	}
	var p struct {
		Audio []struct {
			Bulletin radio.BulletinID `json:"bulletin"`
			Version  int              `json:"version"`
		} `json:"audio"`
	}
	if err := json.Unmarshal(i.Payload, &p); err != nil {
		return err
	}
	for _, a := range p.Audio {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO programme_bulletin (device, bulletin, version, revision, issued_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (bulletin, version, device) DO UPDATE SET revision = excluded.revision, issued_at = excluded.issued_at`,
			i.Device, a.Bulletin, a.Version, i.Revision, i.IssuedAt); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM programme_bulletin WHERE device = $1 AND issued_at < $2`, i.Device, i.IssuedAt.Add(-radio.KeepIssued))
	return err
}

// BulletinHolders lists the devices whose programmes played a bulletin version, by id.
func (s *Store) BulletinHolders(ctx context.Context, b radio.BulletinID, version int) ([]radio.BulletinHolder, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (h radio.BulletinHolder, err error) {
		return h, r.Scan(&h.Device, &h.Last, &h.Current)
	}, `SELECT p.device, p.revision, COALESCE((SELECT MAX(i.revision) FROM issued i WHERE i.device = p.device AND i.document = 'programme'), p.revision)
		FROM programme_bulletin p WHERE p.bulletin = $1 AND p.version = $2 ORDER BY p.device`, b, version)
	if err != nil {
		return nil, s.kind(fmt.Errorf("devices of bulletin %s version %d: %w", b, version, err))
	}
	return out, nil
}
