package schedule

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"loaxa/internal/radio"
)

// Publish puts a draft that was handed in on the air. The approver is none of those who
// wrote it (design §6). What stands against it comes back as a *radio.ScheduleClash;
// accept takes what need not be mended. What reaches the whole province, alone or with what
// this person has published within a day, takes a code of the approver's second factor, so
// that a stolen password, or an API token, does not reach it; priority schedules are few for one person and hour.
func (d *Desk) Publish(ctx context.Context, by radio.Person, id radio.ScheduleID, revision int64, accept bool, code string) (radio.Schedule, error) {
	d.publishing.Lock()
	defer d.publishing.Unlock()
	w, err := d.world(ctx)
	if err != nil {
		return radio.Schedule{}, err
	}
	x, err := w.findDraft(by, id, revision, radio.PublishSchedules)
	if err != nil {
		return radio.Schedule{}, err
	}
	switch {
	case slices.Contains(x.Authors, by.ID):
		return x.Doc, fmt.Errorf("%w: nobody publishes what they wrote", radio.ErrForbidden)
	case x.State != radio.DraftSubmitted:
		return x.Doc, fmt.Errorf("%w: the draft is not handed in", radio.ErrConflict)
	case x.Base != w.stored[id].Version:
		return x.Doc, fmt.Errorf("%w: version %d is on the air by now, the draft was made from version %d", radio.ErrConflict, w.stored[id].Version, x.Base)
	}
	if err := w.recheck(x.Doc, d.now()); err != nil {
		return x.Doc, err
	}
	v, err := playNow(x.Doc, d.now())
	if err != nil {
		return x.Doc, err
	}
	v.Version, v.Approver, v.ApprovedAt = x.Base+1, by.ID, radio.At(d.now())
	found, err := d.rooms.Clashes.Conflicts(ctx, []radio.Schedule{v})
	if err != nil {
		return v, fmt.Errorf("look for conflicts of schedule %s: %w", v.Code, err)
	}
	if clash := (&radio.ScheduleClash{Conflicts: found}); len(found) > 0 && (!accept || clash.Blocking()) {
		return v, clash
	}
	coded, err := d.admit(ctx, w, by, v, code)
	if err != nil {
		return v, err
	}
	facts := radio.AuditFacts{Version: v.Version, Conflicts: len(found)}
	facts.Change("version", number(x.Base), number(v.Version))
	act := d.act(by, "schedule.publish", facts)
	act.Uncoded = !coded
	if err := d.rooms.Drafts.PublishSchedule(ctx, v, revision, act); err != nil {
		return v, err
	}
	d.changed()
	return v, nil
}

// number is a version in the audit, "" for none.
func number(version int) string {
	if version == 0 {
		return ""
	}
	return strconv.Itoa(version)
}

// Waiting lists the drafts that wait for a decision which this person may take: handed in
// to a desk of theirs, and not written by them. By code.
func (d *Desk) Waiting(ctx context.Context, by radio.Person) ([]radio.ScheduleDraft, error) {
	w, err := d.reading(ctx)
	if err != nil {
		return nil, err
	}
	var out []radio.ScheduleDraft
	for id, x := range w.drafts {
		if x.State == radio.DraftSubmitted && !slices.Contains(x.Authors, by.ID) && w.may(by, radio.PublishSchedules, id) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b radio.ScheduleDraft) int { return cmp.Compare(a.Doc.Code, b.Doc.Code) })
	return out, nil
}

// recheck holds a draft against the rules once more: since it was saved a device may
// have moved to another commune, say.
func (w *world) recheck(s radio.Schedule, now time.Time) error {
	r := &reader{problems: &w.problems}
	decl := r.schedule(r.formSchedule(w.form(s), ""))
	w.resolveSchedule(&decl, s)
	w.checkNow(s, now)
	return w.problems.invalid()
}

// Withdraw takes a schedule off the air, with a reason. One approver of its area does it
// alone, also the one who wrote it: stopping sound is safe, and cannot wait for a second
// person. version is the one the person saw.
func (d *Desk) Withdraw(ctx context.Context, by radio.Person, id radio.ScheduleID, version int, why string) (radio.Schedule, error) {
	w, err := d.world(ctx)
	if err != nil {
		return radio.Schedule{}, err
	}
	if err := w.find(by, id, radio.ReadSchedules); err != nil {
		return radio.Schedule{}, err
	}
	s, ok := w.stored[id]
	switch {
	case !ok:
		return s, fmt.Errorf("%w: the schedule was never on the air", radio.ErrConflict)
	case !by.May(radio.PublishSchedules, w.chain(s)...):
		return s, fmt.Errorf("%w: the schedule belongs to another desk", radio.ErrForbidden)
	case s.WithdrawnAt != 0:
		return s, fmt.Errorf("%w: the schedule is withdrawn already", radio.ErrConflict)
	case s.Version != version:
		return s, fmt.Errorf("%w: version %d is on the air by now", radio.ErrConflict, s.Version)
	}
	if err := checkReason(why); err != nil {
		return s, err
	}
	// The author stays who wrote it; the approver is who answers for this version.
	s.Version, s.Approver, s.ApprovedAt, s.WithdrawnAt = s.Version+1, by.ID, radio.At(d.now()), radio.At(d.now())
	facts := radio.AuditFacts{Version: s.Version, Why: why}
	facts.Change("version", number(version), "")
	if err := d.rooms.Drafts.AddScheduleVersion(ctx, s, d.act(by, "schedule.withdraw", facts)); err != nil {
		return s, err
	}
	d.changed()
	return s, nil
}
