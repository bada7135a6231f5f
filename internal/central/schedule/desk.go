package schedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Planner reads everything laid down, as of one moment.
type Planner interface {
	// Plan is shared: it must not be changed.
	Plan(ctx context.Context) (radio.Plan, error)
	// Generation grows with every change of the plan and of drafts.
	Generation(ctx context.Context) (int64, error)
}

// Drafts keeps what is not on the air yet, and takes it there (store).
type Drafts interface {
	ScheduleDrafts(ctx context.Context) ([]radio.ScheduleDraft, error)
	PutScheduleDrafts(ctx context.Context, drafts []radio.DraftWrite, act radio.DeskAct) error
	DropScheduleDraft(ctx context.Context, id radio.ScheduleID, revision int64, act radio.DeskAct) error
	PublishSchedule(ctx context.Context, v radio.Schedule, revision int64, act radio.DeskAct) error
	AddScheduleVersion(ctx context.Context, v radio.Schedule, act radio.DeskAct) error
	// UncodedSchedules lists what a person has put on the air after an instant without a code.
	UncodedSchedules(ctx context.Context, approver radio.UserID, after radio.Millis) ([]radio.Schedule, error)
}

// History tells what became of a schedule (store).
type History interface {
	ScheduleVersions(ctx context.Context, id radio.ScheduleID) ([]radio.Schedule, error)
	Audit(ctx context.Context, subject string, limit int) ([]radio.AuditEntry, error)
	PersonNames(ctx context.Context) (map[radio.UserID]string, error)
}

// Clashes finds what stands between schedules and the air, if the candidates took the
// place of the versions there.
type Clashes interface {
	Conflicts(ctx context.Context, candidates []radio.Schedule) ([]radio.Conflict, error)
	// Difference rehearses the coming days before and after.
	Difference(ctx context.Context, candidates []radio.Schedule) (radio.RehearsalDifference, error)
}

// Rooms are those the desk calls.
type Rooms struct {
	Plans    Planner
	Drafts   Drafts
	History  History
	Clashes  Clashes
	Holdings Holdings
	Fleet    Fleet
	// Stands says whether the signature under which a bulletin was approved holds (library).
	Stands func(radio.Bulletin) error
	Codes  Codes
}

// Desk is where people write schedules, hand them in and put them on the air. It holds
// the rules: rights by area, author ≠ approver, and the same checks for a form, the API
// and a file of any kind. Safe for concurrent use.
type Desk struct {
	rooms   Rooms
	now     func() time.Time
	changed func() // something went on or off the air
	held    heldCache
	seen    seenWorld
	clashes answers[[]radio.Conflict]
	// differences are what publications of drafts would change.
	differences answers[radio.RehearsalDifference]
	// publishing is held from the check of what two drafts would do together to the
	// writing of one.
	publishing sync.Mutex
	priority   *radio.Quota
}

// NewDesk stores what it is given.
func NewDesk(rooms Rooms, now func() time.Time, changed func()) *Desk {
	return &Desk{rooms: rooms, now: now, changed: changed, held: heldCache{devices: map[radio.DeviceID]heldProgramme{}}, priority: priorityQuota()}
}

func (w *world) chain(s radio.Schedule) []radio.AreaID { return w.tree.Chain(w.owner(s)) }

// may says whether the person may do it to the schedule, as it is on the air and as its
// draft has it: a draft may hand a schedule to another desk.
func (w *world) may(by radio.Person, a radio.Action, id radio.ScheduleID) bool {
	if s, ok := w.stored[id]; ok && !by.May(a, w.chain(s)...) {
		return false
	}
	if x, ok := w.drafts[id]; ok && !by.May(a, w.chain(x.Doc)...) {
		return false
	}
	return true
}

// mayRead: what is on the air as every finished thing, a draft only within one's areas.
// Of the province's schedules a commune sees those that reach it.
func (w *world) mayRead(by radio.Person, id radio.ScheduleID) (onAir, draft bool) {
	if s, ok := w.stored[id]; ok {
		chain := w.chain(s)
		onAir = by.May(radio.ReadSchedules, chain...) || by.MayRead(radio.ReadSchedules, chain...) && w.reaches(s, by.Where(radio.ReadSchedules))
	}
	if x, ok := w.drafts[id]; ok {
		// Design §1: who provides content sees their own drafts only, and writes none here.
		by.Grants = slices.DeleteFunc(slices.Clone(by.Grants), func(g radio.Grant) bool { return g.Role == radio.RoleProvider })
		draft = by.May(radio.ReadSchedules, w.chain(x.Doc)...)
	}
	return onAir, draft
}

