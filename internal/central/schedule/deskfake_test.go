package schedule

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// fakeDrafts keeps drafts with the store's rules on revisions and versions.
type fakeDrafts struct {
	plan     *fakeStore
	drafts   map[radio.ScheduleID]radio.ScheduleDraft
	reads    int
	versions map[radio.ScheduleID][]radio.Schedule
	acts     []radio.DeskAct
	writes   int
	uncoded  []radio.Schedule
}

func (f *fakeDrafts) ScheduleDrafts(context.Context) ([]radio.ScheduleDraft, error) {
	f.reads++
	var out []radio.ScheduleDraft
	for _, d := range f.drafts {
		out = append(out, d)
	}
	return out, nil
}

func (f *fakeDrafts) PutScheduleDrafts(_ context.Context, drafts []radio.DraftWrite, act radio.DeskAct) error {
	for _, w := range drafts {
		if f.drafts[w.Draft.Doc.ID].Revision != w.Was {
			return radio.ErrConflict
		}
	}
	for _, w := range drafts {
		f.drafts[w.Draft.Doc.ID] = w.Draft
	}
	f.acts = append(f.acts, act)
	f.writes += len(drafts)
	return nil
}

func (f *fakeDrafts) DropScheduleDraft(_ context.Context, id radio.ScheduleID, revision int64, act radio.DeskAct) error {
	if f.drafts[id].Revision != revision {
		return radio.ErrConflict
	}
	delete(f.drafts, id)
	f.acts = append(f.acts, act)
	return nil
}

func (f *fakeDrafts) PublishSchedule(ctx context.Context, v radio.Schedule, revision int64, act radio.DeskAct) error {
	if err := f.DropScheduleDraft(ctx, v.ID, revision, act); err != nil {
		return err
	}
	f.put(v)
	if act.Uncoded {
		f.uncoded = append(f.uncoded, v)
	}
	return nil
}

func (f *fakeDrafts) UncodedSchedules(_ context.Context, approver radio.UserID, after radio.Millis) (out []radio.Schedule, err error) {
	for _, s := range f.uncoded {
		if s.Approver == approver && s.ApprovedAt > after {
			out = append(out, s)
		}
	}
	return out, nil
}

func (f *fakeDrafts) AddScheduleVersion(_ context.Context, v radio.Schedule, act radio.DeskAct) error {
	f.acts = append(f.acts, act)
	f.put(v)
	return nil
}

func (f *fakeDrafts) put(v radio.Schedule) {
	f.plan.plan.Schedules = merge(f.plan.plan.Schedules, []radio.Schedule{v}, func(s radio.Schedule) string { return string(s.ID) })
	f.versions[v.ID] = append(f.versions[v.ID], v)
}

func (f *fakeDrafts) ScheduleVersions(_ context.Context, id radio.ScheduleID) ([]radio.Schedule, error) {
	return f.versions[id], nil
}

func (f *fakeDrafts) Audit(context.Context, string, int) ([]radio.AuditEntry, error) { return nil, nil }

func (f *fakeDrafts) PersonNames(context.Context) (map[radio.UserID]string, error) {
	return map[radio.UserID]string{}, nil
}

// fakeClashes answers what a test sets, and keeps what it was asked.
type fakeClashes struct {
	rehearsed int
	found     []radio.Conflict
	asked     []radio.Schedule
}

func (f *fakeClashes) Difference(_ context.Context, candidates []radio.Schedule) (radio.RehearsalDifference, error) {
	f.rehearsed++
	return radio.RehearsalDifference{Devices: len(candidates)}, nil
}

func (f *fakeClashes) Conflicts(_ context.Context, candidates []radio.Schedule) ([]radio.Conflict, error) {
	f.asked = append(f.asked, candidates...)
	return f.found, nil
}

// fakeHoldings is what devices were given and reported.
type fakeHoldings struct {
	plan   *fakeStore
	states []radio.DeviceState
	issued map[radio.DeviceID]radio.Issued
	reads  int
}

// Views is every device with what it was given and reported.
func (f *fakeHoldings) Views(context.Context) ([]radio.DeviceView, error) {
	tree := radio.NewAreaTree(f.plan.plan.Areas)
	var out []radio.DeviceView
	for _, d := range f.plan.plan.Devices {
		v := radio.DeviceView{Place: radio.Place{Device: d}, Issued: map[string]radio.DocumentRevision{"programme": {Revision: f.issued[d.ID].Revision}}}
		for _, id := range tree.Chain(d.Hamlet) {
			a, _ := tree.Area(id)
			v.Place.Chain = append(v.Place.Chain, a)
		}
		for _, s := range f.states {
			if s.Device != d.ID {
				continue
			}
			v.State = s
			var status radio.Status
			if json.Unmarshal(s.Reported, &status) == nil {
				v.Status = &status
			}
		}
		out = append(out, v)
	}
	return out, nil
}

func (f *fakeHoldings) CurrentBulletins(context.Context) ([]radio.Bulletin, error) {
	return f.plan.plan.Bulletins, nil
}

func (f *fakeHoldings) Issued(_ context.Context, d radio.DeviceID, _ string, revision int64) (radio.Issued, error) {
	f.reads++
	if f.issued[d].Revision != revision {
		return radio.Issued{}, radio.ErrNotFound
	}
	return f.issued[d], nil
}

