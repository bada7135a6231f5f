package radio

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func areaID(n int) AreaID     { return AreaID(fmt.Sprintf("0%025d", n)) }
func deviceID(n int) DeviceID { return DeviceID(fmt.Sprintf("1%025d", n)) }

// livePlan is a province (0) with communes 1–3 of two hamlets each (11, 12, 21, …), a
// cluster in every hamlet.
func livePlan() Plan {
	p := Plan{Areas: []Area{{ID: areaID(0), Code: "tinh", Kind: Province, Name: "Tỉnh", Zone: "Asia/Ho_Chi_Minh"}}}
	for c := 1; c <= 3; c++ {
		p.Areas = append(p.Areas, Area{ID: areaID(c), Code: fmt.Sprint("xa", c), Kind: Commune, Name: fmt.Sprint("Xã ", c), Parent: areaID(0)})
		for h := 1; h <= 2; h++ {
			n := 10*c + h
			p.Areas = append(p.Areas, Area{ID: areaID(n), Code: fmt.Sprint("thon", n), Kind: Hamlet, Name: fmt.Sprint("Thôn ", n), Parent: areaID(c)})
			p.Devices = append(p.Devices, Device{ID: deviceID(n), Code: fmt.Sprint("loa", n), Name: "Loa", Hamlet: areaID(n), Rendition: 64})
		}
	}
	return p
}

func (p Plan) placeOf(d DeviceID) Place {
	tree := NewAreaTree(p.Areas)
	for _, v := range p.Devices {
		if v.ID == d {
			out := Place{Device: v}
			for _, id := range tree.Chain(v.Hamlet) {
				a, _ := tree.Area(id)
				out.Chain = append(out.Chain, a)
			}
			return out
		}
	}
	return Place{}
}

func done(t *testing.T, p Plan, c AreaChange) Plan {
	t.Helper()
	e, err := c.Effect(p)
	if err != nil {
		t.Fatal(err)
	}
	return e.Over(p)
}

// TestMerge: what was laid down for the old commune goes on at the same clusters, its rules
// hold until the new one sets its own, and its log stands under it for its days.
func TestMerge(t *testing.T) {
	p := livePlan()
	before := p.placeOf(deviceID(11))
	p = done(t, p, AreaChange{Kind: MergeAreas, From: "2026-07-01", Areas: []AreaID{areaID(1), areaID(2)}, New: areaID(9), Code: "xa9", Name: "Xã 9"})
	now := p.placeOf(deviceID(11))
	if now.Commune().ID != areaID(9) || !now.Within(Target{Area: areaID(1)}) || now.Within(Target{Area: areaID(2)}) || !now.Within(Target{Area: areaID(9)}) {
		t.Fatalf("the cluster stands in %+v", now.Chain)
	}
	if was := now.On("2026-06-30"); was.Commune().ID != areaID(1) || len(was.Chain) != len(before.Chain) || now.On("2026-07-01").Commune().ID != areaID(9) {
		t.Errorf("on the day before it stood in %+v", was.Chain)
	}
	p = done(t, p, AreaChange{Kind: MergeAreas, From: "2027-07-01", Areas: []AreaID{areaID(9)}, Into: areaID(3), Code: "xa39", Name: "Xã 39"})
	now = p.placeOf(deviceID(11))
	for day, want := range map[Date]AreaID{"2026-06-30": areaID(1), "2026-07-01": areaID(9), "2027-06-30": areaID(9), "2027-07-01": areaID(3)} {
		if got := now.On(day).Commune().ID; got != want {
			t.Errorf("on %s in %s, want %s", day, got, want)
		}
	}
	if live, ok := NewAreaTree(p.Areas).Live(areaID(1)); !ok || live.ID != areaID(3) || live.Code != "xa39" {
		t.Errorf("the old commune is in %+v now", live)
	}
	if len(p.AreaNames) != 1 || p.AreaNames[0].Code != "xa3" || p.AreaNames[0].Until != "2027-06-30" {
		t.Errorf("names %+v", p.AreaNames)
	}
}

// ruleAt gives the commune's rules at a place, else the province's.
func ruleAt(p Place, rules []PolicyRule) (PolicyRule, bool) {
	for _, k := range []AreaKind{Commune, Province} {
		if r, ok := p.RulesOn(k, rules, "2026-07-02"); ok {
			return r, true
		}
	}
	return PolicyRule{}, false
}

func from(r PolicyRule, d Date) PolicyRule { r.From, r.Version = d, r.Version+1; return r }

