package storetest

import (
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func approvalSuites() []Suite {
	return []Suite{
		{"approvals: kept with the decision", approvalKept},
		{"approvals: of an import", approvalImported},
	}
}

// sampleApproval is one by a key that rests at the centre, or by a passkey.
func sampleApproval(by radio.UserID, area radio.AreaID, kid string, passkey bool) *radio.ApprovalRow {
	r := &radio.ApprovalRow{KID: kid, Person: by, Area: area, SignedApproval: radio.SignedApproval{Protected: "eyJ-" + kid, At: planAt + 2, Signature: "c2ln-" + kid}}
	if passkey {
		r.WebAuthn = &radio.Assertion{AuthenticatorData: "YXV0aA", ClientData: "Y2xpZW50"}
	}
	return r
}

// approvalKept: with the decision or not at all; read back wherever bulletins are read;
// replaced by an approval again, and gone from what does not carry it.
func approvalKept(t *testing.T, s *store.Store) {
	ctx, lan, hoa, minh := t.Context(), radio.NewID[radio.UserID](), radio.NewID[radio.UserID](), radio.NewID[radio.UserID]()
	b := draft("tin", lan)
	b.State, b.SubmittedAt = radio.Pending, planAt
	must(t, s.AddBulletin(ctx, b))
	step := func(step radio.BulletinStep, was radio.Bulletin, by radio.UserID, signed *radio.ApprovalRow) (radio.Bulletin, error) {
		t.Helper()
		to, err := was.Take(step, by, planAt+3, "vì thử")
		must(t, err)
		to.DecidedWhy = ""
		if signed != nil {
			to.Signed = signed
		}
		return to, s.MoveBulletin(ctx, radio.BulletinMove{Step: step, From: was, To: to, By: by, At: planAt + 3})
	}
	stale := b
	stale.SubmittedAt--
	_, err := step(radio.StepApprove, stale, hoa, sampleApproval(hoa, b.Area, "k0", false))
	wantKind(t, err, radio.ErrConflict)
	got, err := s.Bulletin(ctx, b.ID, 1)
	must(t, err)
	same(t, "nothing of it is kept", got.Signed, (*radio.ApprovalRow)(nil))

	first, err := step(radio.StepApprove, b, hoa, sampleApproval(hoa, b.Area, "k1", false))
	must(t, err)
	read := func(what string, want *radio.ApprovalRow) {
		t.Helper()
		got, err := s.Bulletin(ctx, b.ID, 1)
		must(t, err)
		same(t, what+": the version", got.Signed, want)
		current, err := s.CurrentBulletins(ctx)
		must(t, err)
		plan, err := s.Plan(ctx)
		must(t, err)
		listed, err := s.ListBulletins(ctx, radio.BulletinView{Everything: true}, radio.BulletinFilter{}, radio.BulletinCursor{}, 10)
		must(t, err)
		for where, all := range map[string][]radio.Bulletin{"current": current, "plan": plan.Bulletins, "list": listed} {
			if len(all) != 1 {
				t.Fatalf("%s: %s has %d", what, where, len(all))
			}
			same(t, what+": "+where, all[0].Signed, want)
		}
	}
	read("signed", first.Signed)
	again, err := step(radio.StepReapprove, first, minh, sampleApproval(minh, b.Area, "k2", true))
	must(t, err)
	read("signed again", again.Signed)
	log, err := s.Audit(ctx, string(b.ID), 2)
	must(t, err)
	if log[0].Action != "bulletin.reapprove" || log[0].Facts.Key != "k2" || log[1].Action != "bulletin.approve" || log[1].Facts.Key != "k1" {
		t.Errorf("audit %+v", log)
	}
	gone, err := step(radio.StepWithdraw, again, minh, nil)
	must(t, err)
	log, err = s.Audit(ctx, string(b.ID), 1)
	must(t, err)
	if log[0].Facts.Key != "" {
		t.Errorf("a withdrawal names a key: %+v", log[0].Facts)
	}
	next, err := gone.Revised(lan, planAt+4)
	must(t, err)
	next.Version = 2
	must(t, s.AddBulletin(ctx, next))
	got, err = s.Bulletin(ctx, b.ID, 2)
	must(t, err)
	same(t, "the next version", got.Signed, (*radio.ApprovalRow)(nil))
}

// approvalImported: signed ones come in as approved, the others wait; both can be approved
// by a later import.
func approvalImported(t *testing.T, s *store.Store) {
	ctx, c := t.Context(), SamplePlan()
	waits := SampleBulletin("cho", 1, c.Author)
	c.Bulletins[0].Signed = sampleApproval(c.Approver, c.Areas[0].ID, "k1", false)
	c.Bulletins = append(c.Bulletins, waits)
	must(t, s.ApplyPlan(ctx, c))
	got, err := s.Bulletin(ctx, c.Bulletins[0].ID, 1)
	must(t, err)
	same(t, "signed", got.Signed, c.Bulletins[0].Signed)
	actions := func(id radio.BulletinID) (out []string) {
		t.Helper()
		log, err := s.Audit(ctx, string(id), 10)
		must(t, err)
		for _, e := range log {
			out = append(out, e.Action+" "+e.Facts.Key)
		}
		return out
	}
	same(t, "waits", actions(waits.ID), []string{"bulletin.add "})
	approved, err := waits.Take(radio.StepApprove, c.Approver, planAt+1, "")
	must(t, err)
	approved.Signed = sampleApproval(c.Approver, c.Areas[0].ID, "k2", false)
	again, err := got.Take(radio.StepReapprove, c.Approver, planAt+1, "")
	must(t, err)
	again.Signed = sampleApproval(c.Approver, c.Areas[0].ID, "k2", true)
	must(t, s.ApplyPlan(ctx, radio.PlanChange{At: planAt + 1, Author: c.Author, Approver: c.Approver, Facts: radio.AuditFacts{File: "again"},
		Decisions: []radio.BulletinDecision{{From: radio.Pending, To: approved}, {From: radio.Approved, To: again}}}))
	for _, want := range []radio.Bulletin{approved, again} {
		got, err := s.Bulletin(ctx, want.ID, 1)
		must(t, err)
		same(t, want.Code, got.Signed, want.Signed)
		if got.State != radio.Approved {
			t.Errorf("%s is %s", want.Code, got.State)
		}
	}
	same(t, "approved", actions(waits.ID), []string{"bulletin.approve k2", "bulletin.add "})
	same(t, "approved again", actions(again.ID), []string{"bulletin.reapprove k2", "bulletin.approve k1", "bulletin.add "})
}
