package storetest

import (
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func submissionSuites() []Suite {
	return []Suite{
		{"submissions: steps are only added, each with its entry", submissionSteps},
		{"submissions: what waits is listed, however much came after it", submissionsWaitFirst},
		{"submissions: what is taken comes with the step or not at all", submissionTaken},
	}
}

// handUp lays down an approved bulletin of the commune and hands it up.
func handUp(t *testing.T, s *store.Store) (x radio.Submission, b radio.Bulletin, an, binh radio.UserID) {
	t.Helper()
	plan, an, binh := alertHouse(t, s)
	b = SampleBulletin("guong-tot", 1, an)
	b.Area, b.State, b.DecidedBy, b.DecidedAt = plan.Areas[1].ID, radio.Approved, binh, planAt
	must(t, s.AddBulletin(t.Context(), b))
	x = radio.Submission{ID: radio.NewID[radio.SubmissionID](), Bulletin: b.ID, Version: 1, Turn: 1, Commune: b.Area, Code: b.Code, Title: b.Title, Author: b.Author, Seconds: b.Seconds}
	x, err := x.Step(radio.SubmissionSend, an, alertAt, "dự thi")
	must(t, err)
	must(t, s.AddSubmission(t.Context(), x))
	return x, b, an, binh
}

func submissionSteps(t *testing.T, s *store.Store) {
	x, b, an, binh := handUp(t, s)
	same(t, "read back", need[radio.Submission](t)(s.Submission(t.Context(), x.ID)), x)
	again := x
	again.ID = radio.NewID[radio.SubmissionID]()
	wantKind(t, s.AddSubmission(t.Context(), again), radio.ErrConflict) // the same turn
	back, err := x.Step(radio.SubmissionReturn, binh, alertAt+1, "tiếng nhỏ")
	must(t, err)
	must(t, s.AddSubmissionStep(t.Context(), back, nil))
	gone, err := x.Step(radio.SubmissionWithdraw, an, alertAt+2, "")
	must(t, err)
	wantKind(t, s.AddSubmissionStep(t.Context(), gone, nil), radio.ErrConflict) // of what was read before
	got := need[radio.Submission](t)(s.Submission(t.Context(), x.ID))
	same(t, "after the return", got, back)
	h := need[[]radio.AuditEntry](t)(s.Audit(t.Context(), string(x.ID), 10))
	if len(h) != 2 || h[0].Action != "submission.return" || h[1].Action != "submission.send" || h[0].Facts.Why != "tiếng nhỏ" || h[0].Facts.Area != b.Area || h[0].Actor != string(binh) {
		t.Errorf("entries %+v", h)
	}
	here, other := []radio.AreaID{b.Area}, []radio.AreaID{radio.NewID[radio.AreaID]()}
	for name, c := range map[string]struct {
		communes []radio.AreaID
		of       radio.BulletinID
		want     int
	}{"all": {nil, "", 1}, "here": {here, b.ID, 1}, "elsewhere": {other, "", 0}, "nowhere": {[]radio.AreaID{}, "", 0}, "of another bulletin": {nil, radio.NewID[radio.BulletinID](), 0}} {
		if got := need[[]radio.Submission](t)(s.Submissions(t.Context(), c.communes, c.of)); len(got) != c.want {
			t.Errorf("%s: %d, want %d", name, len(got), c.want)
		}
	}
	_, err = s.Submission(t.Context(), again.ID)
	wantKind(t, err, radio.ErrNotFound)
}

func submissionTaken(t *testing.T, s *store.Store) {
	x, b, an, binh := handUp(t, s)
	plan := readPlan(t, s)
	own, err := b.TakenUp(plan.Areas[0].ID, "Xã Đồng Tâm", "guong-tot-tinh", binh, alertAt+5)
	must(t, err)
	next, err := x.Step(radio.SubmissionTake, binh, alertAt+5, "")
	must(t, err)
	next.Steps[1].Became = own.ID
	clash := own
	clash.Code = b.Code
	wantKind(t, s.AddSubmissionStep(t.Context(), next, &clash), radio.ErrConflict)
	same(t, "nothing of it was kept", need[radio.Submission](t)(s.Submission(t.Context(), x.ID)).State, radio.SubmissionWaiting)
	must(t, s.AddSubmissionStep(t.Context(), next, &own))
	got := need[radio.Bulletin](t)(s.Bulletin(t.Context(), own.ID, 1))
	if got.State != radio.Draft || got.Area != plan.Areas[0].ID || got.CreatedBy != binh || got.Author != b.Author || got.SourceSHA256 != b.SourceSHA256 || got.Unit != b.Unit+" – Xã Đồng Tâm" || got.Signed != nil {
		t.Errorf("the province's draft %+v", got)
	}
	same(t, "who made it", need[[]radio.UserID](t)(s.HandedUpBy(t.Context(), own.ID, own.SourceSHA256)), []radio.UserID{an})
	same(t, "another audio", len(need[[]radio.UserID](t)(s.HandedUpBy(t.Context(), own.ID, "x"))), 0)
	same(t, "of its own", len(need[[]radio.UserID](t)(s.HandedUpBy(t.Context(), b.ID, b.SourceSHA256))), 0)
	h := need[[]radio.AuditEntry](t)(s.Audit(t.Context(), string(x.ID), 10))
	same(t, "what it became", h[0].Facts.Values, []radio.AuditValue{{Field: "became", Now: own.Code}})
}

// 69 communes hand up more in some months than one list holds: what nobody has decided about
// must not fall off its end.
func submissionsWaitFirst(t *testing.T, s *store.Store) {
	waits, _, an, binh := handUp(t, s)
	for turn := range 500 {
		x := waits
		x.ID, x.Turn, x.Steps, x.State = radio.NewID[radio.SubmissionID](), turn+2, nil, ""
		x, err := x.Step(radio.SubmissionSend, an, alertAt+1, "")
		must(t, err)
		must(t, s.AddSubmission(t.Context(), x))
		x, err = x.Step(radio.SubmissionReturn, binh, alertAt+2, "tiếng nhỏ")
		must(t, err)
		must(t, s.AddSubmissionStep(t.Context(), x, nil))
	}
	all := need[[]radio.Submission](t)(s.Submissions(t.Context(), nil, ""))
	if len(all) != 500 || all[0].ID != waits.ID || all[0].State != radio.SubmissionWaiting || all[1].Turn != 501 {
		t.Fatalf("%d listed, the first of turn %d %s, then of turn %d", len(all), all[0].Turn, all[0].State, all[1].Turn)
	}
}
