package schedule

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"loaxa/internal/radio"
)

// Save keeps a draft, new or in place of the one there is. A draft that was handed in
// or sent back is an open one again.
func (d *Desk) Save(ctx context.Context, by radio.Person, in radio.DraftSave) (radio.ScheduleDraft, error) {
	write, err := d.prepare(ctx, by, in)
	if err != nil {
		return radio.ScheduleDraft{}, err
	}
	if err := d.rooms.Drafts.PutScheduleDrafts(ctx, []radio.DraftWrite{write}, d.act(by, "schedule.draft", radio.AuditFacts{})); err != nil {
		return radio.ScheduleDraft{}, err
	}
	return write.Draft, nil
}

// Check says what Save would say, and what would stand between it and the air; it keeps
// nothing.
func (d *Desk) Check(ctx context.Context, by radio.Person, in radio.DraftSave) ([]radio.Conflict, error) {
	write, err := d.prepare(ctx, by, in)
	if err != nil {
		return nil, err
	}
	return d.rooms.Clashes.Conflicts(ctx, []radio.Schedule{write.Draft.Doc})
}

// prepare makes the draft that is to be kept, or says what is wrong with it.
func (d *Desk) prepare(ctx context.Context, by radio.Person, in radio.DraftSave) (write radio.DraftWrite, err error) {
	w, err := d.world(ctx)
	if err != nil {
		return write, err
	}
	if err := w.checkSave(by, in); err != nil {
		return write, err
	}
	r := &reader{problems: &w.problems}
	raw := r.formSchedule(in.Form, "")
	if !raw.area.set() {
		raw.area = w.ownDesk(by, raw.at)
	}
	decl := r.schedule(raw)
	note := r.note("note", in.Note)
	if utf8.RuneCountInString(note) > 500 {
		w.problems.add(Pos{Line: 1, Cell: "note"}, "ghi chú dài quá 500 ký tự", "the note is longer than 500 characters")
	}
	s, ok := w.resolve(by, &decl, in.Schedule)
	if ok {
		w.checkNow(s, d.now())
	}
	if err := w.problems.invalid(); err != nil {
		return write, err
	}
	if _, drafted := w.drafts[s.ID]; !drafted && len(w.changes(s.ID, s)) == 0 {
		e := &radio.Invalid{}
		e.Add("code", "không có gì khác với lịch đang áp dụng", "nothing differs from what is on the air")
		return write, e
	}
	write = d.draft(w, by, s)
	write.Draft.Note = note
	return write, nil
}

// checkSave holds what the person saw against what there is.
func (w *world) checkSave(by radio.Person, in radio.DraftSave) error {
	if in.Schedule == "" {
		if !by.MaySomewhere(radio.WriteSchedules) {
			return fmt.Errorf("%w: no right to write schedules", radio.ErrForbidden)
		}
		return nil
	}
	if err := w.find(by, in.Schedule, radio.WriteSchedules); err != nil {
		return err
	}
	if v := w.stored[in.Schedule].Version; v != in.Base {
		return fmt.Errorf("%w: version %d is on the air by now, the draft was made from version %d", radio.ErrConflict, v, in.Base)
	}
	if x := w.drafts[in.Schedule]; x.Revision != in.Revision {
		return fmt.Errorf("%w: the draft was changed meanwhile; look at it again", radio.ErrConflict)
	}
	return nil
}

// ownDesk gives a schedule without an owner to the one desk its writer has; a person of
// the whole province writes for the province.
func (w *world) ownDesk(by radio.Person, at Pos) text {
	where := by.Where(radio.WriteSchedules)
	if len(where) != 1 || where[0] == radio.Everywhere {
		return text{}
	}
	return text{s: w.areaByID[where[0]].Code, at: at}
}

// resolve turns a declaration into the version it asks for, with the rules of the desk:
// whose schedule it is and who writes it. id is "" where the code says which it is; a
// problem is noted, ok is false then.
func (w *world) resolve(by radio.Person, d *scheduleDecl, id radio.ScheduleID) (s radio.Schedule, ok bool) {
	before := len(w.problems)
	owner, taken := w.byCode(d.code.s)
	switch {
	case d.withdrawn:
		w.problems.add(d.code.at, "thu hồi lịch là việc của người duyệt, làm trên trang của lịch", "an approver withdraws a schedule, on its page")
	case taken && id == "" && d.byFile:
		id = owner
		if w.find(by, id, radio.WriteSchedules) != nil {
			// Whose it is and what is in it is not told.
			w.problems.add(d.code.at, fmt.Sprintf("mã %q đã dùng cho lịch khác", d.code.s), fmt.Sprintf("code %q belongs to another schedule", d.code.s))
		}
	case taken && owner != id:
		w.problems.add(d.code.at, fmt.Sprintf("mã %q đã dùng cho lịch khác", d.code.s), fmt.Sprintf("code %q belongs to another schedule", d.code.s))
	}
	if was, exists := w.stored[id]; exists && d.code.s != "" && was.Code != d.code.s {
		w.problems.add(d.code.at, "mã của lịch đã phát không đổi được", "the code of a schedule that was on the air cannot change")
	}
	if len(w.problems) != before {
		return s, false
	}
	s, ok = w.resolveSchedule(d, w.known(id))
	if ok = w.checkBulletins(d, s) && ok; !ok {
		return s, false
	}
	s.Version, s.Author = w.stored[id].Version+1, by.ID
	if !by.May(radio.WriteSchedules, w.chain(s)...) {
		at := d.area.at
		if !d.area.set() {
			at = d.code.at
		}
		name := w.areaByID[s.Area].Name
		w.problems.add(at, fmt.Sprintf("bạn không soạn lịch cho %s", name), fmt.Sprintf("you do not write schedules for %s", name))
		return s, false
	}
	return s, true
}

