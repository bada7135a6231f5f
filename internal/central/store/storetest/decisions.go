package storetest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func decisionSuites() []Suite {
	return []Suite{
		{"decisions: the newest word counts, all are kept", decisionsKept},
		{"decisions: each leaves its entry", decisionsAudited},
		{"decisions: all or none", decisionsAllOrNone},
		{"decisions: communes that answer at once", decisionsAtOnce},
		{"decisions: nobody overrules a colleague unawares", decisionsSeen},
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
	if w, ok := got.On(o.ID, o.Slots[0].ID, "2026-06-01", 17*60); !ok || w != day {
		t.Errorf("the date %+v, want %+v", w, day)
	}
	// One airing of that date.
	one := day
	one.N, one.Time, one.ToDate, one.To = 4, "05:00", "", 60
	must(t, s.AddDecisions(t.Context(), []radio.Decision{one}))
	got = readPlan(t, s).Decided.At(speaks(here...))
	for at, want := range map[radio.TimeOfDay]radio.Decision{5 * 60: one, 17 * 60: day} {
		if w, ok := got.On(o.ID, o.Slots[0].ID, "2026-06-01", at); !ok || w != want {
			t.Errorf("the airing of %s %+v, want %+v", at, w, want)
		}
	}
	if h := need[[]radio.AuditEntry](t)(s.Audit(t.Context(), string(o.ID), 10)); len(h) == 0 || !slices.Contains(h[0].Facts.Values, radio.AuditValue{Field: "time", Now: "05:00"}) {
		t.Errorf("the entry does not name the airing: %+v", h)
	}
	if readPlan(t, s).Decided.Any(speaks(plan.Areas[0].ID)) {
		t.Error("the province has said something")
	}
	all := need[[]radio.Decision](t)(s.Decisions(t.Context(), here, o.ID, 10))
	if len(all) != 4 || all[0] != one || all[1].Do != radio.DecideAccept || all[3].Reason != first.Reason {
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

// Two of one office have the page open, and answer one after the other.
func decisionsSeen(t *testing.T, s *store.Store) {
	plan, an, binh := alertHouse(t, s)
	here := []radio.AreaID{plan.Areas[1].ID}
	say := func(by radio.UserID, do radio.DecisionKind, seen int64) error {
		d := offerWord(plan, by, do)
		d.Reason, d.Seen = "Bận lễ hội đền", &seen
		return s.AddDecisions(t.Context(), []radio.Decision{d})
	}
	must(t, say(an, radio.DecideDecline, 0))
	err := say(binh, radio.DecideAccept, 0) // before them it still waits
	wantKind(t, err, radio.ErrConflict)
	var told interface{ Vietnamese() string }
	if !errors.As(err, &told) || !strings.Contains(told.Vietnamese(), "câu trả lời mới hơn") {
		t.Errorf("told %v", err)
	}
	must(t, say(an, radio.DecideDecline, 0)) // the form sent twice
	if all := need[[]radio.Decision](t)(s.Decisions(t.Context(), here, "", 9)); len(all) != 1 || all[0].Do != radio.DecideDecline {
		t.Fatalf("kept %+v", all)
	}
	must(t, say(binh, radio.DecideAccept, 1)) // having seen it
	// For every slot of the schedule, and for one date of one: about the same.
	seen, other := int64(1), offerWord(plan, an, radio.DecideDecline)
	other.Seen, other.Slot, other.Reason = &seen, "", "x"
	wantKind(t, s.AddDecisions(t.Context(), []radio.Decision{other}), radio.ErrConflict)
	other.Slot, other.Date = plan.Schedules[0].Slots[0].ID, "2026-06-01"
	wantKind(t, s.AddDecisions(t.Context(), []radio.Decision{other}), radio.ErrConflict)
	// Of another slot, and who does not say what they saw: as before.
	other.Slot = radio.NewID[radio.SlotID]()
	must(t, s.AddDecisions(t.Context(), []radio.Decision{other}))
	other.Slot, other.Seen = plan.Schedules[0].Slots[0].ID, nil
	must(t, s.AddDecisions(t.Context(), []radio.Decision{other}))
	if h := need[[]radio.AuditEntry](t)(s.Audit(t.Context(), string(plan.Schedules[0].ID), 20)); len(h) < 4 || h[3].Action != "offer.decline" || h[2].Action != "offer.accept" {
		t.Errorf("entries %+v", h)
	}
}

// Every commune answers on the evening before: nobody is refused because another one, or
// the same, answers at the same moment.
func decisionsAtOnce(t *testing.T, s *store.Store) {
	plan, an, _ := alertHouse(t, s)
	const writers, each = 6, 8
	var wg sync.WaitGroup
	failed := make(chan error, 2*writers*each)
	for range writers {
		wg.Go(func() {
			for range each {
				failed <- s.AddDecisions(t.Context(), []radio.Decision{offerWord(plan, an, radio.DecideAccept), offerWord(plan, an, radio.DecideUndo)})
				failed <- s.PutOfferRule(t.Context(), radio.OfferRule{Area: plan.Areas[1].ID, Default: radio.OfferHold, Hours: 6, By: an, At: alertAt})
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		must(t, err)
	}
	all := need[[]radio.Decision](t)(s.Decisions(t.Context(), []radio.AreaID{plan.Areas[1].ID}, "", 1000))
	if len(all) != 2*writers*each || all[0].N != 2*writers*each {
		t.Fatalf("%d words kept, the last is number %d", len(all), all[0].N)
	}
	// The words that were said together stand together.
	for i := 0; i < len(all); i += 2 {
		if all[i].Do != radio.DecideUndo || all[i+1].Do != radio.DecideAccept {
			t.Fatalf("number %d is %s", all[i].N, all[i].Do)
		}
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
	every := need[[]radio.OfferRule](t)(s.OfferRules(t.Context(), []radio.AreaID{here, plan.Areas[0].ID}))
	if len(every) != 2 || every[0].Hours != 48 || every[1].Hours != 6 {
		t.Errorf("every rule: %+v", every)
	}
	same(t, "of no area", len(need[[]radio.OfferRule](t)(s.OfferRules(t.Context(), nil))), 0)
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