// TestRulesOfMergedAreas: each part keeps its rules until the commune that took it sets its
// own after the merger.
func TestRulesOfMergedAreas(t *testing.T) {
	p := livePlan()
	rule := func(area int, at Millis, label string) PolicyRule {
		return PolicyRule{Target: Target{Area: areaID(area)}, ApprovedAt: at, Label: label}
	}
	// Midnight of the day in Hanoi is 17:00 of the day before.
	dawn := At(dateTime(t, "2026-06-30T17:00:00Z"))
	province, one, two := rule(0, 1, "tỉnh"), rule(1, 2, "một"), rule(2, 3, "hai")
	p = done(t, p, AreaChange{Kind: MergeAreas, From: "2026-07-01", Areas: []AreaID{areaID(1)}, Into: areaID(2)})
	for name, c := range map[string]struct {
		rules []PolicyRule
		want  string
	}{
		"each its own":             {[]PolicyRule{province, one, two}, "một"},
		"the old part has none":    {[]PolicyRule{province, two}, "hai"},
		"nobody has any":           {[]PolicyRule{province}, "tỉnh"},
		"set again after":          {[]PolicyRule{province, one, rule(2, dawn, "mới")}, "mới"},
		"set again before the day": {[]PolicyRule{province, one, rule(2, dawn-1, "vội")}, "một"},
		"of tomorrow":              {[]PolicyRule{province, one, from(rule(2, dawn, "mới"), "2026-07-03")}, "một"},
	} {
		if got, ok := ruleAt(p.placeOf(deviceID(11)), c.rules); !ok || got.Label != c.want {
			t.Errorf("%s: %q, want %q", name, got.Label, c.want)
		}
		if got, _ := ruleAt(p.placeOf(deviceID(21)), []PolicyRule{one, two}); got.Label != "hai" {
			t.Errorf("%s: the other part has %q", name, got.Label)
		}
	}
}

// TestSplit: a part becomes its own commune, with what the province sends and the hours it
// had, and without the old commune's own programme.
func TestSplit(t *testing.T) {
	p := livePlan()
	p.Schedules = []Schedule{
		{ID: "S1", Version: 3, Area: areaID(0), Targets: []Target{{Area: areaID(1)}}},
		{ID: "S2", Version: 1, Area: areaID(1), Targets: []Target{{Area: areaID(1)}}},
		{ID: "S3", Version: 1, Area: areaID(1), Targets: []Target{{Area: areaID(12)}}},
	}
	p.Policies = []PolicyRule{{ID: "P", Version: 4, Target: Target{Area: areaID(1)}, Label: "một"}}
	c := AreaChange{Kind: SplitArea, From: "2026-07-01", Areas: []AreaID{areaID(12)}, New: areaID(9), Code: "xa9", Name: "Xã 9"}
	e, err := c.Effect(p)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Schedules) != 2 || e.Schedules[0].ID != "S1" || e.Schedules[0].Version != 4 || !slices.Contains(e.Schedules[0].Targets, Target{Area: areaID(9)}) {
		t.Errorf("schedules %+v", e.Schedules)
	}
	// What the old commune laid down for the hamlet alone is not the new one's either.
	if s := e.Schedules[1]; s.ID != "S3" || s.Version != 2 || s.WithdrawnAt != At(dateTime(t, "2026-06-30T17:00:00Z")) {
		t.Errorf("what was for the hamlet alone: %+v", s)
	}
	if len(e.Silent) != 2 || e.Silent[0].ID != "S2" || e.Silent[1].ID != "S3" || len(p.Schedules[0].Targets) != 1 {
		t.Errorf("silent %+v; the plan given has %+v", e.Silent, p.Schedules[0])
	}
	after := e.Over(p)
	if r, _ := ruleAt(after.placeOf(deviceID(12)), after.Policies); r.Label != "một" || r.Target.Area != areaID(9) || r.Version != 1 {
		t.Errorf("the rule of the new commune is %+v", r)
	}
	if now := after.placeOf(deviceID(12)); now.Within(Target{Area: areaID(1)}) || now.Commune().ID != areaID(9) {
		t.Errorf("the cluster stands in %+v", now.Chain)
	}
	// Of a hamlet, by its clusters.
	p.Devices = append(p.Devices, Device{ID: deviceID(110), Code: "loa110", Hamlet: areaID(11)})
	c = AreaChange{Kind: SplitArea, From: "2026-07-01", Devices: []DeviceID{deviceID(110)}, New: areaID(9), Code: "thon9", Name: "Thôn 9"}
	after = done(t, p, c)
	if now := after.placeOf(deviceID(110)); now.Hamlet().ID != areaID(9) || now.Commune().ID != areaID(1) || after.placeOf(deviceID(11)).Hamlet().ID != areaID(11) {
		t.Errorf("the cluster stands in %+v", now.Chain)
	}
}

