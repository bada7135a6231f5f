package radio

import (
	"errors"
	"slices"
	"testing"
)

// mergedPlan is livePlan with communes 1 and 2 merged into 9 from 2026-07-01.
func mergedPlan(t *testing.T) Plan {
	t.Helper()
	return done(t, livePlan(), AreaChange{Kind: MergeAreas, From: "2026-07-01", Areas: []AreaID{areaID(1), areaID(2)}, New: areaID(9), Code: "xa9", Name: "Xã 9"})
}

func apart(areas ...AreaID) AreaChange {
	return AreaChange{Kind: SplitArea, From: "2026-09-01", Areas: areas, New: areaID(8), Code: "xa8", Name: "Xã 8"}
}

// TestSplitAfterMerge: what the province had laid down for a commune that was merged since,
// and the hours that held there, go on where a hamlet of it becomes a new commune. They were
// lost: the hamlet no longer lies in the commune of before.
func TestSplitAfterMerge(t *testing.T) {
	p := mergedPlan(t)
	p.Schedules = []Schedule{
		{ID: "OLD", Version: 1, Area: areaID(0), Targets: []Target{{Area: areaID(1)}}},
		{ID: "BOTH", Version: 1, Area: areaID(0), Targets: []Target{{Area: areaID(1)}, {Area: areaID(9)}}},
		{ID: "ALL", Version: 1, Area: areaID(0), Targets: []Target{{Area: areaID(0)}}},
		{ID: "OWN", Version: 1, Area: areaID(1), Targets: []Target{{Area: areaID(1)}}},
		{ID: "HERE", Version: 1, Area: areaID(1), Targets: []Target{{Area: areaID(11)}, {Device: deviceID(12)}}},
		{ID: "GONE", Version: 1, Area: areaID(0), Targets: []Target{{Area: areaID(1)}}, WithdrawnAt: 1},
	}
	p.Policies = []PolicyRule{
		{ID: "P1", Version: 2, Target: Target{Area: areaID(1)}, Label: "một", From: "2026-01-01"},
		{ID: "P9", Version: 1, Target: Target{Area: areaID(9)}, Label: "chín", From: "2026-10-01", ApprovedAt: At(dateTime(t, "2026-08-01T00:00:00Z"))},
	}
	e, err := apart(areaID(12)).Effect(p)
	if err != nil {
		t.Fatal(err)
	}
	after := e.Over(p)
	reached := map[ScheduleID]bool{}
	for _, s := range after.Schedules {
		reached[s.ID] = s.WithdrawnAt == 0 && slices.ContainsFunc(s.Targets, after.placeOf(deviceID(12)).Within)
		if was := slices.ContainsFunc(s.Targets, after.placeOf(deviceID(11)).Within); !was {
			t.Errorf("%s no longer reaches the hamlet that stays", s.ID)
		}
	}
	for id, want := range map[ScheduleID]bool{"OLD": true, "BOTH": true, "ALL": true, "OWN": false, "HERE": false, "GONE": false} {
		if reached[id] != want {
			t.Errorf("%s reaches the new commune: %v, want %v", id, reached[id], want)
		}
	}
	var silent []ScheduleID
	for _, s := range e.Silent {
		silent = append(silent, s.ID)
	}
	if !slices.Equal(silent, []ScheduleID{"OWN", "HERE"}) {
		t.Errorf("silent: %v", silent)
	}
	for day, want := range map[Date]string{"2026-09-01": "một", "2026-10-01": "chín"} {
		if r, ok := after.placeOf(deviceID(12)).RulesOn(Commune, after.Policies, day); !ok || r.Label != want || r.Target.Area != areaID(8) {
			t.Errorf("on %s %+v counts, want %s", day, r, want)
		}
	}
	// Of two communes of before with other hours each: nobody can say which.
	if _, err := apart(areaID(12), areaID(21)).Effect(p); !errors.Is(err, ErrConflict) {
		t.Errorf("two orders in one new commune: %v", err)
	}
	p.Policies[1].From = "2026-08-02" // the commune of today has set its own
	if e, err := apart(areaID(12), areaID(21)).Effect(p); err != nil || len(e.Policies) != 1 || e.Policies[0].Label != "chín" {
		t.Errorf("%+v, %v", e.Policies, err)
	}
}

