package library

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"loaxa/internal/radio"
)

// Rows keeps bulletins.
type Rows interface {
	BulletinByCode(ctx context.Context, code string) (radio.Bulletin, error)
	Bulletin(ctx context.Context, id radio.BulletinID, version int) (radio.Bulletin, error)
	AddBulletin(ctx context.Context, b radio.Bulletin) error
	DecideBulletin(ctx context.Context, d radio.BulletinDecision) error
}

// Desk takes bulletins in and carries decisions about them. Nothing that it hands
// on is fit for a programme before somebody else than its author approved it.
type Desk struct {
	intake *Intake
	files  *Files
	rows   Rows
	now    func() time.Time
	log    *slog.Logger
	// changed is told when what may go on the air has changed.
	changed func()
}

// NewDesk stores what it is given.
func NewDesk(intake *Intake, files *Files, rows Rows, now func() time.Time, log *slog.Logger, changed func()) *Desk {
	return &Desk{intake: intake, files: files, rows: rows, now: now, log: log, changed: changed}
}

// Ready says whether every kind of upload can be taken in now.
func (d *Desk) Ready() error { return d.intake.Ready() }

// Upload prepares the audio, keeps it and writes a pending bulletin: the first
// version of a new code, or the next of a known one. form holds what the person
// wrote; the measured fields are filled in here. A *Refused says what is wrong with
// the audio, an error of kind ErrInvalid what is wrong with the words.
func (d *Desk) Upload(ctx context.Context, form radio.Bulletin, audio io.Reader, by radio.UserID) (b radio.Bulletin, err error) {
	if err := form.Check(); err != nil {
		return b, err
	}
	prepared, err := d.intake.Prepare(ctx, audio)
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, prepared.Close()) }()
	if err := d.files.Put(ctx, prepared); err != nil {
		return b, err
	}
	b = form
	b.ID, b.Version = radio.NewID[radio.BulletinID](), 1
	old, err := d.rows.BulletinByCode(ctx, form.Code)
	switch {
	case err == nil && old.State == radio.Pending:
		return b, fmt.Errorf("%w: version %d of bulletin %s still waits for a decision", radio.ErrConflict, old.Version, old.Code)
	case err == nil:
		b.ID, b.Version = old.ID, old.Version+1
	case !errors.Is(err, radio.ErrNotFound):
		return b, err
	}
	b.State, b.CreatedBy, b.CreatedAt = radio.Pending, by, radio.At(d.now())
	b.DecidedBy, b.DecidedAt, b.DecidedWhy = "", 0, ""
	b.Renditions, b.Seconds = prepared.Renditions, prepared.Seconds
	b.LUFS, b.TruePeak = prepared.LUFS, prepared.TruePeakDBTP
	b.SourceSHA256, b.Warnings = prepared.SourceSHA256, prepared.Warnings
	if err := d.rows.AddBulletin(ctx, b); err != nil {
		return b, err
	}
	d.log.Info("bulletin uploaded", "bulletin", b.ID, "code", b.Code, "version", b.Version, "seconds", b.Seconds)
	return b, nil
}

// Decide approves, rejects or withdraws one version.
func (d *Desk) Decide(ctx context.Context, id radio.BulletinID, version int, to radio.BulletinState, by radio.UserID, why string) (radio.Bulletin, error) {
	b, err := d.rows.Bulletin(ctx, id, version)
	if err != nil {
		return b, err
	}
	decided, err := b.Decide(to, by, radio.At(d.now()), why)
	if err != nil {
		return b, err
	}
	if err := d.rows.DecideBulletin(ctx, radio.BulletinDecision{From: b.State, To: decided}); err != nil {
		return b, err
	}
	d.log.Info("bulletin decided", "bulletin", b.ID, "code", b.Code, "version", version, "state", decided.State)
	d.changed()
	return decided, nil
}