func TestAreaChangeRefuses(t *testing.T) {
	merged := done(t, livePlan(), AreaChange{Kind: MergeAreas, From: "2026-07-01", Areas: []AreaID{areaID(1), areaID(2)}, New: areaID(9), Code: "xa9", Name: "Xã 9"})
	renamed := done(t, livePlan(), AreaChange{Kind: RenameArea, From: "2026-07-01", Areas: []AreaID{areaID(1)}, Code: "moi"})
	for name, c := range map[string]struct {
		plan Plan
		c    AreaChange
	}{
		"no kind":                {livePlan(), AreaChange{From: "2026-07-01", Areas: []AreaID{areaID(1)}, Name: "X"}},
		"no day":                 {livePlan(), AreaChange{Kind: RenameArea, Areas: []AreaID{areaID(1)}, Name: "X"}},
		"no such day":            {livePlan(), AreaChange{Kind: RenameArea, From: "2026-02-30", Areas: []AreaID{areaID(1)}, Name: "X"}},
		"nothing new":            {livePlan(), AreaChange{Kind: RenameArea, From: "2026-07-01", Areas: []AreaID{areaID(1)}, Name: "Xã 1"}},
		"unknown":                {livePlan(), AreaChange{Kind: RenameArea, From: "2026-07-01", Areas: []AreaID{areaID(77)}, Name: "X"}},
		"a code taken":           {livePlan(), AreaChange{Kind: RenameArea, From: "2026-07-01", Areas: []AreaID{areaID(1)}, Code: "xa2"}},
		"a code of before":       {renamed, AreaChange{Kind: RenameArea, From: "2026-08-01", Areas: []AreaID{areaID(2)}, Code: "xa1"}},
		"merged twice":           {merged, AreaChange{Kind: MergeAreas, From: "2026-08-01", Areas: []AreaID{areaID(1)}, Into: areaID(3)}},
		"into what ended":        {merged, AreaChange{Kind: MergeAreas, From: "2026-08-01", Areas: []AreaID{areaID(3)}, Into: areaID(1)}},
		"into itself":            {livePlan(), AreaChange{Kind: MergeAreas, From: "2026-07-01", Areas: []AreaID{areaID(1)}, Into: areaID(1)}},
		"one into a new one":     {livePlan(), AreaChange{Kind: MergeAreas, From: "2026-07-01", Areas: []AreaID{areaID(1)}, New: areaID(9), Code: "x", Name: "X"}},
		"of two levels":          {livePlan(), AreaChange{Kind: MergeAreas, From: "2026-07-01", Areas: []AreaID{areaID(1), areaID(21)}, New: areaID(9), Code: "x", Name: "X"}},
		"hamlets of two":         {livePlan(), AreaChange{Kind: MergeAreas, From: "2026-07-01", Areas: []AreaID{areaID(11), areaID(21)}, New: areaID(9), Code: "x", Name: "X"}},
		"the province":           {livePlan(), AreaChange{Kind: MergeAreas, From: "2026-07-01", Areas: []AreaID{areaID(0)}, Into: areaID(1)}},
		"a new one without code": {livePlan(), AreaChange{Kind: MergeAreas, From: "2026-07-01", Areas: []AreaID{areaID(1), areaID(2)}, New: areaID(9), Name: "X"}},
		"before it was":          {merged, AreaChange{Kind: MergeAreas, From: "2026-06-01", Areas: []AreaID{areaID(9)}, Into: areaID(3)}},
		"all of it leaves":       {livePlan(), AreaChange{Kind: SplitArea, From: "2026-07-01", Areas: []AreaID{areaID(11), areaID(12)}, New: areaID(9), Code: "x", Name: "X"}},
		"to where it is":         {livePlan(), AreaChange{Kind: SplitArea, From: "2026-07-01", Areas: []AreaID{areaID(11)}, Into: areaID(1)}},
		"communes leave":         {livePlan(), AreaChange{Kind: SplitArea, From: "2026-07-01", Areas: []AreaID{areaID(1)}, New: areaID(9), Code: "x", Name: "X"}},
		"clusters of two":        {livePlan(), AreaChange{Kind: SplitArea, From: "2026-07-01", Devices: []DeviceID{deviceID(11), deviceID(12)}, New: areaID(9), Code: "x", Name: "X"}},
		"unknown cluster":        {livePlan(), AreaChange{Kind: SplitArea, From: "2026-07-01", Devices: []DeviceID{deviceID(99)}, New: areaID(9), Code: "x", Name: "X"}},
		"clusters into commune":  {livePlan(), AreaChange{Kind: SplitArea, From: "2026-07-01", Devices: []DeviceID{deviceID(11)}, Into: areaID(2)}},
	} {
		var said interface{ Vietnamese() string }
		if _, err := c.c.Effect(c.plan); !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrConflict) {
			t.Errorf("%s: %v", name, err)
		} else if errors.Is(err, ErrConflict) && (!errors.As(err, &said) || said.Vietnamese() == "") {
			t.Errorf("%s: no reason for people: %v", name, err)
		}
	}
}

