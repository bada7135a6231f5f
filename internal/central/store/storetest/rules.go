package storetest

import (
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func rulesSuites() []Suite {
	return []Suite{
		{"rules: drafts, approved in one step", rulesDrafts},
		{"rules: versions that count later", rulesLater},
	}
}

func rulesDrafts(t *testing.T, s *store.Store) {
	c := SamplePlan()
	must(t, s.ApplyPlan(t.Context(), c))
	r := c.Policies[0]
	r.Version, r.Number, r.From, r.Desk, r.Approver, r.ApprovedAt = 2, "57/QĐ-UBND", "2026-12-01", true, "", 0
	r.Quiet = []radio.Window{{Days: []int{1}, From: 420, To: 660}}
	d := radio.RulesDraft{Rule: r, Base: 1, State: radio.DraftOpen, Revision: 100, Authors: []radio.UserID{"lan"}, SavedAt: planAt}
	must(t, s.PutRulesDraft(t.Context(), d, 0, deskAct("policy.draft")))
	wantKind(t, s.PutRulesDraft(t.Context(), d, 0, deskAct("policy.draft")), radio.ErrConflict)
	next := d
	next.State, next.Revision = radio.DraftSubmitted, 101
	wantKind(t, s.PutRulesDraft(t.Context(), next, 99, deskAct("policy.submit")), radio.ErrConflict)
	must(t, s.PutRulesDraft(t.Context(), next, 100, deskAct("policy.submit")))
	all, err := s.RulesDrafts(t.Context())
	must(t, err)
	same(t, "drafts", all, []radio.RulesDraft{next})

	r.Approver, r.ApprovedAt = "hoa", planAt+20
	wantKind(t, s.ApproveRules(t.Context(), r, 100), radio.ErrConflict) // not what the approver saw
	wrong := r
	wrong.Version = 3
	wantKind(t, s.ApproveRules(t.Context(), wrong, 101), radio.ErrConflict)
	if all, err = s.RulesDrafts(t.Context()); err != nil || len(all) != 1 {
		t.Fatalf("a refused approval took the draft away: %v %v", all, err)
	}
	must(t, s.ApproveRules(t.Context(), r, 101))
	all, err = s.RulesDrafts(t.Context())
	must(t, err)
	same(t, "no draft", len(all), 0)
	versions, err := s.RulesVersions(t.Context(), r.Target)
	must(t, err)
	same(t, "versions", versions, []radio.PolicyRule{r, c.Policies[0]})
	log, err := s.Audit(t.Context(), string(r.ID), 10)
	must(t, err)
	if len(log) < 4 || log[0].Action != "policy.approve" || log[0].Actor != "hoa" || log[1].Action != "policy.change" || log[2].Action != "policy.submit" || log[3].Facts.Title != "57/QĐ-UBND" {
		t.Fatalf("audit %+v", log)
	}
	found := false
	for _, v := range log[1].Facts.Values {
		found = found || v.Field == "quiet" && v.Was == "" && v.Now != ""
	}
	if !found {
		t.Errorf("the audit does not say what changed: %+v", log[1].Facts.Values)
	}

	must(t, s.PutRulesDraft(t.Context(), d, 0, deskAct("policy.draft")))
	wantKind(t, s.DropRulesDraft(t.Context(), r, 101, deskAct("policy.drop")), radio.ErrConflict)
	must(t, s.DropRulesDraft(t.Context(), r, 100, deskAct("policy.drop")))
}

func rulesLater(t *testing.T, s *store.Store) {
	c := SamplePlan()
	must(t, s.ApplyPlan(t.Context(), c))
	approve := func(version int, from radio.Date) radio.PolicyRule {
		r := c.Policies[0]
		r.Version, r.From, r.Approver, r.ApprovedAt = version, from, "hoa", planAt+radio.Millis(version)
		d := radio.RulesDraft{Rule: r, Base: version - 1, State: radio.DraftSubmitted, Revision: 1, SavedAt: planAt}
		must(t, s.PutRulesDraft(t.Context(), d, 0, deskAct("policy.draft")))
		must(t, s.ApproveRules(t.Context(), r, 1))
		return r
	}
	later := approve(2, "2026-12-01")
	p, err := s.Plan(t.Context())
	must(t, err)
	same(t, "the one in force and the one to come", p.Policies, []radio.PolicyRule{c.Policies[0], later})
	sooner := approve(3, "2026-11-01")
	p, err = s.Plan(t.Context())
	must(t, err)
	same(t, "the later decision takes the place of what was to come", p.Policies, []radio.PolicyRule{c.Policies[0], sooner})
}
