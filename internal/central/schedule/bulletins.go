package schedule

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// MaxSourceBytes bounds one audio file (design §4).
const MaxSourceBytes = 200 << 20

// bulletinWork is what Apply does about one bulletin once people and instant are
// known.
type bulletinWork struct {
	decl   *bulletinDecl
	action Action
	// next is the new version (Created, Changed) or the stored one (Approved); of
	// Ended every open version of the bulletin is taken.
	next radio.Bulletin
	// audio is true when next needs its sound made from the file.
	audio bool
}

func (b *builder) buildBulletins(ctx context.Context) error {
	newest, drafts := map[string]radio.Bulletin{}, map[string]radio.Bulletin{}
	for _, x := range b.cur.Bulletins {
		switch {
		case x.State == radio.Draft:
			drafts[x.Code] = x
		case x.Version > newest[x.Code].Version:
			newest[x.Code] = x
		}
	}
	seen := known{}
	hashes := map[string]radio.SHA256{}
	for i := range b.f.bulletins {
		d := &b.f.bulletins[i]
		if !b.first(seen, "bulletin", d.code) {
			continue
		}
		old, exists := newest[d.code.s]
		if d.withdrawn {
			b.withdrawBulletin(d, exists)
			continue
		}
		next, ok, err := b.describe(ctx, d, hashes)
		if err != nil {
			return err
		}
		if !exists {
			next.ID = radio.NewID[radio.BulletinID]()
			b.putBulletin(d.code.s, next.ID)
		} else {
			next.ID = old.ID
		}
		if !ok {
			continue
		}
		if draft, open := drafts[d.code.s]; open && b.overDraft(d, draft, old, next, exists) {
			continue
		}
		b.compareBulletin(d, old, next, exists)
	}
	return nil
}

// overDraft says, and notes, that a person works on the very version that the file would
// make: theirs is not overrun.
func (b *builder) overDraft(d *bulletinDecl, draft, old, next radio.Bulletin, exists bool) bool {
	if exists && len(moves(b.bulletinFields(old), b.bulletinFields(next))) == 0 {
		return false
	}
	b.problems.add(d.code.at, fmt.Sprintf("bản tin %q đang có bản nháp (phiên bản %d) trên bàn biên tập; hãy trình duyệt hoặc xóa bản nháp trước", d.code.s, draft.Version),
		fmt.Sprintf("bulletin %q has a draft (version %d) at the desk; submit or delete it first", d.code.s, draft.Version))
	return true
}

// describe makes the version the file asks for; ok is false when something is
// wrong, which is noted.
func (b *builder) describe(ctx context.Context, d *bulletinDecl, hashes map[string]radio.SHA256) (next radio.Bulletin, ok bool, err error) {
	before := len(b.problems)
	next = radio.Bulletin{
		Code: d.code.s, Title: d.title.s, Field: d.field, Author: d.author.s, Unit: d.unit.s,
		Language: d.language.s, State: radio.Pending, Summary: d.summary.s, PenName: d.penName.s, Transcript: d.transcript.s,
		Priority: radio.Priority(cmp.Or(d.priority.s, string(radio.Normal))),
	}
	b.ownBulletin(d, &next)
	if d.validFrom != "" {
		if next.ValidFrom, err = b.startOfDay(d.validFrom); err != nil {
			b.problems.add(d.code.at, "valid_from cần một tỉnh có múi giờ", err.Error())
		}
	}
	if d.validUntil != "" {
		if next.ValidUntil, err = b.endOfDay(d.validUntil); err != nil {
			b.problems.add(d.code.at, "valid_until cần một tỉnh có múi giờ", err.Error())
		}
	}
	var broken *radio.Invalid
	if err := next.Check(); errors.As(err, &broken) && len(b.problems) == before && len(b.f.problems) == 0 {
		for _, p := range broken.Problems {
			b.problems.add(d.code.at, p.Field+": "+p.VI, p.Field+": "+p.EN)
		}
	}
	if d.file.s == "" {
		return next, false, nil
	}
	if h, done := hashes[d.file.s]; done {
		next.SourceSHA256 = h
		return next, len(b.problems) == before, nil
	}
	next.SourceSHA256, err = b.hash(ctx, d.file)
	hashes[d.file.s] = next.SourceSHA256
	return next, len(b.problems) == before, err
}