// issue gives a device a programme that holds the schedules as they are.
func (f *fakeHoldings) issue(t *testing.T, d radio.DeviceID, revision int64, schedules ...radio.Schedule) {
	t.Helper()
	p := radio.Programme{Device: d, Revision: revision}
	for _, s := range schedules {
		for _, sl := range s.Slots {
			ps := radio.ProgrammeSlot{Schedule: s.ID, Slot: sl.ID, Priority: s.Priority, Cron: sl.Cron, From: s.From, Until: s.Until, Except: s.Except, GraceSeconds: s.GraceSeconds}
			for _, e := range sl.Items {
				ps.Items = append(ps.Items, radio.Item{Entry: e.ID, Kind: e.Kind, Bulletin: e.Bulletin, Version: 1, Repeat: e.Repeat, GapMS: e.GapMS})
			}
			p.Slots = append(p.Slots, ps)
		}
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	f.issued[d] = radio.Issued{Device: d, Document: "programme", Revision: revision, Payload: b}
}

// goodCode is the one that fakeCodes lets through.
const goodCode = "123456"

// fakeCodes keeps who was asked for a code.
type fakeCodes struct{ asked []radio.UserID }

func (f *fakeCodes) CheckCode(_ context.Context, by radio.Person, code string) error {
	f.asked = append(f.asked, by.ID)
	switch {
	case by.Token != "":
		return radio.Refuse(radio.ErrForbidden, "mã API", "a token")
	case code != goodCode:
		var e radio.Invalid
		e.Add("code", "mã không đúng", "the code is wrong")
		return e.Err()
	}
	return nil
}

// deskBench is a desk over the small province of whereYAML, with a second commune, and
// the schedule "sang" of the province on the air.
type deskBench struct {
	*Desk
	store    *fakeStore
	drafts   *fakeDrafts
	clashes  *fakeClashes
	holdings *fakeHoldings
	codes    *fakeCodes
	changed  int
	now      time.Time
	// Of the province, of the commune xa, and of the commune khac.
	editor, approver, communeEditor, communeApprover, stranger radio.Person
}

func newDesk(t *testing.T) *deskBench {
	t.Helper()
	im := newBench()
	more := "areas:\n  - {code: khac, kind: commune, name: Xã khác, parent: tinh}\n  - {code: thon-khac, kind: hamlet, name: Thôn khác, parent: khac}\n" +
		"devices:\n  - {code: loa-khac, name: Cụm khác, hamlet: thon-khac}\n"
	apply(t, im, source("1-where.yaml", whereYAML, "2-what.yaml", whatYAML, "3-more.yaml", more, "tin.mp3", "tin một"))
	b := &deskBench{store: im.store, now: testNow}
	b.drafts = &fakeDrafts{plan: im.store, drafts: map[radio.ScheduleID]radio.ScheduleDraft{}, versions: map[radio.ScheduleID][]radio.Schedule{}}
	for _, s := range im.store.plan.Schedules {
		b.drafts.versions[s.ID] = []radio.Schedule{s}
	}
	b.clashes, b.codes = &fakeClashes{}, &fakeCodes{}
	b.holdings = &fakeHoldings{plan: im.store, issued: map[radio.DeviceID]radio.Issued{}}
	b.editor, b.approver = someone("bien-tap", radio.RoleEditor, radio.Everywhere), someone("duyet", radio.RoleApprover, radio.Everywhere)
	b.communeEditor, b.communeApprover = someone("xa-bt", radio.RoleEditor, b.area("xa")), someone("xa-duyet", radio.RoleApprover, b.area("xa"))
	b.stranger = someone("khac-bt", radio.RoleEditor, b.area("khac"))
	b.Desk = NewDesk(Rooms{Plans: im.store, Drafts: b.drafts, History: b.drafts, Clashes: b.clashes, Holdings: b.holdings, Fleet: b.holdings, Stands: im.approvals.Stands, Codes: b.codes},
		func() time.Time { return b.now }, func() { b.changed++ })
	return b
}

func (b *deskBench) area(code string) radio.AreaID {
	for _, a := range b.store.plan.Areas {
		if a.Code == code {
			return a.ID
		}
	}
	panic("no area " + code)
}

func (b *deskBench) onAir(code string) radio.Schedule {
	for _, s := range b.store.plan.Schedules {
		if s.Code == code {
			return s
		}
	}
	panic("no schedule " + code)
}

// formOf is what is on the air as the page's form has it.
func (b *deskBench) formOf(t *testing.T, code string) radio.ScheduleForm {
	t.Helper()
	v, err := b.View(t.Context(), b.editor, b.onAir(code).ID)
	if err != nil {
		t.Fatal(err)
	}
	return *v.OnAir
}

// communeForm is a schedule of the commune xa.
func communeForm(code string) radio.ScheduleForm {
	return radio.ScheduleForm{
		Code: code, Title: "Của xã", Area: "xa", Targets: []radio.FormTarget{{Area: "thon"}}, From: "2026-01-01", Until: "2026-12-31",
		Slots: []radio.FormSlot{{Code: "s", Times: []string{"05:30"}, Items: []radio.FormItem{{Code: "a", Bulletin: "tin"}}}},
	}
}

func (b *deskBench) save(t *testing.T, by radio.Person, in radio.DraftSave) radio.ScheduleDraft {
	t.Helper()
	x, err := b.Save(t.Context(), by, in)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (b *deskBench) submitted(t *testing.T, by radio.Person, in radio.DraftSave) radio.ScheduleDraft {
	t.Helper()
	x := b.save(t, by, in)
	x, err := b.Submit(t.Context(), by, x.Doc.ID, x.Revision)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func fieldNames(cs []radio.FieldChange) string {
	var out []string
	for _, c := range cs {
		out = append(out, fmt.Sprintf("%s/%s/%s: %s → %s", c.Field, c.Slot, c.Item, c.Was, c.Is))
	}
	return fmt.Sprint(out)
}
