package web

import (
	"context"
	"slices"
	"time"

	"loaxa/internal/central/schedule"
	"loaxa/internal/radio"
)

// fakePlans keeps drafts over the fake plan, with the store's rules, beneath the real
// desk for schedules.
type fakePlans struct {
	plan       *fakePlan
	drafts     map[radio.ScheduleID]radio.ScheduleDraft
	acts       []radio.DeskAct
	clashes    []radio.Conflict
	difference radio.RehearsalDifference
	released   int
	generation int64
}

func (h *house) withSchedules(d *Deps) {
	h.plans = &fakePlans{plan: h.plan, drafts: map[radio.ScheduleID]radio.ScheduleDraft{}}
	desk := schedule.NewDesk(schedule.Rooms{Plans: h.plans, Drafts: h.plans, History: h.plans, Clashes: h.plans, Holdings: h.plans, Fleet: &fakeWatch{plan: h.plan}, Stands: func(radio.Bulletin) error { return nil }, Codes: h.staff},
		func() time.Time { return now }, func() { h.plans.released++ })
	d.Schedules, d.ScheduleDesk, d.ScheduleFiles = desk, desk, desk
}

func (f *fakePlans) Plan(ctx context.Context) (radio.Plan, error) {
	areas, err := f.plan.Areas(ctx)
	p := radio.Plan{Areas: areas, Bulletins: f.plan.bulletins, Campaigns: f.plan.campaigns, Schedules: f.plan.schedules}
	for _, pl := range f.plan.places {
		p.Devices = append(p.Devices, pl.Device)
	}
	return p, err
}

func (f *fakePlans) ScheduleDrafts(context.Context) ([]radio.ScheduleDraft, error) {
	var out []radio.ScheduleDraft
	for _, d := range f.drafts {
		out = append(out, d)
	}
	return out, nil
}

func (f *fakePlans) PutScheduleDrafts(_ context.Context, drafts []radio.DraftWrite, act radio.DeskAct) error {
	for _, w := range drafts {
		if f.drafts[w.Draft.Doc.ID].Revision != w.Was {
			return radio.ErrConflict
		}
	}
	for _, w := range drafts {
		f.drafts[w.Draft.Doc.ID] = w.Draft
	}
	f.acts = append(f.acts, act)
	return nil
}

func (f *fakePlans) DropScheduleDraft(_ context.Context, id radio.ScheduleID, revision int64, act radio.DeskAct) error {
	if f.drafts[id].Revision != revision {
		return radio.ErrConflict
	}
	delete(f.drafts, id)
	f.acts = append(f.acts, act)
	return nil
}

func (f *fakePlans) PublishSchedule(ctx context.Context, v radio.Schedule, revision int64, act radio.DeskAct) error {
	if err := f.DropScheduleDraft(ctx, v.ID, revision, act); err != nil {
		return err
	}
	f.put(v)
	return nil
}

func (f *fakePlans) AddScheduleVersion(_ context.Context, v radio.Schedule, act radio.DeskAct) error {
	f.acts = append(f.acts, act)
	f.put(v)
	return nil
}

func (f *fakePlans) UncodedSchedules(context.Context, radio.UserID, radio.Millis) ([]radio.Schedule, error) {
	return nil, nil
}

func (f *fakePlans) put(v radio.Schedule) {
	i := slices.IndexFunc(f.plan.schedules, func(s radio.Schedule) bool { return s.ID == v.ID })
	if i < 0 {
		f.plan.schedules = append(f.plan.schedules, v)
		return
	}
	f.plan.schedules[i] = v
}

func (f *fakePlans) ScheduleVersions(_ context.Context, id radio.ScheduleID) ([]radio.Schedule, error) {
	var out []radio.Schedule
	for _, s := range f.plan.schedules {
		if s.ID == id {
			out = append(out, s)
		}
	}
	return out, nil
}

func (f *fakePlans) Audit(_ context.Context, subject string, _ int) ([]radio.AuditEntry, error) {
	var out []radio.AuditEntry
	for _, a := range f.acts {
		out = append(out, radio.AuditEntry{At: a.At, Actor: string(a.By), Action: a.Action, Subject: subject, Facts: &a.Facts})
	}
	return out, nil
}

func (f *fakePlans) PersonNames(context.Context) (map[radio.UserID]string, error) {
	return map[radio.UserID]string{lan.ID: lan.Name, sau: "Trần Văn Sáu"}, nil
}

func (f *fakePlans) Conflicts(context.Context, []radio.Schedule) ([]radio.Conflict, error) {
	return f.clashes, nil
}

func (f *fakePlans) Difference(context.Context, []radio.Schedule) (radio.RehearsalDifference, error) {
	return f.difference, nil
}

// Generation: tests change the plan behind the desk's back.
func (f *fakePlans) Generation(context.Context) (int64, error) {
	f.generation++
	return f.generation, nil
}

func (f *fakePlans) CurrentBulletins(context.Context) ([]radio.Bulletin, error) {
	return f.plan.bulletins, nil
}

// Issued: the programmes that were issued hold nothing.
func (f *fakePlans) Issued(context.Context, radio.DeviceID, string, int64) (radio.Issued, error) {
	return radio.Issued{Payload: []byte("{}")}, nil
}
