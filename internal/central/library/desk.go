package library

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// Rows keeps bulletins.
type Rows interface {
	BulletinByCode(ctx context.Context, code string) (radio.Bulletin, error)
	Bulletin(ctx context.Context, id radio.BulletinID, version int) (radio.Bulletin, error)
	BulletinVersions(ctx context.Context, id radio.BulletinID) ([]radio.Bulletin, error)
	AddBulletin(ctx context.Context, b radio.Bulletin) error
	SaveDraft(ctx context.Context, was, b radio.Bulletin, by radio.UserID, at radio.Millis) error
	MoveBulletin(ctx context.Context, m radio.BulletinMove) error
	DropDraft(ctx context.Context, b radio.Bulletin, by radio.UserID, at radio.Millis) error
	// HandedUpBy lists who made, in a commune, the audio that a bulletin was taken with.
	HandedUpBy(ctx context.Context, taken radio.BulletinID, source radio.SHA256) ([]radio.UserID, error)
}

// Listeners keeps who heard what.
type Listeners interface {
	Listening(ctx context.Context, person radio.UserID, b radio.BulletinID, version int, sha radio.SHA256) (radio.Listening, error)
	Listen(ctx context.Context, l radio.Listening, add func(radio.Listening) (radio.Listening, error)) (radio.Listening, error)
}

// Shelf is all that the desk needs of the database.
type Shelf interface {
	Rows
	Listeners
	Holders
}

// Preparer makes an upload ready (Intake), Keeper keeps it (Files).
type Preparer interface {
	Prepare(ctx context.Context, src io.Reader) (*Prepared, error)
	Ready() error
}

// Keeper is the other half; see Preparer.
type Keeper interface {
	Put(ctx context.Context, p *Prepared) error
	// Touch says that the files were needed until now.
	Touch(files ...Kept) error
}

// Desk takes bulletins in and carries them from draft to withdrawal by the rules of
// radio. Nothing that it hands on is fit for a programme before somebody else than its
// author has listened to it and approved it. Who has which right in which area is asked
// before (web).
type Desk struct {
	intake Preparer
	files  Keeper
	shelf  Shelf
	// approvals are the signatures without which nothing is approved.
	approvals *Approvals
	now       func() time.Time
	log       *slog.Logger
	// changed is told when what may go on the air has changed.
	changed func()
}

// NewDesk stores what it is given.
func NewDesk(intake Preparer, files Keeper, shelf Shelf, approvals *Approvals, now func() time.Time, log *slog.Logger, changed func()) *Desk {
	return &Desk{intake: intake, files: files, shelf: shelf, approvals: approvals, now: now, log: log, changed: changed}
}

// Ready says whether every kind of upload can be taken in now.
func (d *Desk) Ready() error { return d.intake.Ready() }

// Create makes the draft of a new bulletin of form's words and of audio, which is
// prepared and kept. Without a code it gets one from its title. A *Refused says what is
// wrong with the audio, ErrInvalid what is wrong with the words, ErrConflict that the
// code is taken: a known bulletin is changed by Revise.
func (d *Desk) Create(ctx context.Context, form radio.Bulletin, audio io.Reader, by radio.UserID) (radio.Bulletin, error) {
	b := form.Tidied()
	if b.Code == "" {
		code, err := d.freeCode(ctx, b.Title)
		if err != nil {
			return b, err
		}
		b.Code = code
	}
	if err := b.Check(); err != nil {
		return b, err
	}
	// Before the audio is taken in, which may take minutes; AddBulletin decides.
	if _, err := d.shelf.BulletinByCode(ctx, b.Code); !errors.Is(err, radio.ErrNotFound) {
		if err == nil {
			err = fmt.Errorf("%w: there is a bulletin %s already", radio.ErrConflict, b.Code)
		}
		return b, err
	}
	if err := d.takeIn(ctx, &b, audio); err != nil {
		return b, err
	}
	at := radio.At(d.now())
	b.ID, b.Version, b.State = radio.NewID[radio.BulletinID](), 1, radio.Draft
	b.CreatedBy, b.CreatedAt, b.EditedAt, b.SubmittedAt = by, at, at, 0
	b.DecidedBy, b.DecidedAt, b.DecidedWhy = "", 0, ""
	if b.Priority == "" {
		b.Priority = radio.Normal
	}
	if err := d.shelf.AddBulletin(ctx, b); err != nil {
		return b, err
	}
	d.log.Info("bulletin created", "bulletin", b.ID, "code", b.Code, "seconds", b.Seconds)
	return b, nil
}

