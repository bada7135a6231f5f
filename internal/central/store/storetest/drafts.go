package storetest

import (
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func draftSuites() []Suite {
	return []Suite{
		{"drafts: written, replaced, dropped", draftsWritten},
		{"drafts: all or none", draftsAtomic},
		{"drafts: published in one step", draftPublished},
	}
}

func sampleDraft(s radio.Schedule, base int, revision int64) radio.ScheduleDraft {
	s.Version, s.Approver, s.ApprovedAt = base+1, "", 0
	return radio.ScheduleDraft{
		Doc: s, Base: base, Revision: revision, State: radio.DraftOpen, Authors: []radio.UserID{s.Author}, SavedAt: planAt, Note: "ghi chú",
	}
}

func deskAct(action string) radio.DeskAct {
	return radio.DeskAct{At: planAt + 9, By: "lan", Action: action, Facts: radio.AuditFacts{Why: "chi tiết"}}
}

func readDrafts(t *testing.T, s *store.Store) []radio.ScheduleDraft {
	t.Helper()
	all, err := s.ScheduleDrafts(t.Context())
	must(t, err)
	return all
}

func draftsWritten(t *testing.T, s *store.Store) {
	c := SamplePlan()
	must(t, s.ApplyPlan(t.Context(), c))
	d := sampleDraft(c.Schedules[0], 1, 100)
	put := func(d radio.ScheduleDraft, was int64) error {
		return s.PutScheduleDrafts(t.Context(), []radio.DraftWrite{{Draft: d, Was: was}}, deskAct("schedule.draft"))
	}
	must(t, put(d, 0))
	wantKind(t, put(d, 0), radio.ErrConflict) // somebody else's draft is there already
	same(t, "drafts", readDrafts(t, s), []radio.ScheduleDraft{d})

	next := d
	next.Revision, next.State, next.Doc.Title = 101, radio.DraftSubmitted, "Tên khác"
	wantKind(t, put(next, 99), radio.ErrConflict)
	must(t, put(next, 100))
	same(t, "replaced", readDrafts(t, s), []radio.ScheduleDraft{next})

	// The code of another schedule, on the air or a draft, is taken.
	other := next
	other.Doc.ID = radio.NewID[radio.ScheduleID]()
	wantKind(t, put(other, 0), radio.ErrConflict)
	other.Doc.Code = "chieu"
	must(t, put(other, 0))

	wantKind(t, s.DropScheduleDraft(t.Context(), d.Doc.ID, 100, deskAct("schedule.drop")), radio.ErrConflict)
	must(t, s.DropScheduleDraft(t.Context(), d.Doc.ID, 101, deskAct("schedule.drop")))
	same(t, "after dropping", readDrafts(t, s), []radio.ScheduleDraft{other})
	log, err := s.Audit(t.Context(), string(d.Doc.ID), 10)
	must(t, err)
	if len(log) != 5 || log[0].Action != "schedule.drop" || log[0].Actor != "lan" || log[0].Facts == nil || log[0].Facts.Why != "chi tiết" || log[1].Facts.Code != d.Doc.Code || log[1].Facts.Title != next.Doc.Title {
		t.Errorf("audit %+v", log)
	}
}

func draftsAtomic(t *testing.T, s *store.Store) {
	c := SamplePlan()
	must(t, s.ApplyPlan(t.Context(), c))
	one, two := sampleDraft(c.Schedules[0], 1, 100), sampleDraft(c.Schedules[0], 0, 100)
	two.Doc.ID = radio.NewID[radio.ScheduleID]() // under a code that is taken
	err := s.PutScheduleDrafts(t.Context(), []radio.DraftWrite{{Draft: one}, {Draft: two}}, deskAct("schedule.upload"))
	wantKind(t, err, radio.ErrConflict)
	if all := readDrafts(t, s); len(all) != 0 {
		t.Errorf("half an upload was kept: %+v", all)
	}
	log, err := s.Audit(t.Context(), string(one.Doc.ID), 10)
	must(t, err)
	if len(log) != 2 || log[0].Action != "schedule.publish" { // of the import
		t.Errorf("a refused upload left an audit: %+v", log)
	}
}

func draftPublished(t *testing.T, s *store.Store) {
	c := SamplePlan()
	must(t, s.ApplyPlan(t.Context(), c))
	d := sampleDraft(c.Schedules[0], 1, 100)
	d.Doc.Title = "Buổi sáng mới"
	must(t, s.PutScheduleDrafts(t.Context(), []radio.DraftWrite{{Draft: d}}, deskAct("schedule.draft")))
	v := d.Doc
	v.Approver, v.ApprovedAt = "hoa", planAt+5

	wantKind(t, s.PublishSchedule(t.Context(), v, 99, deskAct("schedule.publish")), radio.ErrConflict)
	ahead := v
	ahead.Version = 3 // its base moved
	wantKind(t, s.PublishSchedule(t.Context(), ahead, 100, deskAct("schedule.publish")), radio.ErrConflict)
	same(t, "the draft stays", readDrafts(t, s), []radio.ScheduleDraft{d})

	must(t, s.PublishSchedule(t.Context(), v, 100, deskAct("schedule.publish")))
	if all := readDrafts(t, s); len(all) != 0 {
		t.Errorf("draft stays after publication: %+v", all)
	}
	current, err := s.CurrentSchedules(t.Context())
	must(t, err)
	same(t, "on the air", current, []radio.Schedule{v})
	uncoded := func(what string, who radio.UserID, after radio.Millis, want ...radio.Schedule) {
		t.Helper()
		got, err := s.UncodedSchedules(t.Context(), who, after)
		must(t, err)
		same(t, what, got, want)
	}
	uncoded("published with a code, or imported", "hoa", 0)

	gone := v
	gone.Version, gone.WithdrawnAt = 3, planAt+7
	must(t, s.AddScheduleVersion(t.Context(), gone, deskAct("schedule.withdraw")))
	wantKind(t, s.AddScheduleVersion(t.Context(), gone, deskAct("schedule.withdraw")), radio.ErrConflict)
	if current, err = s.CurrentSchedules(t.Context()); err != nil || len(current) != 0 {
		t.Errorf("withdrawn schedule is current: %+v, %v", current, err)
	}

	d = sampleDraft(gone, 1, 200)
	must(t, s.PutScheduleDrafts(t.Context(), []radio.DraftWrite{{Draft: d}}, deskAct("schedule.draft")))
	again := d.Doc
	again.Version, again.WithdrawnAt, again.Approver, again.ApprovedAt = 4, 0, "hoa", planAt+9
	without := deskAct("schedule.publish")
	without.Uncoded = true
	must(t, s.PublishSchedule(t.Context(), again, 200, without))
	uncoded("published without a code", "hoa", planAt+8, again)
	uncoded("not after it", "hoa", planAt+9)
	uncoded("another person", "lan", 0)
}
