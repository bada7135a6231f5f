package storetest

import (
	"errors"
	"sync"
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func areaSuites() []Suite {
	return []Suite{
		{"areas: merged on their day", areasMerged},
		{"areas: split, renamed, taken back", areasSplit},
		{"areas: what cannot be done waits", areasFail},
		{"areas: one change sent twice at once", areasAtOnce},
		{"areas: an import that read them before a merger undoes nothing", areasImportedLate},
	}
}

// beside puts a second commune with a hamlet and a cluster into the sample.
func beside(t *testing.T, s *store.Store, plan radio.PlanChange) (commune, hamlet radio.Area, d radio.Device) {
	t.Helper()
	commune = radio.Area{ID: radio.NewID[radio.AreaID](), Code: "cam-duong", Kind: radio.Commune, Name: "Xã Cẩm Dương", Parent: plan.Areas[0].ID}
	hamlet = radio.Area{ID: radio.NewID[radio.AreaID](), Code: "thon-2", Kind: radio.Hamlet, Name: "Thôn 2", Parent: commune.ID}
	d = radio.Device{ID: radio.NewID[radio.DeviceID](), Code: "cd-01", Name: "Cụm chợ", Hamlet: hamlet.ID, Rendition: 32}
	must(t, s.ApplyPlaces(t.Context(), radio.PlanChange{At: planAt, Author: plan.Author, Areas: []radio.Area{commune, hamlet}, Devices: []radio.Device{d}}))
	return commune, hamlet, d
}

func areaChange(kind radio.AreaChangeKind, from radio.Date, by radio.UserID) radio.AreaChange {
	return radio.AreaChange{ID: radio.NewID[radio.AreaChangeID](), Kind: kind, From: from, Author: by, At: alertAt}
}

func areasMerged(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan, an, binh := alertHouse(t, s)
	old, device := plan.Areas[1], plan.Devices[0]
	other, _, _ := beside(t, s, plan)
	must(t, s.SetGrants(ctx, binh, nil, []radio.Grant{{Role: radio.RoleEditor, Area: old.ID}}, "test", alertAt))
	c := areaChange(radio.MergeAreas, "2026-07-01", an)
	c.Areas, c.New, c.Code, c.Name, c.Carry = []radio.AreaID{old.ID, other.ID}, radio.NewID[radio.AreaID](), "cam-moi", "Xã Cẩm Mới", true
	must(t, s.RecordAreaChange(ctx, c))
	if due := need[[]radio.AreaChange](t)(s.DueAreaChanges(ctx, "2026-06-30")); len(due) != 0 {
		t.Errorf("due the day before: %+v", due)
	}
	if due := need[[]radio.AreaChange](t)(s.DueAreaChanges(ctx, "2026-07-02")); len(due) != 1 || due[0].ID != c.ID {
		t.Errorf("due: %+v", due)
	}
	_, err := s.ApplyAreaChange(ctx, c.ID, "2026-06-30", "centre", alertAt)
	wantKind(t, err, radio.ErrConflict)

	// What was planned before the day for days after it goes along; what was told, and what
	// is of an earlier day, does not.
	row := func(day radio.Date, out radio.Outcome) radio.AsRun {
		r := asRun(device.ID, old.ID, logStart)
		r.Day, r.Outcome = day, out
		return r
	}
	before, told, after := row("2026-06-30", radio.PendingOutcome), row("2026-07-01", radio.Aired), row("2026-07-01", radio.PendingOutcome)
	putRows(t, s, before, told, after)
	_, err = s.ApplyAreaChange(ctx, c.ID, "2026-07-01", "centre", alertAt+1)
	must(t, err)
	in := map[radio.AiringID]string{}
	for _, r := range need[[]radio.AsRun](t)(s.AsRuns(ctx, radio.LogFilter{}, radio.LogCursor{}, 10)) {
		in[r.Airing] = string(r.Commune) + " " + r.CommuneName
	}
	for what, w := range map[string]struct {
		row  radio.AsRun
		want string
	}{
		"of the day before": {before, string(old.ID) + " Xã Thạch Hà"}, "told": {told, string(old.ID) + " Xã Thạch Hà"}, "planned": {after, string(c.New) + " Xã Cẩm Mới"},
	} {
		if in[w.row.Airing] != w.want {
			t.Errorf("the row %s stands in %q, want %q", what, in[w.row.Airing], w.want)
		}
	}
	rows := 0
	for _, n := range need[[]radio.LogCount](t)(s.LogCounts(ctx, radio.LogFilter{Commune: c.New})) {
		rows += int(n.Rows)
	}
	if rows != 1 {
		t.Errorf("the sums have %d rows of the new commune", rows)
	}

	place := need[radio.Place](t)(s.Place(ctx, device.ID))
	if place.Commune().ID != c.New || !place.Within(radio.Target{Area: old.ID}) || len(place.Chain) != 4 || place.Hamlet().ID != device.Hamlet {
		t.Errorf("the cluster stands in %+v", place.Chain)
	}
	places := need[[]radio.Place](t)(s.Places(ctx))
	same(t, "the place in the list", places[1], place)
	if a, err := s.AreaByCode(ctx, old.Code); err != nil || a.ID != old.ID || a.Parent != c.New || a.ValidTo != "2026-06-30" {
		t.Errorf("by the old code: %+v, %v", a, err)
	}
	same(t, "carried", need[radio.Account](t)(s.Person(ctx, binh)).Grants[1:], []radio.Grant{{Role: radio.RoleEditor, Area: c.New}})
	kept := need[[]radio.AreaChange](t)(s.AreaChanges(ctx))
	if len(kept) != 1 || kept[0].AppliedAt != alertAt+1 || len(kept[0].Was) != 2 || kept[0].Waits() {
		t.Errorf("kept: %+v", kept)
	}
	_, err = s.ApplyAreaChange(ctx, c.ID, "2026-07-02", "centre", alertAt+2)
	wantKind(t, err, radio.ErrConflict)
	wantKind(t, s.DropAreaChange(ctx, c.ID, string(an), alertAt), radio.ErrConflict)
}

func areasSplit(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan, an, _ := alertHouse(t, s)
	old := plan.Areas[1]
	more := radio.Area{ID: radio.NewID[radio.AreaID](), Code: "thon-3", Kind: radio.Hamlet, Name: "Thôn 3", Parent: old.ID}
	must(t, s.ApplyPlaces(ctx, radio.PlanChange{At: planAt, Author: an, Areas: []radio.Area{more}}))

	name := areaChange(radio.RenameArea, "2026-07-01", an)
	name.Areas, name.Code, name.Name = []radio.AreaID{old.ID}, "cam-xuyen-2", "Xã Cẩm Xuyên Hai"
	must(t, s.RecordAreaChange(ctx, name))
	// What waits for an earlier day counts already.
	clash := areaChange(radio.SplitArea, "2026-08-01", an)
	clash.Areas, clash.New, clash.Code, clash.Name = []radio.AreaID{more.ID}, radio.NewID[radio.AreaID](), "cam-xuyen-2", "Xã"
	wantKind(t, s.RecordAreaChange(ctx, clash), radio.ErrConflict)
	_, err := s.PreviewAreaChange(ctx, clash)
	wantKind(t, err, radio.ErrConflict)
	_, err = s.ApplyAreaChange(ctx, name.ID, "2026-07-01", "centre", alertAt)
	must(t, err)
	for _, code := range []string{"cam-xuyen", "cam-xuyen-2"} {
		if a, err := s.AreaByCode(ctx, code); err != nil || a.ID != old.ID || a.Name != "Xã Cẩm Xuyên Hai" {
			t.Errorf("%s finds %+v, %v", code, a, err)
		}
	}
	same(t, "names", need[[]radio.AreaName](t)(s.AreaNames(ctx)), []radio.AreaName{{Area: old.ID, Code: "cam-xuyen", Name: old.Name, Until: "2026-06-30"}})

	// What would keep a later one from being done is refused today, not told on its day.
	next := areaChange(radio.RenameArea, "2026-12-01", an)
	next.Areas, next.Code = []radio.AreaID{old.ID}, "cam-moi"
	must(t, s.RecordAreaChange(ctx, next))
	before := areaChange(radio.RenameArea, "2026-08-01", an)
	before.Areas, before.Code = []radio.AreaID{more.ID}, "cam-moi"
	wantKind(t, s.RecordAreaChange(ctx, before), radio.ErrConflict)
	must(t, s.DropAreaChange(ctx, next.ID, string(an), alertAt))
	must(t, s.RecordAreaChange(ctx, before))
	must(t, s.DropAreaChange(ctx, before.ID, string(an), alertAt))

	// What the commune has said goes on in the part that leaves.
	must(t, s.PutOfferRule(ctx, radio.OfferRule{Area: old.ID, Default: radio.OfferHold, Hours: 5, By: an, At: alertAt}))
	must(t, s.AddDecisions(ctx, []radio.Decision{{Area: old.ID, Schedule: plan.Schedules[0].ID, Do: radio.DecideDecline, Reason: "đã có", By: an, At: alertAt}}))

	part := areaChange(radio.SplitArea, "2026-08-01", an)
	part.Areas, part.New, part.Code, part.Name = []radio.AreaID{plan.Areas[2].ID}, radio.NewID[radio.AreaID](), "cam-nho", "Xã Cẩm Nhỏ"
	must(t, s.RecordAreaChange(ctx, part))
	e, err := s.ApplyAreaChange(ctx, part.ID, "2026-08-01", "centre", alertAt)
	must(t, err)
	if len(e.Policies) != 1 {
		t.Fatalf("rules %+v", e.Policies)
	}
	rule, ok := need[radio.Place](t)(s.Place(ctx, plan.Devices[0].ID)).RulesOn(radio.Commune, readPlan(t, s).Policies, "2026-08-01")
	if !ok || rule.Target.Area != part.New || rule.Label != plan.Policies[0].Label {
		t.Errorf("the rule is %+v", rule)
	}

	said := readPlan(t, s).Decided.At(need[radio.Place](t)(s.Place(ctx, plan.Devices[0].ID)).Deciders())
	if w, ok := said.Standing(plan.Schedules[0].ID, ""); !ok || w.Area != part.New || w.Do != radio.DecideDecline || w.By != an || said.Rule.Default != radio.OfferHold || said.Rule.Hours != 5 {
		t.Errorf("the new commune's word is %+v, its rule %+v", w, said.Rule)
	}

	back := areaChange(radio.RenameArea, "2030-01-01", an)
	back.Areas, back.Name = []radio.AreaID{part.New}, "Xã Khác"
	must(t, s.RecordAreaChange(ctx, back))
	must(t, s.DropAreaChange(ctx, back.ID, string(an), alertAt))
	if due := need[[]radio.AreaChange](t)(s.DueAreaChanges(ctx, "2031-01-01")); len(due) != 0 {
		t.Errorf("due though taken back: %+v", due)
	}
	wantKind(t, s.DropAreaChange(ctx, "nothing", string(an), alertAt), radio.ErrNotFound)
}

// areasFail: what was possible when it was recorded and is not any more says why, once.
func areasFail(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan, an, _ := alertHouse(t, s)
	c := areaChange(radio.RenameArea, "2026-07-01", an)
	c.Areas, c.Code = []radio.AreaID{plan.Areas[1].ID}, "chung-ma"
	must(t, s.RecordAreaChange(ctx, c))
	taken := radio.Area{ID: radio.NewID[radio.AreaID](), Code: "chung-ma", Kind: radio.Commune, Name: "Xã Chen Ngang", Parent: plan.Areas[0].ID}
	must(t, s.ApplyPlaces(ctx, radio.PlanChange{At: planAt, Author: an, Areas: []radio.Area{taken}}))
	for range 2 {
		_, err := s.ApplyAreaChange(ctx, c.ID, "2026-07-01", "centre", alertAt)
		wantKind(t, err, radio.ErrConflict)
	}
	kept := need[[]radio.AreaChange](t)(s.AreaChanges(ctx))
	if len(kept) != 1 || !kept[0].Waits() || kept[0].Failed == "" {
		t.Errorf("kept: %+v", kept)
	}
	if a, _ := s.AreaByCode(ctx, "cam-xuyen"); a.ID != plan.Areas[1].ID {
		t.Errorf("something was written: %+v", a)
	}
}

// An import of a folder may take minutes: a merger has come between its reading and its
// writing.
func areasImportedLate(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan, an, binh := alertHouse(t, s)
	old := plan.Areas[1]
	other, _, _ := beside(t, s, plan)
	c := areaChange(radio.MergeAreas, "2026-07-01", an)
	c.Areas, c.Into = []radio.AreaID{old.ID}, other.ID
	must(t, s.RecordAreaChange(ctx, c))
	_, err := s.ApplyAreaChange(ctx, c.ID, "2026-07-01", "centre", alertAt+1)
	must(t, err)
	late := old
	late.Name = "Xã Thạch Hà mới"
	for what, err := range map[string]error{
		"folder": s.ApplyPlan(ctx, radio.PlanChange{At: alertAt + 2, Author: an, Approver: binh, Areas: []radio.Area{late}}),
		"table":  s.ApplyPlaces(ctx, radio.PlanChange{At: alertAt + 2, Author: an, Areas: []radio.Area{late}}),
	} {
		var told interface{ Vietnamese() string }
		if wantKind(t, err, radio.ErrConflict); !errors.As(err, &told) {
			t.Errorf("%s: told %v", what, err)
		}
	}
	for _, a := range need[[]radio.Area](t)(s.Areas(ctx)) {
		if a.ID == old.ID && (a.Parent != other.ID || !a.Ended() || a.Name != old.Name) {
			t.Errorf("the merger is undone: %+v", a)
		}
	}
}

// The same form sent twice, or by two administrators: one change is kept.
func areasAtOnce(t *testing.T, s *store.Store) {
	plan, an, _ := alertHouse(t, s)
	other, _, _ := beside(t, s, plan)
	const writers = 5
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for range writers { // PostgreSQL has a connection for each of them from here on
		wg.Go(func() {
			for range 5 {
				if err := s.PutOfferRule(t.Context(), radio.OfferRule{Area: other.ID, Default: radio.OfferHold, Hours: 6, By: an, At: alertAt}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range errs {
		c := areaChange(radio.MergeAreas, "2026-07-01", an)
		c.Areas, c.New, c.Code, c.Name = []radio.AreaID{plan.Areas[1].ID, other.ID}, radio.NewID[radio.AreaID](), "cam-moi", "Xã Cẩm Mới"
		wg.Go(func() { errs[i] = s.RecordAreaChange(t.Context(), c) })
	}
	wg.Wait()
	kept := 0
	for _, err := range errs {
		if err == nil {
			kept++
		} else if !errors.Is(err, radio.ErrConflict) && !errors.Is(err, radio.ErrInvalid) {
			t.Error(err)
		}
	}
	if all := need[[]radio.AreaChange](t)(s.AreaChanges(t.Context())); kept != 1 || len(all) != 1 {
		t.Errorf("%d were told that theirs is kept, %d are", kept, len(all))
	}
}