// takeIn prepares audio, keeps it and puts what was measured into b.
func (d *Desk) takeIn(ctx context.Context, b *radio.Bulletin, audio io.Reader) (err error) {
	p, err := d.intake.Prepare(ctx, audio)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := d.files.Put(ctx, p); err != nil {
		return err
	}
	b.SetAudio(p.Renditions, p.SourceSHA256, p.Seconds, p.LUFS, p.TruePeakDBTP, p.Warnings, p.Peaks)
	return nil
}

// Save replaces the words of a draft, and its audio unless audio is nil. When form says
// which edit it is based on (EditedAt), a newer one is not overwritten.
func (d *Desk) Save(ctx context.Context, id radio.BulletinID, version int, form radio.Bulletin, audio io.Reader, by radio.UserID) (radio.Bulletin, error) {
	was, err := d.shelf.Bulletin(ctx, id, version)
	if err != nil {
		return was, err
	}
	at := max(radio.At(d.now()), was.EditedAt+1)
	b, err := was.Take(radio.StepEdit, by, at, "")
	if err != nil {
		return was, err
	}
	if form.EditedAt != 0 && form.EditedAt != was.EditedAt {
		return was, fmt.Errorf("%w: bulletin %s version %d was edited meanwhile", radio.ErrConflict, was.Code, version)
	}
	form = form.Tidied()
	b.Title, b.Summary, b.Field, b.Priority, b.Author, b.PenName = form.Title, form.Summary, form.Field, form.Priority, form.Author, form.PenName
	b.Unit, b.Language, b.Campaign, b.Transcript = form.Unit, form.Language, form.Campaign, form.Transcript
	b.ValidFrom, b.ValidUntil = form.ValidFrom, form.ValidUntil
	if err := b.Check(); err != nil {
		return was, err
	}
	if audio != nil {
		if err := d.takeIn(ctx, &b, audio); err != nil {
			return was, err
		}
		if err := d.files.Touch(keptOf(was)...); err != nil {
			return was, err
		}
	}
	if err := d.shelf.SaveDraft(ctx, was, b, by, at); err != nil {
		return was, err
	}
	b.TranscriptSHA256 = radio.TranscriptHash(b.Transcript)
	return b, nil
}

// Delete drops a draft.
func (d *Desk) Delete(ctx context.Context, id radio.BulletinID, version int, by radio.UserID) error {
	b, err := d.shelf.Bulletin(ctx, id, version)
	if err != nil {
		return err
	}
	at := radio.At(d.now())
	if _, err := b.Take(radio.StepDelete, by, at, ""); err != nil {
		return err
	}
	// Its audio is swept a while after this, not at once (Sweeper).
	if err := d.files.Touch(keptOf(b)...); err != nil {
		return err
	}
	return d.shelf.DropDraft(ctx, b, by, at)
}

// Submit hands a draft in for approval. Audio that is cut off needs the author's word
// that it is meant so.
func (d *Desk) Submit(ctx context.Context, id radio.BulletinID, version int, cutOffMeant bool, by radio.UserID) (radio.Bulletin, error) {
	return d.move(ctx, id, version, radio.StepSubmit, by, "", func(b *radio.Bulletin, at radio.Millis) error {
		if b.CutOff() && b.CutOffBy == "" && cutOffMeant {
			b.CutOffBy, b.CutOffAt = by, at
		}
		return nil
	})
}