// TestSplitKeepsWords: what a commune had declined does not begin to sound because a part of
// it becomes a commune of its own; where a commune of today takes the part, its words count.
func TestSplitKeepsWords(t *testing.T) {
	p := livePlan()
	p.Decided = NewDecided([]Decision{
		{N: 1, Area: areaID(1), Schedule: "S", Do: DecideDecline, Reason: "đã có", By: "AN", At: 5},
		{N: 2, Area: areaID(1), Schedule: "S", Date: "2026-08-31", Do: DecideAccept, At: 6},
		{N: 3, Area: areaID(1), Schedule: "S", Date: "2026-08-31", ToDate: "2026-09-02", Do: DecideMove, At: 7},
		{N: 4, Area: areaID(2), Schedule: "T", Do: DecideDecline, At: 8},
	}, []OfferRule{{N: 1, Area: areaID(1), Default: OfferHold, Hours: 6, At: 5}})
	e, err := apart(areaID(12)).Effect(p)
	if err != nil {
		t.Fatal(err)
	}
	after := e.Over(p)
	s := after.Decided.At(after.placeOf(deviceID(12)).Deciders())
	if w, ok := s.Standing("S", "X"); !ok || w.Do != DecideDecline || w.Area != areaID(8) || w.By != "AN" || w.Reason == "" {
		t.Errorf("the standing word is %+v, %v", w, ok)
	}
	if _, ok := s.Standing("T", "X"); ok || s.Rule.Default != OfferHold || s.Rule.Hours != 6 || len(e.Words) != 2 {
		t.Errorf("%+v; rule %+v", e.Words, s.Rule)
	}
	c := apart(areaID(12))
	c.New, c.Into, c.Code, c.Name = "", areaID(2), "", ""
	if e, err = c.Effect(p); err != nil || len(e.Words)+len(e.OfferRules) != 0 {
		t.Errorf("into a commune of today: %+v, %v", e.Words, err)
	}
}

// TestHamletsOfOldCommunes: hamlets of one commune of today merge though they stood in two
// before. It was refused with a reason that nobody who saw them in one commune could follow.
func TestHamletsOfOldCommunes(t *testing.T) {
	p := mergedPlan(t)
	p.Schedules = []Schedule{{ID: "OLD", Version: 1, Area: areaID(0), Targets: []Target{{Area: areaID(1)}}}}
	p.Decided = NewDecided([]Decision{{N: 1, Area: areaID(1), Schedule: "OLD", Do: DecideDecline, At: 5}}, nil)
	c := AreaChange{Kind: MergeAreas, From: "2026-09-01", Areas: []AreaID{areaID(11), areaID(21)}, New: areaID(8), Code: "thon8", Name: "Thôn 8"}
	e, err := c.Effect(p)
	if err != nil {
		t.Fatal(err)
	}
	after := e.Over(p)
	for _, d := range []int{11, 21} {
		now := after.placeOf(deviceID(d))
		if now.Hamlet().ID != areaID(8) || now.Commune().ID != areaID(9) || now.Within(Target{Area: areaID(d / 10)}) {
			t.Errorf("%d stands in %+v", d, now.Chain)
		}
		if got := slices.ContainsFunc(after.Schedules[0].Targets, now.Within); got != (d == 11) {
			t.Errorf("the schedule for the commune of before reaches %d: %v", d, got)
		}
	}
	if e.Unsaid != 1 {
		t.Errorf("%d words end, want 1", e.Unsaid)
	}
	p.Policies = []PolicyRule{{ID: "P1", Version: 1, Target: Target{Area: areaID(1)}, Label: "một", From: "2026-01-01"}}
	if _, err := c.Effect(p); !errors.Is(err, ErrConflict) {
		t.Errorf("the hours of one would change: %v", err)
	}
	// Of one commune of before they stay in it.
	c.Areas = []AreaID{areaID(11), areaID(12)}
	if e, err = c.Effect(p); err != nil || !e.Over(p).placeOf(deviceID(11)).Within(Target{Area: areaID(1)}) {
		t.Errorf("%+v, %v", e, err)
	}
}