// ownBulletin gives a bulletin its desk and its campaign. Without a word in the file
// the desk is the one it has, or the province.
func (b *builder) ownBulletin(d *bulletinDecl, next *radio.Bulletin) {
	if d.campaign.s != "" {
		id, ok := b.campaigns[d.campaign.s]
		if !ok {
			b.missing("campaign", d.campaign)
		}
		next.Campaign = id
	}
	if d.area.s == "" {
		for _, a := range b.areas {
			if a.Kind == radio.Province {
				next.Area = a.ID
			}
		}
		return
	}
	a, ok := b.areas[d.area.s]
	switch {
	case !ok:
		b.missing("area", d.area)
	case a.Kind == radio.Hamlet:
		b.problems.add(d.area.at, fmt.Sprintf("bản tin thuộc tỉnh hoặc xã, %q là thôn", a.Code), fmt.Sprintf("a bulletin belongs to the province or a commune; %q is a hamlet", a.Code))
	}
	next.Area = a.ID
}

// startOfDay is the first instant of a local day.
func (b *builder) startOfDay(day radio.Date) (radio.Millis, error) {
	start, _, err := b.day(day)
	return start, err
}

// endOfDay is the first instant after a local day.
func (b *builder) endOfDay(day radio.Date) (radio.Millis, error) {
	_, end, err := b.day(day)
	return end, err
}

// day bounds a local day. All provinces known here must agree on the zone.
func (b *builder) day(day radio.Date) (start, end radio.Millis, err error) {
	zone := ""
	for _, a := range b.areas {
		if a.Zone != "" && zone != "" && a.Zone != zone {
			return 0, 0, fmt.Errorf("%w: the provinces have more than one zone", radio.ErrInvalid)
		}
		if a.Zone != "" {
			zone = a.Zone
		}
	}
	z, err := timetable.LoadZone(zone)
	if err != nil {
		return 0, 0, err
	}
	from, to, err := z.Day(day)
	return radio.At(from), radio.At(to), err
}

// hash reads the audio once. With samples nil a sample is taken on trust.
func (b *builder) hash(ctx context.Context, name text) (radio.SHA256, error) {
	if b.samples == nil && isSample(name.s) {
		return "", nil
	}
	h := sha256.New()
	err := b.withAudio(ctx, name.s, func(r io.Reader) error {
		_, err := io.Copy(h, r)
		return err
	})
	if err != nil {
		return "", b.audioProblem(name, err)
	}
	return radio.SHA256(hex.EncodeToString(h.Sum(nil))), nil
}

// audioProblem notes what the files are to blame for and gives back the rest.
func (b *builder) audioProblem(name text, err error) error {
	var broken *radio.Invalid
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		b.problems.add(name.at, fmt.Sprintf("không có tệp âm thanh %q", clip(name.s)), fmt.Sprintf("no audio file %q", clip(name.s)))
	case errors.As(err, &broken):
		for _, p := range broken.Problems {
			b.problems.add(name.at, p.VI, p.EN)
		}
	case errors.Is(err, radio.ErrInvalid):
		b.problems.add(name.at, fmt.Sprintf("không nhận tệp âm thanh %q", clip(name.s)), err.Error())
	default:
		return fmt.Errorf("read audio %s: %w", name.s, err)
	}
	return nil
}

// withAudio opens what a bulletin's file names and hands f at most MaxSourceBytes
// of it.
func (b *builder) withAudio(ctx context.Context, name string, f func(io.Reader) error) error {
	var e radio.Invalid
	r, err := b.src.openAudio(name, b.samples)
	if errors.Is(err, errNotRegular) {
		e.Add("file", "không phải là tệp thường", "not a regular file")
		return e.Err()
	}
	if err != nil {
		return err
	}
	defer r.Close() // only read from
	info, err := r.Stat()
	if err != nil {
		return err
	}
	if info.Size() > MaxSourceBytes {
		e.Add("file", "tệp âm thanh lớn hơn 200 MB", "audio file larger than 200 MB")
		return e.Err()
	}
	return f(io.LimitReader(ctxReader{ctx, r}, MaxSourceBytes))
}

