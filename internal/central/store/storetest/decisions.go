package storetest

import (
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func decisionSuites() []Suite {
	return []Suite{
		{"decisions: the newest word counts, all are kept", decisionsKept},
		{"decisions: each leaves its entry", decisionsAudited},
		{"decisions: all or none", decisionsAllOrNone},
		{"decisions: how a commune takes offers", offerRules},
		{"decisions: what a programme leaves off is kept beside it", declinedKept},
	}
}

func offerWord(plan radio.PlanChange, by radio.UserID, do radio.DecisionKind) radio.Decision {
	o := plan.Schedules[0]
	return radio.Decision{Area: plan.Areas[1].ID, Schedule: o.ID, Slot: o.Slots[0].ID, Do: do, By: by, At: alertAt}
}

func decisionsKept(t *testing.T, s *store.Store) {
	plan, an, _ := alertHouse(t, s)
	o, here := plan.Schedules[0], []radio.AreaID{plan.Areas[1].ID}
	first := offerWord(plan, an, radio.DecideDecline)
	first.Reason = "Bận lễ hội đền"
	day := offerWord(plan, an, radio.DecideMove)
	day.Date, day.ToDate, day.To = "2026-06-01", "2026-06-02", 17*60+30
	last := offerWord(plan, an, radio.DecideAccept)
	must(t, s.AddDecisions(t.Context(), []radio.Decision{first, day}))
	got := readPlan(t, s).Decided.At(speaks(here...))
	if w, ok := got.Standing(o.ID, o.Slots[0].ID); !ok || w.Do != radio.DecideDecline || w.Reason != first.Reason {
		t.Errorf("standing %+v %v", w, ok)
	}
	must(t, s.AddDecisions(t.Context(), []radio.Decision{last}))
	got = readPlan(t, s).Decided.At(speaks(here...))
	if w, ok := got.Standing(o.ID, o.Slots[0].ID); !ok || w.Do != radio.DecideAccept {
		t.Errorf("standing after the second word %+v %v", w, ok)
	}
	day.N = 2
	if w, ok := got.On(o.ID, o.Slots[0].ID, "2026-06-01"); !ok || w != day {
		t.Errorf("the date %+v, want %+v", w, day)
	}
	if readPlan(t, s).Decided.Any(speaks(plan.Areas[0].ID)) {
		t.Error("the province has said something")
	}
	all := need[[]radio.Decision](t)(s.Decisions(t.Context(), here, o.ID, 10))
	if len(all) != 3 || all[0].Do != radio.DecideAccept || all[2].Reason != first.Reason {
		t.Errorf("all words, the newest first: %+v", all)
	}
	same(t, "of all schedules, bounded", len(need[[]radio.Decision](t)(s.Decisions(t.Context(), here, "", 2))), 2)
	same(t, "in no area", len(need[[]radio.Decision](t)(s.Decisions(t.Context(), nil, o.ID, 10))), 0)
	same(t, "of another schedule", len(need[[]radio.Decision](t)(s.Decisions(t.Context(), here, radio.NewID[radio.ScheduleID](), 10))), 0)
	same(t, "elsewhere", len(need[[]radio.Decision](t)(s.Decisions(t.Context(), []radio.AreaID{plan.Areas[0].ID}, "", 2))), 0)
}

func decisionsAudited(t *testing.T, s *store.Store) {
	plan, an, _ := alertHouse(t, s)
	o := plan.Schedules[0]
	d := offerWord(plan, an, radio.DecideDecline)
	d.Reason, d.Date = "Bận lễ hội đền", "2026-06-01"
	must(t, s.AddDecisions(t.Context(), []radio.Decision{d}))
	d.Do, d.To, d.Reason = radio.DecideMove, 17*60+30, "Dời sang chiều"
	must(t, s.AddDecisions(t.Context(), []radio.Decision{d}))
	h := need[[]radio.AuditEntry](t)(s.Audit(t.Context(), string(o.ID), 10))
	if len(h) < 2 || h[0].Action != "offer.move" || h[1].Action != "offer.decline" || h[0].Actor != string(an) || h[0].Facts.Area != plan.Areas[1].ID || h[1].Facts.Why != "Bận lễ hội đền" {
		t.Fatalf("entries %+v", h)
	}
	same(t, "values", h[0].Facts.Values, []radio.AuditValue{{Field: "slot", Now: "s"}, {Field: "day", Now: "2026-06-01"}, {Field: "decision", Was: "decline", Now: "move 17:30"}})
}

func decisionsAllOrNone(t *testing.T, s *store.Store) {
	plan, an, _ := alertHouse(t, s)
	bad := offerWord(plan, an, radio.DecideAccept)
	bad.Schedule = radio.NewID[radio.ScheduleID]()
	wantKind(t, s.AddDecisions(t.Context(), []radio.Decision{offerWord(plan, an, radio.DecideAccept), bad}), radio.ErrNotFound)
	if readPlan(t, s).Decided.Any(speaks(plan.Areas[1].ID)) {
		t.Error("the first of two was kept although the second was not")
	}
}

func offerRules(t *testing.T, s *store.Store) {
	plan, an, _ := alertHouse(t, s)
	here := plan.Areas[1].ID
	same(t, "before any", readPlan(t, s).Decided.At(speaks(here)).Rule, radio.OfferRule{Default: radio.OfferAccept, Hours: radio.DefaultOfferHours})
	must(t, s.PutOfferRule(t.Context(), radio.OfferRule{Area: here, Default: radio.OfferHold, Hours: 48, By: an, At: alertAt}))
	must(t, s.PutOfferRule(t.Context(), radio.OfferRule{Area: here, Default: radio.OfferHold, Hours: 6, By: an, At: alertAt + 1}))
	rules, err := s.OfferRules(t.Context(), []radio.AreaID{here, radio.NewID[radio.AreaID]()})
	must(t, err)
	if len(rules) != 2 || rules[0].Hours != 48 || rules[1].Hours != 6 || rules[0].N >= rules[1].N || rules[0].At != alertAt || rules[1].By != an {
		t.Errorf("every rule for offers: %+v", rules)
	}
	if rules, err := s.OfferRules(t.Context(), nil); err != nil || len(rules) != 0 {
		t.Errorf("of no area: %+v %v", rules, err)
	}
	same(t, "the newest", readPlan(t, s).Decided.At(speaks(here)).Rule, radio.OfferRule{N: 2, Area: here, Default: radio.OfferHold, Hours: 6, By: an, At: alertAt + 1})
	h := need[[]radio.AuditEntry](t)(s.Audit(t.Context(), string(here), 10))
	if len(h) < 2 || h[0].Action != "offer.rule" || h[0].Facts.Area != here {
		t.Fatalf("entries %+v", h)
	}
	same(t, "first values", h[1].Facts.Values, []radio.AuditValue{{Field: "offer_default", Was: "accept", Now: "hold"}, {Field: "deadline_hours", Was: "12", Now: "48"}})
	wantKind(t, s.PutOfferRule(t.Context(), radio.OfferRule{Area: radio.NewID[radio.AreaID](), Default: radio.OfferHold, Hours: 6, By: an, At: alertAt}), radio.ErrNotFound)
}

func declinedKept(t *testing.T, s *store.Store) {
	plan := SamplePlan()
	must(t, s.ApplyPlan(t.Context(), plan))
	i := radio.Issued{Device: plan.Devices[0].ID, Document: "programme", Revision: 5, IssuedAt: planAt, Digest: "d", Payload: []byte(`{"slots":[]}`), Envelope: []byte(`{}`), Declined: []byte(`{"slots":[1]}`)}
	must(t, s.AddIssued(t.Context(), i))
	same(t, "with what it leaves off", need[radio.Issued](t)(s.Issued(t.Context(), i.Device, i.Document, 5)), i)
}

// speaks: their word counts, whenever they said it.
func speaks(areas ...radio.AreaID) (out []radio.Decider) {
	for _, a := range areas {
		out = append(out, radio.Decider{Area: a})
	}
	return out
}