// checkBulletins: a commune airs its own bulletins and the province's. That another
// commune has one of that code is not told.
func (w *world) checkBulletins(d *scheduleDecl, s radio.Schedule) bool {
	owner := map[radio.BulletinID]radio.AreaID{}
	for _, b := range w.cur.Bulletins {
		owner[b.ID] = b.Area
	}
	chain, ok := w.chain(s), true
	for _, sl := range d.slots {
		for _, it := range sl.items {
			for _, named := range it.bulletins() {
				id, known := w.bulletins[named.s]
				if area := owner[id]; known && area != "" && len(chain) > 1 && !slices.Contains(chain, area) {
					w.missing("bulletin", named)
					ok = false
				}
			}
		}
	}
	return ok
}

func (w *world) byCode(code string) (radio.ScheduleID, bool) {
	for id, s := range w.stored {
		if s.Code == code {
			return id, true
		}
	}
	for id, x := range w.drafts {
		if x.Doc.Code == code {
			return id, true
		}
	}
	return "", false
}

// known gives what slots and positions are called by now, on the air and in the draft:
// ids stay with the codes, so that an airing keeps its name across edits.
func (w *world) known(id radio.ScheduleID) radio.Schedule {
	s, onAir := w.stored[id]
	x, drafted := w.drafts[id]
	switch {
	case !drafted:
		return s
	case !onAir:
		return x.Doc
	}
	s.Slots = slices.Clone(s.Slots)
	for _, sl := range x.Doc.Slots {
		i := slices.IndexFunc(s.Slots, func(o radio.Slot) bool { return o.Code == sl.Code })
		if i < 0 {
			s.Slots = append(s.Slots, sl)
			continue
		}
		items := slices.Clone(s.Slots[i].Items)
		for _, e := range sl.Items {
			if !slices.ContainsFunc(items, func(o radio.Entry) bool { return o.Code == e.Code }) {
				items = append(items, e)
			}
		}
		s.Slots[i].Items = items
	}
	return s
}

// draft makes the draft that takes the place of the one there is.
func (d *Desk) draft(w *world, by radio.Person, s radio.Schedule) radio.DraftWrite {
	old := w.drafts[s.ID]
	at := radio.At(d.now())
	x := radio.ScheduleDraft{
		Doc: s, Base: s.Version - 1, Revision: max(old.Revision+1, int64(at)), State: radio.DraftOpen, SavedAt: at,
		Authors: slices.Clone(old.Authors), ReturnedBy: old.ReturnedBy, ReturnedWhy: old.ReturnedWhy,
	}
	if !slices.Contains(x.Authors, by.ID) {
		x.Authors = append(x.Authors, by.ID)
	}
	return radio.DraftWrite{Draft: x, Was: old.Revision}
}

func (d *Desk) act(by radio.Person, action string, facts radio.AuditFacts) radio.DeskAct {
	return radio.DeskAct{At: radio.At(d.now()), By: by.ID, Action: action, Facts: facts}
}

// Submit hands a draft in to the approvers.
func (d *Desk) Submit(ctx context.Context, by radio.Person, id radio.ScheduleID, revision int64) (radio.ScheduleDraft, error) {
	w, err := d.world(ctx)
	if err != nil {
		return radio.ScheduleDraft{}, err
	}
	x, err := w.findDraft(by, id, revision, radio.WriteSchedules)
	if err != nil {
		return x, err
	}
	if x.State == radio.DraftSubmitted {
		return x, fmt.Errorf("%w: the draft is handed in already", radio.ErrConflict)
	}
	x.ReturnedBy, x.ReturnedWhy = "", ""
	return d.move(ctx, by, x, radio.DraftSubmitted, "schedule.submit", radio.AuditFacts{})
}

// Return sends a draft that was handed in back to its authors, with a reason.
func (d *Desk) Return(ctx context.Context, by radio.Person, id radio.ScheduleID, revision int64, why string) (radio.ScheduleDraft, error) {
	w, err := d.world(ctx)
	if err != nil {
		return radio.ScheduleDraft{}, err
	}
	x, err := w.findDraft(by, id, revision, radio.PublishSchedules)
	if err != nil {
		return x, err
	}
	if x.State != radio.DraftSubmitted {
		return x, fmt.Errorf("%w: the draft is not handed in", radio.ErrConflict)
	}
	if err := checkReason(why); err != nil {
		return x, err
	}
	x.ReturnedBy, x.ReturnedWhy = by.ID, why
	return d.move(ctx, by, x, radio.DraftReturned, "schedule.return", radio.AuditFacts{Why: why})
}

func (d *Desk) move(ctx context.Context, by radio.Person, x radio.ScheduleDraft, to radio.DraftState, action string, facts radio.AuditFacts) (radio.ScheduleDraft, error) {
	was := x.Revision
	x.State, x.Revision = to, max(was+1, int64(radio.At(d.now())))
	err := d.rooms.Drafts.PutScheduleDrafts(ctx, []radio.DraftWrite{{Draft: x, Was: was}}, d.act(by, action, facts))
	return x, err
}

// Drop throws a draft away.
func (d *Desk) Drop(ctx context.Context, by radio.Person, id radio.ScheduleID, revision int64) error {
	w, err := d.world(ctx)
	if err != nil {
		return err
	}
	x, err := w.findDraft(by, id, revision, radio.WriteSchedules)
	if err != nil {
		return err
	}
	return d.rooms.Drafts.DropScheduleDraft(ctx, id, revision, d.act(by, "schedule.drop", radio.AuditFacts{Code: x.Doc.Code, Title: x.Doc.Title}))
}