// ctxReader stops reading when ctx ends.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func (b *builder) compareBulletin(d *bulletinDecl, old, next radio.Bulletin, exists bool) {
	if d.area.s == "" && exists {
		next.Area = old.Area
	}
	if exists && next.Area != old.Area {
		b.problems.add(d.area.at, fmt.Sprintf("bản tin %q thuộc %q, không chuyển sang nơi khác được", d.code.s, b.areaByID[old.Area].Code),
			fmt.Sprintf("bulletin %q belongs to %q and stays there", d.code.s, b.areaByID[old.Area].Code))
		return
	}
	moved := moves(b.bulletinFields(old), b.bulletinFields(next))
	next.Version = old.Version + 1
	switch {
	case !exists:
		b.diff.note(Created, "bulletin", d.code.s, d.title.s)
		b.waits(d)
		b.work = append(b.work, bulletinWork{decl: d, action: Created, next: next, audio: true})
	case len(moved) > 0:
		b.diff.note(Changed, "bulletin", d.code.s, d.title.s, append([]string{fmt.Sprintf("version: %d → %d", old.Version, next.Version)}, moved...)...)
		b.waits(d)
		w := bulletinWork{decl: d, action: Changed, next: next, audio: old.SourceSHA256 != next.SourceSHA256}
		if !w.audio {
			// The same sound under other words: a new version, nothing made again.
			w.next.Renditions, w.next.LUFS, w.next.TruePeak = old.Renditions, old.LUFS, old.TruePeak
			w.next.Seconds, w.next.Warnings = old.Seconds, old.Warnings
		}
		b.work = append(b.work, w)
	case old.State == radio.Pending && !b.signs():
		b.diff.note(Unchanged, "bulletin", d.code.s, d.title.s)
		b.waits(d)
	case old.State == radio.Pending:
		b.diff.note(Approved, "bulletin", d.code.s, d.title.s)
		b.work = append(b.work, bulletinWork{decl: d, action: Approved, next: old})
	case old.State == radio.Approved && !b.stands(old):
		b.approveAgain(d, old)
	case old.State == radio.Approved:
		b.diff.note(Unchanged, "bulletin", d.code.s, d.title.s)
	default:
		// A person rejected or withdrew exactly this: files do not overrule that.
		b.diff.note(Left, "bulletin", d.code.s, d.title.s, fmt.Sprintf("state: %s", old.State))
	}
}

func (b *builder) signs() bool { return b.approvals != nil && b.approvals.Signs() }

func (b *builder) stands(x radio.Bulletin) bool {
	return b.approvals != nil && b.approvals.Stands(x) == nil
}

// waits tells of a bulletin that nobody signs for in this import.
func (b *builder) waits(d *bulletinDecl) {
	if !b.signs() {
		b.diff.Notes = append(b.diff.Notes, fmt.Sprintf("bản tin %[1]q chờ duyệt: người duyệt chưa ký (--approver-password-stdin) / bulletin %[1]q waits for approval: its approver has not signed", d.code.s))
	}
}

// approveAgain is for what was approved, and whose approver's signature is missing or
// counts no more.
func (b *builder) approveAgain(d *bulletinDecl, old radio.Bulletin) {
	if b.signs() {
		b.diff.note(Approved, "bulletin", d.code.s, d.title.s)
		b.work = append(b.work, bulletinWork{decl: d, action: Approved, next: old})
		return
	}
	b.diff.note(Unchanged, "bulletin", d.code.s, d.title.s)
	b.diff.Notes = append(b.diff.Notes, fmt.Sprintf("bản tin %[1]q cần duyệt lại: không có chữ ký duyệt còn hiệu lực (--approver-password-stdin) / bulletin %[1]q needs approval again: no approver's signature holds for it", d.code.s))
}

// withdrawBulletin takes every version off the air that is on it or may come.
func (b *builder) withdrawBulletin(d *bulletinDecl, exists bool) {
	if exists {
		for _, x := range b.cur.Bulletins {
			if x.Code == d.code.s && (x.State == radio.Approved || x.State == radio.Pending) {
				b.diff.note(Ended, "bulletin", d.code.s, d.title.s)
				b.work = append(b.work, bulletinWork{decl: d, action: Ended, next: x})
				return
			}
		}
	}
	b.diff.note(Unchanged, "bulletin", d.code.s, d.title.s)
}

// sign puts the people and the instant into the change.
func (b *builder) sign(by actors, now time.Time) {
	at := radio.At(now)
	c := &b.change
	author, approver := by.author.ID, by.approver.ID
	c.At, c.Author, c.Approver = at, author, approver
	c.Facts = radio.AuditFacts{File: b.src.Name, Counts: b.diff.Counts()}
	for i := range c.Policies {
		p := &c.Policies[i]
		p.Author, p.Approver, p.ApprovedAt = author, approver, at
	}
	for i := range c.Schedules {
		s := &c.Schedules[i]
		s.Author, s.Approver, s.ApprovedAt = author, approver, at
		if s.WithdrawnAt == withdrawNow {
			s.WithdrawnAt = at
		}
	}
}