// reaches says whether a target lies in one of the areas, or one of them in it.
func (w *world) reaches(s radio.Schedule, areas []radio.AreaID) bool {
	return slices.ContainsFunc(s.Targets, func(t radio.Target) bool {
		chain := w.targetChain(t)
		return slices.ContainsFunc(areas, func(a radio.AreaID) bool {
			return slices.Contains(chain, a) || t.Area != "" && slices.Contains(w.tree.Chain(a), t.Area)
		})
	})
}

// find gives ErrNotFound for what is not there or must not be known of, and
// ErrForbidden for what may be read but not done.
func (w *world) find(by radio.Person, id radio.ScheduleID, a radio.Action) error {
	onAir, draft := w.mayRead(by, id)
	if !onAir && !draft {
		return fmt.Errorf("schedule %.30s: %w", id, radio.ErrNotFound)
	}
	if a != radio.ReadSchedules && !w.may(by, a, id) {
		return fmt.Errorf("%w: the schedule belongs to another desk", radio.ErrForbidden)
	}
	return nil
}

// findDraft is find for what is done to a draft the person saw.
func (w *world) findDraft(by radio.Person, id radio.ScheduleID, revision int64, a radio.Action) (radio.ScheduleDraft, error) {
	if err := w.find(by, id, a); err != nil {
		return radio.ScheduleDraft{}, err
	}
	x, ok := w.drafts[id]
	if !ok {
		return x, fmt.Errorf("draft of schedule %.30s: %w", id, radio.ErrNotFound)
	}
	if x.Revision != revision {
		return x, fmt.Errorf("%w: the draft was changed meanwhile; look at it again", radio.ErrConflict)
	}
	return x, nil
}

// Area tells whose a schedule is: the chain of its owner, as it is on the air, else as
// its draft has it.
func (d *Desk) Area(ctx context.Context, id radio.ScheduleID) ([]radio.AreaID, error) {
	w, err := d.reading(ctx)
	if err != nil {
		return nil, err
	}
	if s, ok := w.stored[id]; ok {
		return w.chain(s), nil
	}
	if x, ok := w.drafts[id]; ok {
		return w.chain(x.Doc), nil
	}
	return nil, fmt.Errorf("schedule %.30s: %w", id, radio.ErrNotFound)
}