// TestAreasThroughTheYears: whatever is merged, split and renamed, every cluster stands in
// one commune, an area that ended holds what it held on its last day unless a part left it,
// every day has one commune, and every code ever given finds an area.
func TestAreasThroughTheYears(t *testing.T) {
	kinds := map[AreaChangeKind]int{}
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 32))
		p := livePlan()
		codes := map[string]bool{}
		for _, a := range p.Areas[1:] {
			p.Schedules = append(p.Schedules, Schedule{ID: ScheduleID(a.Code), Version: 1, Area: areaID(0), Targets: []Target{{Area: a.ID}}})
		}
		for year := range 6 {
			from := Date(fmt.Sprintf("20%d-07-01", 26+year))
			c := AreaChange{Kind: []AreaChangeKind{MergeAreas, SplitArea, RenameArea}[r.IntN(3)], From: from, New: areaID(100 + year)}
			pick := func() AreaID { return p.Areas[1+r.IntN(len(p.Areas)-1)].ID }
			for range 1 + r.IntN(2) {
				c.Areas = append(c.Areas, pick())
			}
			if r.IntN(2) == 0 && c.Kind != RenameArea {
				c.Into, c.New = pick(), ""
			} else {
				c.Code, c.Name = fmt.Sprint("moi", year), fmt.Sprint("Mới ", year)
			}
			for _, a := range p.Areas {
				codes[a.Code] = true
			}
			e, err := c.Effect(p)
			if err != nil {
				continue
			}
			kinds[c.Kind]++
			next := e.Over(p)
			for i, s := range p.Schedules {
				for _, d := range p.Devices {
					was := slices.ContainsFunc(s.Targets, p.placeOf(d.ID).Within)
					is := slices.ContainsFunc(next.Schedules[i].Targets, next.placeOf(d.ID).Within)
					if was && !is && !slices.ContainsFunc(e.Silent, func(x Schedule) bool { return x.ID == s.ID }) {
						t.Fatalf("seed %d: %s no longer reaches %s, and nobody is told", seed, s.ID, d.Code)
					}
					if was && !is && (c.Kind != SplitArea || c.Into == "") {
						t.Fatalf("seed %d: %s no longer reaches %s", seed, s.ID, d.Code)
					}
					if !was && is && c.Into == "" {
						t.Fatalf("seed %d: %s reaches %s now", seed, s.ID, d.Code)
					}
				}
			}
			for _, d := range p.Devices {
				was, is := p.placeOf(d.ID), next.placeOf(d.ID)
				if is.Commune().ID == "" || is.Commune().Ended() || is.Hamlet().Ended() || is.Province().ID != areaID(0) {
					t.Fatalf("seed %d: %s stands in %+v", seed, d.Code, is.Chain)
				}
				if c.Kind == MergeAreas {
					for _, a := range was.Chain {
						// Hamlets that stood in two communes of before leave both.
						if !is.Within(Target{Area: a.ID}) && (a.Kind != Commune || !a.Ended() || e.Areas[0].Kind != Hamlet) {
							t.Fatalf("seed %d: %s is not in %s any more", seed, d.Code, a.Name)
						}
					}
					if day := is.On(from); day.Commune().ID != is.Commune().ID || day.Hamlet().ID != is.Hamlet().ID {
						t.Fatalf("seed %d: on the day itself %s stands in %+v", seed, d.Code, day.Chain)
					}
					if day := is.On(dayBefore(from)); day.Commune().ID != was.Commune().ID || day.Hamlet().ID != was.Hamlet().ID {
						t.Fatalf("seed %d: the day before %s stood in %+v, was in %+v", seed, d.Code, day.Chain, was.Chain)
					}
				}
			}
			p = next
		}
		for code := range codes {
			if !slices.ContainsFunc(p.Areas, func(a Area) bool { return a.Code == code }) && !slices.ContainsFunc(p.AreaNames, func(n AreaName) bool { return n.Code == code }) {
				t.Fatalf("seed %d: nothing has the code %s", seed, code)
			}
		}
	}
	for _, k := range []AreaChangeKind{MergeAreas, SplitArea, RenameArea} {
		if kinds[k] < 200 {
			t.Errorf("%d times %s: too tame", kinds[k], k)
		}
	}
}

func TestCarryGrants(t *testing.T) {
	had := []Grant{{RoleEditor, areaID(1)}, {RoleViewer, areaID(3)}, {RoleEditor, areaID(2)}}
	got := CarryGrants(had, []AreaID{areaID(1), areaID(2)}, areaID(9))
	if !slices.Equal(got, append(slices.Clone(had), Grant{RoleEditor, areaID(9)})) {
		t.Errorf("%+v", got)
	}
}

func dateTime(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