// prepare makes the audio that is new and decides on every bulletin.
func (im *Importer) prepare(ctx context.Context, b *builder, approver radio.Person) error {
	made := map[string]Prepared{}
	for _, w := range b.work {
		switch w.action {
		case Created, Changed:
			if w.audio {
				p, ok, err := im.make(ctx, b, w, made)
				if err != nil {
					return err
				}
				if !ok {
					continue
				}
				w.next.Renditions, w.next.LUFS, w.next.TruePeak = p.Renditions, p.LUFS, p.TruePeak
				w.next.Seconds, w.next.Warnings, w.next.Peaks = p.Seconds, p.Warnings, p.Peaks
			}
			w.next.CreatedBy, w.next.CreatedAt, w.next.EditedAt, w.next.SubmittedAt = b.change.Author, b.change.At, b.change.At, b.change.At
			if b.signs() {
				var err error
				if w.next, err = im.approve(ctx, w.next, radio.StepApprove, b.change.At, approver); err != nil {
					return err
				}
			}
			b.change.Bulletins = append(b.change.Bulletins, w.next)
		case Approved:
			step := radio.StepApprove
			if w.next.State == radio.Approved {
				step = radio.StepReapprove
			}
			next, err := im.approve(ctx, w.next, step, b.change.At, approver)
			if errors.Is(err, errStep) {
				b.problems.add(w.decl.code.at, fmt.Sprintf("không duyệt được bản tin %q", w.next.Code), err.Error())
				continue
			}
			if err != nil {
				return err
			}
			b.change.Decisions = append(b.change.Decisions, radio.BulletinDecision{From: w.next.State, To: next})
		case Ended:
			if err := b.end(w); err != nil {
				return err
			}
		}
	}
	return b.problems.err()
}

// errStep marks an approval that the bulletin's state or its author forbid.
var errStep = errors.New("not this step")

// approve decides on a version and has the approver sign for it: for a hundred bulletins
// their key is opened once.
func (im *Importer) approve(ctx context.Context, b radio.Bulletin, step radio.BulletinStep, at radio.Millis, approver radio.Person) (radio.Bulletin, error) {
	next, err := b.Take(step, approver.ID, at, "")
	if err != nil {
		return b, fmt.Errorf("approve bulletin %s: %w: %w", b.Code, errStep, err)
	}
	if next.Signed, err = im.approvals.Sign(ctx, approver, next); err != nil {
		return b, fmt.Errorf("approve bulletin %s: %w", b.Code, err)
	}
	return next, nil
}

// end withdraws what is approved and rejects what still waits.
func (b *builder) end(w bulletinWork) error {
	why := fmt.Sprintf("thu hồi khi nhập %s / withdrawn by import of %s", w.decl.code.at.File, w.decl.code.at.File)
	for _, x := range b.cur.Bulletins {
		to := radio.Withdrawn
		switch {
		case x.ID != w.next.ID:
			continue
		case x.State == radio.Pending:
			to = radio.Rejected
		case x.State != radio.Approved:
			continue
		}
		next, err := x.Decide(to, b.change.Approver, b.change.At, why)
		if err != nil {
			return fmt.Errorf("withdraw bulletin %s: %w", x.Code, err)
		}
		b.change.Decisions = append(b.change.Decisions, radio.BulletinDecision{From: x.State, To: next})
	}
	return nil
}

// make has the intake turn the file into sound; ok is false when it is refused,
// which is noted.
func (im *Importer) make(ctx context.Context, b *builder, w bulletinWork, made map[string]Prepared) (p Prepared, ok bool, err error) {
	name := w.decl.file
	if p, ok = made[name.s]; ok {
		return p, true, nil
	}
	err = b.withAudio(ctx, name.s, func(r io.Reader) error {
		p, err = im.intake.Prepare(ctx, r)
		return err
	})
	if err != nil {
		return p, false, b.audioProblem(name, err)
	}
	// What was compared must be what was made into sound.
	if p.SourceSHA256 != w.next.SourceSHA256 {
		return p, false, fmt.Errorf("%w: %s changed while it was imported; import again", radio.ErrConflict, name.s)
	}
	if len(p.Renditions) == 0 {
		return p, false, fmt.Errorf("prepare %s: no rendition came back", name.s)
	}
	for _, r := range p.Renditions {
		if err := r.Check(); err != nil {
			return p, false, fmt.Errorf("prepare %s: %w", name.s, err)
		}
	}
	made[name.s] = p
	return p, true, nil
}