// TakeBack makes a draft of what waits for a decision.
func (d *Desk) TakeBack(ctx context.Context, id radio.BulletinID, version int, by radio.UserID) (radio.Bulletin, error) {
	return d.move(ctx, id, version, radio.StepTakeBack, by, "", nil)
}

// Decide approves, rejects or withdraws one version. Who approves must have listened to
// the end (*radio.NotHeard), and signs for the audio; the signature is kept with the
// decision or neither is. What is approved, but whose signature no longer holds, is
// approved again by the same rules.
func (d *Desk) Decide(ctx context.Context, id radio.BulletinID, version int, v radio.Verdict, by radio.Person) (radio.Bulletin, error) {
	step, ok := radio.DecisionStep(v.To)
	if !ok {
		return radio.Bulletin{}, fmt.Errorf("%w: a decision for %.20q", radio.ErrInvalid, string(v.To))
	}
	was, err := d.shelf.Bulletin(ctx, id, version)
	if err != nil {
		return was, err
	}
	step = d.stepOf(step, was)
	signs := step == radio.StepApprove || step == radio.StepReapprove
	b, err := d.moveFrom(ctx, was, step, by.ID, v.Why, func(b *radio.Bulletin, at radio.Millis) error {
		approves := signs && b.Can(step, by.ID) // or Take finds the words
		if v.Seen != b.SubmittedAt && (v.Seen != 0 || approves) {
			return &radio.NotSeen{Code: b.Code, Version: version, Submitted: b.SubmittedAt}
		}
		if !approves {
			return nil
		}
		if err := d.fourEyes(ctx, *b, by.ID); err != nil {
			return err
		}
		return d.mustHaveHeard(ctx, *b, by.ID, at)
	}, func(b *radio.Bulletin) error {
		if !signs {
			return nil
		}
		return d.approve(ctx, b, by, v.Sign)
	})
	if err == nil {
		d.changed()
	}
	return b, err
}

// fourEyes refuses an approver who made what is to be approved, in an earlier version:
// somebody else's revision of it does not change whose audio and words they are.
func (d *Desk) fourEyes(ctx context.Context, b radio.Bulletin, by radio.UserID) error {
	all, err := d.shelf.BulletinVersions(ctx, b.ID)
	if err != nil {
		return err
	}
	for _, v := range all {
		undecided := v.State != radio.Approved && v.State != radio.Withdrawn
		if v.CreatedBy == by && v.Version <= b.Version && (v.SourceSHA256 == b.SourceSHA256 || undecided) {
			return fmt.Errorf("%w: version %d of bulletin %s, which this one goes back to, was made by the same person", radio.ErrForbidden, v.Version, b.Code)
		}
	}
	makers, err := d.shelf.HandedUpBy(ctx, b.ID, b.SourceSHA256)
	if err == nil && slices.Contains(makers, by) {
		err = fmt.Errorf("%w: the commune's bulletin that %s was taken from was made by the same person", radio.ErrForbidden, b.Code)
	}
	return err
}

// move does a step; check may refuse it, or add to what is stepped from.
func (d *Desk) move(ctx context.Context, id radio.BulletinID, version int, step radio.BulletinStep, by radio.UserID, why string,
	check func(b *radio.Bulletin, at radio.Millis) error) (radio.Bulletin, error) {
	was, err := d.shelf.Bulletin(ctx, id, version)
	if err != nil {
		return was, err
	}
	return d.moveFrom(ctx, was, step, by, why, check, nil)
}

