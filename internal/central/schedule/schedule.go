// Package schedule lays down the plan. Importer reads what people write in files:
// areas, devices, whom to call, hours policies, bulletins, campaigns and schedules of one
// province.
// It checks all of it before anything is written, shows the difference to what the
// centre holds, and hands one radio.PlanChange to the store, all or nothing. Desk is
// where people write schedules day by day: drafts from a form, the API or a table,
// handed in, published by another person, withdrawn. Both check by the same rules. Places
// reads a table of areas and clusters alone. It receives files from the import commands,
// from web and from the demo, forms from web, audio from library through Intake, and hands
// the stored plan on to programme.
package schedule

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"time"

	"loaxa/internal/radio"
)

// Store is what the importer needs of the database.
type Store interface {
	// Plan reads everything laid down, as of one moment.
	Plan(ctx context.Context) (radio.Plan, error)
	// Contacts lists whom to call, by area.
	Contacts(ctx context.Context) ([]radio.AreaContact, error)
	// ApplyPlan writes a change in one transaction, or nothing: radio.ErrConflict
	// when the stored plan moved since it was read.
	ApplyPlan(ctx context.Context, change radio.PlanChange) error
}

// Users finds the account behind a name given on the command line.
type Users interface {
	// PersonByName gives radio.ErrNotFound for a name without an account.
	PersonByName(ctx context.Context, name string) (radio.Person, error)
}

// Prepared is audio in house format, measured, and kept by the intake.
type Prepared struct {
	Renditions   []radio.Rendition // 64 kbit/s first, then 32
	Seconds      float64
	LUFS         float64
	TruePeak     float64
	SourceSHA256 radio.SHA256
	Warnings     []string
	Peaks        []byte // of the waveform
}

// Intake turns one source into house format and keeps the renditions by their
// hash. A source it refuses for its content gives an error of kind
// radio.ErrInvalid, best a *radio.Invalid with the reasons in both languages.
type Intake interface {
	Prepare(ctx context.Context, source io.Reader) (Prepared, error)
}

// Approvals are approvers' signatures over the audio (library).
type Approvals interface {
	// Stands says whether the signature under which a version was approved holds.
	Stands(b radio.Bulletin) error
	// Signs says whether the approver of this import can sign. When not, bulletins come in
	// as what they are without a signature: waiting for approval.
	Signs() bool
	// Sign has the approver sign for a version.
	Sign(ctx context.Context, by radio.Person, b radio.Bulletin) (*radio.ApprovalRow, error)
}

// Importer brings the files of one province into the store.
type Importer struct {
	store     Store
	users     Users
	intake    Intake
	samples   fs.FS
	approvals Approvals
}

// New makes an importer. samples holds the audio named "audio:<name>" as
// <name>.mp3.
func New(store Store, users Users, intake Intake, samples fs.FS, approvals Approvals) *Importer {
	return &Importer{store: store, users: users, intake: intake, samples: samples, approvals: approvals}
}

// Plan reads src and tells what Apply would change. It writes nothing and makes
// no audio; audio is only compared by its hash. Everything wrong in the files
// comes back together as Problems.
func (im *Importer) Plan(ctx context.Context, src *Source) (Diff, error) {
	b, err := im.build(ctx, src)
	if err != nil {
		return Diff{}, err
	}
	return b.diff, nil
}

// Apply imports src: all of it or nothing. author and approver are the names of
// two different accounts. A second run on the same files changes and writes
// nothing.
func (im *Importer) Apply(ctx context.Context, src *Source, author, approver string, now time.Time) (Diff, error) {
	by, err := im.people(ctx, author, approver)
	if err != nil {
		return Diff{}, err
	}
	b, err := im.build(ctx, src)
	if err != nil {
		return Diff{}, err
	}
	if err := by.check(b.cur.Areas); err != nil {
		return Diff{}, err
	}
	b.sign(by, now)
	b.noteTet(now)
	if err := im.prepare(ctx, b, by.approver); err != nil {
		return Diff{}, err
	}
	if b.change.Empty() {
		return b.diff, nil
	}
	if err := im.store.ApplyPlan(ctx, b.change); err != nil {
		return Diff{}, fmt.Errorf("import %s: %w", src.Name, err)
	}
	return b.diff, nil
}

// build reads, checks and compares; the change it leaves has no people, no
// instants and no new audio in it yet.
func (im *Importer) build(ctx context.Context, src *Source) (*builder, error) {
	f, err := src.read()
	if err != nil {
		return nil, err
	}
	cur, err := im.store.Plan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the stored plan: %w", err)
	}
	b := newBuilder(src, f, cur, im.samples)
	b.approvals = im.approvals
	if b.contacts, err = im.store.Contacts(ctx); err != nil {
		return nil, fmt.Errorf("read whom to call: %w", err)
	}
	return b, b.run(ctx)
}

// actors are the two people who answer for an import.
type actors struct{ author, approver radio.Person }

func (im *Importer) people(ctx context.Context, author, approver string) (actors, error) {
	var e radio.Invalid
	for _, p := range []struct{ field, name string }{{"author", author}, {"approver", approver}} {
		if p.name == "" {
			e.Add(p.field, "phải nêu tên tài khoản", "name an account")
		}
	}
	if err := e.Err(); err != nil {
		return actors{}, err
	}
	var by actors
	var err error
	if by.author, err = im.users.PersonByName(ctx, author); err != nil {
		return actors{}, fmt.Errorf("author %q: %w", author, err)
	}
	if by.approver, err = im.users.PersonByName(ctx, approver); err != nil {
		return actors{}, fmt.Errorf("approver %q: %w", approver, err)
	}
	// Design §6: nothing unapproved enters a programme, author ≠ approver. The
	// accounts are compared, not the names typed.
	if by.author.ID == by.approver.ID {
		return actors{}, fmt.Errorf("%w: người soạn và người duyệt phải là hai người khác nhau / author and approver must be two people",
			radio.ErrForbidden)
	}
	return by, nil
}

// check wants the rights of both in the whole province: an import can change all of it.
func (by actors) check(areas []radio.Area) error {
	var province []radio.AreaID // none before the first import: then only Everywhere counts
	for _, a := range areas {
		if a.Kind == radio.Province {
			province = append(province, a.ID)
		}
	}
	if len(province) > 1 {
		province = nil
	}
	for _, need := range []struct {
		who    radio.Person
		action radio.Action
		vi, en string
	}{
		{by.author, radio.WriteSchedules, "biên tập (editor)", "an editor"}, {by.author, radio.WriteBulletins, "biên tập (editor)", "an editor"},
		{by.approver, radio.PublishSchedules, "người duyệt (approver)", "an approver"}, {by.approver, radio.DecideBulletins, "người duyệt (approver)", "an approver"},
	} {
		if !need.who.May(need.action, province...) {
			return fmt.Errorf("%w: tài khoản %s không phải là %s của cả tỉnh / account %s is not %s of the whole province (no right %s)",
				radio.ErrForbidden, need.who.Login, need.vi, need.who.Login, need.en, need.action)
		}
	}
	return nil
}