// List gives every schedule the person may see, by code.
func (d *Desk) List(ctx context.Context, by radio.Person) ([]radio.ScheduleCard, error) {
	w, err := d.reading(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[radio.ScheduleID]bool{}
	for id := range w.stored {
		ids[id] = true
	}
	for id := range w.drafts {
		ids[id] = true
	}
	out := []radio.ScheduleCard{}
	for id := range ids {
		if c, ok := d.card(w, by, id); ok {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b radio.ScheduleCard) int { return cmp.Compare(a.Schedule.Code, b.Schedule.Code) })
	return out, nil
}

// card is what the person may see of a schedule; ok is false for nothing.
func (d *Desk) card(w *world, by radio.Person, id radio.ScheduleID) (c radio.ScheduleCard, ok bool) {
	onAir, draft := w.mayRead(by, id)
	if draft {
		x := w.drafts[id]
		c.Draft, c.Schedule, c.State, c.Form = &x, x.Doc, radio.ScheduleNew, w.form(x.Doc)
	}
	if !onAir {
		return c, draft
	}
	s := w.stored[id]
	now := d.now()
	c.Schedule, c.State, c.Form = s, radio.ScheduleOnAir, w.form(s)
	zone, err := timetable.LoadZone(s.Zone)
	switch {
	case s.WithdrawnAt != 0:
		c.State = radio.ScheduleWithdrawn
	case err == nil && s.Until != "" && s.Until < zone.Date(now):
		c.State = radio.ScheduleEnded
	default:
		c.Next = w.next(s, now)
	}
	return c, true
}

// sounds says whether anything of the slot can be aired now.
func (w *world) sounds(sl radio.Slot) bool {
	return slices.ContainsFunc(sl.Items, func(e radio.Entry) bool {
		return e.Kind != radio.KindAudio || slices.ContainsFunc(e.Bulletins(), func(b radio.BulletinID) bool { return w.airable[b] })
	})
}

// historyLength bounds what of a schedule's audit a page shows.
const historyLength = 100

// View gives all of one schedule that the person may see.
func (d *Desk) View(ctx context.Context, by radio.Person, id radio.ScheduleID) (radio.ScheduleView, error) {
	w, err := d.reading(ctx)
	if err != nil {
		return radio.ScheduleView{}, err
	}
	if err := w.find(by, id, radio.ReadSchedules); err != nil {
		return radio.ScheduleView{}, err
	}
	v := radio.ScheduleView{Changes: []radio.FieldChange{}, Versions: []radio.Schedule{}, History: []radio.AuditEntry{}}
	v.ScheduleCard, _ = d.card(w, by, id)
	onAir, _ := w.mayRead(by, id)
	if s, ok := w.stored[id]; ok && onAir {
		f := w.form(s)
		v.OnAir = &f
		if v.Versions, err = d.rooms.History.ScheduleVersions(ctx, id); err != nil {
			return v, err
		}
		slices.Reverse(v.Versions)
	}
	if v.Draft != nil {
		f := w.form(v.Draft.Doc)
		v.Pending, v.Changes = &f, w.changes(id, v.Draft.Doc)
		if v.TakesCode, err = d.takesCode(ctx, w, by, v.Draft.Doc); err != nil {
			return v, err
		}
	}
	// What was done to a draft is known to its desk only.
	if w.may(by, radio.ReadSchedules, id) {
		if v.History, err = d.rooms.History.Audit(ctx, string(id), historyLength); err != nil {
			return v, err
		}
	}
	names, err := d.rooms.History.PersonNames(ctx)
	v.Names = map[radio.UserID]string{}
	for _, who := range v.People() {
		v.Names[who] = cmp.Or(names[who], string(who))
	}
	return v, err
}

// changes compares a version with what is on the air.
func (w *world) changes(id radio.ScheduleID, is radio.Schedule) []radio.FieldChange {
	was, ok := w.stored[id]
	return fieldChanges(fieldsIf(ok, func() []field { return w.scheduleFields(was) }), w.scheduleFields(is))
}

// fieldChanges is moves, part by part.
func fieldChanges(was, is []field) []radio.FieldChange {
	old := make(map[string]string, len(was))
	for _, f := range was {
		old[f.name] = f.value
	}
	out := []radio.FieldChange{}
	now := make(map[string]bool, len(is))
	note := func(name, was, is string) {
		c := radio.FieldChange{Field: name, Was: was, Is: is}
		// "slot s1 item b": codes hold no spaces.
		switch p := strings.Fields(name); {
		case len(p) == 4 && p[0] == "slot":
			c.Field, c.Slot, c.Item = p[2], p[1], p[3]
		case len(p) == 3 && p[0] == "slot":
			c.Field, c.Slot = p[2], p[1]
		}
		out = append(out, c)
	}
	for _, f := range is {
		now[f.name] = true
		if v := old[f.name]; v != f.value {
			note(f.name, v, f.value)
		}
	}
	for _, f := range was {
		if !now[f.name] {
			note(f.name, f.value, "")
		}
	}
	return out
}

// checkReason refuses a decision against something without a word why.
func checkReason(why string) error {
	var e radio.Invalid
	r := &reader{problems: &Problems{}}
	switch n := utf8.RuneCountInString(why); {
	case strings.TrimSpace(why) == "":
		e.Add("why", "phải nêu lý do", "say why")
	case n > 500:
		e.Add("why", "lý do dài quá 500 ký tự", "the reason is longer than 500 characters")
	default:
		r.note("why", why)
		for _, p := range *r.problems {
			e.Add("why", p.VI, p.EN)
		}
	}
	return e.Err()
}

// note checks free text of a person, in which lines may be broken.
func (r *reader) note(field, s string) string {
	parts := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, p := range parts {
		parts[i] = r.clean(text{s: p, at: Pos{Line: 1, Col: 1, Cell: field}}).s
	}
	return strings.TrimSpace(strings.Join(parts, "\n"))
}

// invalid makes the problems an error whose fields are their places.
func (ps Problems) invalid() error {
	err := ps.err()
	if err == nil {
		return nil
	}
	var sorted Problems
	if !errors.As(err, &sorted) {
		return err
	}
	e := &radio.Invalid{}
	for _, p := range sorted {
		e.Add(p.At.String(), p.VI, p.EN)
	}
	return e
}