// moveFrom does a step; finish may refuse what it has led to, or complete it.
func (d *Desk) moveFrom(ctx context.Context, was radio.Bulletin, step radio.BulletinStep, by radio.UserID, why string,
	check func(b *radio.Bulletin, at radio.Millis) error, finish func(b *radio.Bulletin) error) (radio.Bulletin, error) {
	// Later than what was handed in before, so that the two can be told apart.
	at, b := max(radio.At(d.now()), was.SubmittedAt+1), was
	if check != nil {
		if err := check(&b, at); err != nil {
			return was, err
		}
	}
	why = radio.TidyLine(why)
	to, err := b.Take(step, by, at, why)
	if err != nil {
		return was, err
	}
	if finish != nil {
		if err := finish(&to); err != nil {
			return was, err
		}
	}
	if err := d.shelf.MoveBulletin(ctx, radio.BulletinMove{Step: step, From: was, To: to, By: by, At: at, Why: why}); err != nil {
		return was, err
	}
	d.log.Info("bulletin moved", "bulletin", to.ID, "code", to.Code, "version", to.Version, "step", step, "state", to.State)
	return to, nil
}

// Revise begins the next version of a bulletin with the words and the audio of this one.
// ErrConflict while another version is a draft or waits for a decision.
func (d *Desk) Revise(ctx context.Context, id radio.BulletinID, version int, by radio.UserID) (radio.Bulletin, error) {
	b, err := d.shelf.Bulletin(ctx, id, version)
	if err != nil {
		return b, err
	}
	newest, err := d.shelf.BulletinByCode(ctx, b.Code)
	if err != nil {
		return b, err
	}
	if newest.State == radio.Draft || newest.State == radio.Pending {
		return b, fmt.Errorf("%w: version %d of bulletin %s is %s", radio.ErrConflict, newest.Version, b.Code, newest.State)
	}
	next, err := b.Revised(by, radio.At(d.now()))
	if err != nil {
		return b, err
	}
	next.Version = newest.Version + 1
	if err := d.shelf.AddBulletin(ctx, next); err != nil {
		return b, err
	}
	return next, nil
}

// Listened adds to what a person has heard of a version's audio; sha says of which, so
// that audio replaced meanwhile is not mistaken for it.
func (d *Desk) Listened(ctx context.Context, id radio.BulletinID, version int, sha radio.SHA256, spans []radio.Span, by radio.UserID) (radio.Hearing, error) {
	b, err := d.shelf.Bulletin(ctx, id, version)
	if err != nil {
		return radio.Hearing{}, err
	}
	main, ok := b.Rendition(radio.MainKbps)
	if !ok || main.SHA256 != sha {
		return radio.Hearing{}, fmt.Errorf("%w: the audio of bulletin %s version %d is another one now", radio.ErrConflict, b.Code, version)
	}
	now := radio.At(d.now())
	l, err := d.shelf.Listen(ctx, radio.Listening{Person: by, Bulletin: id, Version: version, SHA256: sha}, func(l radio.Listening) (radio.Listening, error) {
		return l.Heard(spans, main.Duration(), now)
	})
	if err != nil {
		return radio.Hearing{}, err
	}
	return l.Hearing(main.Duration(), now), nil
}

// Heard says how far a person has listened to a version's audio as it is now.
func (d *Desk) Heard(ctx context.Context, b radio.Bulletin, by radio.UserID) (radio.Hearing, error) {
	main, ok := b.Rendition(radio.MainKbps)
	if !ok {
		return radio.Hearing{}, nil
	}
	l, err := d.shelf.Listening(ctx, by, b.ID, b.Version, main.SHA256)
	if err != nil {
		return radio.Hearing{}, err
	}
	return l.Hearing(main.Duration(), radio.At(d.now())), nil
}

func (d *Desk) mustHaveHeard(ctx context.Context, b radio.Bulletin, by radio.UserID, at radio.Millis) error {
	h, err := d.Heard(ctx, b, by)
	if err != nil {
		return err
	}
	if !h.Done {
		return &radio.NotHeard{Percent: h.Percent, Wait: time.Duration(h.WaitMS) * time.Millisecond}
	}
	return nil
}
