package rules_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"loaxa/internal/central/rules"
	"loaxa/internal/radio"
)

const (
	province = radio.AreaID("01JD00000000000000000000AP")
	commune  = radio.AreaID("01JD00000000000000000000AC")
	hamlet   = radio.AreaID("01JD00000000000000000000AH")
	device   = radio.DeviceID("01JD00000000000000000000DV")
)

var now = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// bench is everything around the desk.
type bench struct {
	plan    radio.Plan
	drafts  map[radio.Target]radio.RulesDraft
	now     time.Time
	refuse  error // of the effects
	codes   int
	changes int
}

func newBench() *bench {
	b := &bench{drafts: map[radio.Target]radio.RulesDraft{}, now: now}
	b.plan.Areas = []radio.Area{{ID: province, Kind: radio.Province, Zone: "Asia/Ho_Chi_Minh", Name: "Tỉnh"}, {ID: commune, Kind: radio.Commune, Parent: province, Name: "Xã"},
		{ID: hamlet, Kind: radio.Hamlet, Parent: commune, Name: "Thôn"}}
	b.plan.Devices = []radio.Device{{ID: device, Hamlet: hamlet, Name: "Cụm"}}
	return b
}

func (b *bench) desk() *rules.Desk {
	return rules.New(b, b, b, b, func() time.Time { return b.now }, func() { b.changes++ })
}
func (b *bench) Plan(context.Context) (radio.Plan, error) { return b.plan, nil }
func (b *bench) RulesDrafts(context.Context) (out []radio.RulesDraft, err error) {
	for _, x := range b.drafts {
		out = append(out, x)
	}
	return out, nil
}
func (b *bench) RulesVersions(context.Context, radio.Target) ([]radio.PolicyRule, error) {
	return nil, nil
}
func (b *bench) PutRulesDraft(_ context.Context, d radio.RulesDraft, was int64, _ radio.DeskAct) error {
	if b.drafts[d.Rule.Target].Revision != was {
		return fmt.Errorf("%w: meanwhile", radio.ErrConflict)
	}
	b.drafts[d.Rule.Target] = d
	return nil
}
func (b *bench) DropRulesDraft(_ context.Context, r radio.PolicyRule, _ int64, _ radio.DeskAct) error {
	delete(b.drafts, r.Target)
	return nil
}
func (b *bench) ApproveRules(_ context.Context, r radio.PolicyRule, _ int64) error {
	delete(b.drafts, r.Target)
	b.plan.Policies = append(b.plan.Policies, r)
	return nil
}
func (b *bench) PersonNames(context.Context) (map[radio.UserID]string, error) { return nil, nil }
func (b *bench) Rules(context.Context, radio.PolicyRule) (radio.RulesEffects, error) {
	return radio.RulesEffects{}, b.refuse
}
func (b *bench) CheckCode(context.Context, radio.Person, string) error { b.codes++; return nil }

func person(id string, role radio.Role, a radio.AreaID) radio.Person {
	return radio.Person{ID: radio.UserID(id), Grants: []radio.Grant{{Role: role, Area: a}}}
}

func body() radio.RulesBody {
	return radio.RulesBody{Number: "5/QĐ", Issued: "2026-11-20", Issuer: "UBND", From: "2026-12-01", Windows: []radio.Window{{From: 300, To: 420}}}
}

func wantKind(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: %v, want %v", what, err, kind)
	}
}

// TestTwoPersons walks a draft to its approval, and tries every way around the second person.
func TestTwoPersons(t *testing.T) {
	b := newBench()
	d, ctx, id := b.desk(), t.Context(), string(commune)
	lan, hoa := person("lan", radio.RoleEditor, commune), person("hoa", radio.RoleApprover, commune)
	boss := radio.Person{ID: "lan", Grants: append(slices.Clone(lan.Grants), hoa.Grants...)}
	x, err := d.Save(ctx, lan, id, 0, 0, body())
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Save(ctx, lan, id, 0, 0, body())
	wantKind(t, "an old page", err, radio.ErrConflict)
	_, err = d.Approve(ctx, hoa, id, x.Revision, "")
	wantKind(t, "not handed in", err, radio.ErrConflict)
	if x, err = d.Submit(ctx, lan, id, x.Revision); err != nil {
		t.Fatal(err)
	}
	_, err = d.Approve(ctx, boss, id, x.Revision, "")
	wantKind(t, "by who wrote it", err, radio.ErrForbidden)
	_, err = d.Approve(ctx, lan, id, x.Revision, "")
	wantKind(t, "by an editor", err, radio.ErrForbidden)
	_, err = d.Approve(ctx, person("ha", radio.RoleApprover, "01JD00000000000000000000AX"), id, x.Revision, "")
	wantKind(t, "by another commune", err, radio.ErrForbidden)
	_, err = d.Approve(ctx, hoa, id, x.Revision-1, "")
	wantKind(t, "what was not seen", err, radio.ErrConflict)
	// A second writer touches it: it is open again, and neither of them approves it.
	mai := radio.Person{ID: "mai", Grants: boss.Grants}
	if x, err = d.Save(ctx, mai, id, 0, x.Revision, body()); err != nil || x.State != radio.DraftOpen || len(x.Authors) != 2 {
		t.Fatalf("%+v %v", x, err)
	}
	if x, err = d.Submit(ctx, mai, id, x.Revision); err != nil {
		t.Fatal(err)
	}
	_, err = d.Approve(ctx, boss, id, x.Revision, "")
	wantKind(t, "by who wrote in it first", err, radio.ErrForbidden)
	b.refuse = fmt.Errorf("%w: too large", radio.ErrInvalid)
	_, err = d.Approve(ctx, hoa, id, x.Revision, "")
	wantKind(t, "what devices cannot obey", err, radio.ErrInvalid)
	b.refuse = nil
	b.now = now.AddDate(0, 0, 9)
	_, err = d.Approve(ctx, hoa, id, x.Revision, "")
	wantKind(t, "its first day is past", err, radio.ErrInvalid)
	b.now = now
	if b.changes != 0 || len(b.plan.Policies) != 0 {
		t.Fatalf("approved: %+v", b.plan.Policies)
	}
	r, err := d.Approve(ctx, hoa, id, x.Revision, "")
	if err != nil || r.Version != 1 || r.Approver != "hoa" || !r.Desk || b.changes != 1 || b.codes != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	card, err := d.View(ctx, hoa, id)
	if err != nil || card.InForce != nil || len(card.Coming) != 1 || card.Draft != nil {
		t.Errorf("%+v %v", card.RulesCard, err)
	}
}

// A draft that was made from a version that does not count any more is not approved: files
// were taken in meanwhile, say.
func TestDraftOfAnOldVersion(t *testing.T) {
	b := newBench()
	d, ctx := b.desk(), t.Context()
	lan, hoa := person("lan", radio.RoleEditor, radio.Everywhere), person("hoa", radio.RoleApprover, radio.Everywhere)
	x, err := d.Save(ctx, lan, string(province), 0, 0, body())
	if err == nil {
		x, err = d.Submit(ctx, lan, string(province), x.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.plan.Policies = []radio.PolicyRule{{ID: x.Rule.ID, Version: 1, Target: radio.Target{Area: province}}}
	_, err = d.Approve(ctx, hoa, string(province), x.Revision, "123456")
	wantKind(t, "old", err, radio.ErrConflict)
	b.plan.Policies = nil
	if _, err = d.Approve(ctx, hoa, string(province), x.Revision, "123456"); err != nil || b.codes != 1 {
		t.Errorf("the province's takes a code: %d, %v", b.codes, err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	b := newBench()
	d, ctx, lan := b.desk(), t.Context(), person("lan", radio.RoleEditor, radio.Everywhere)
	school := radio.RulesBody{Label: "trường", From: "2026-12-01", Quiet: []radio.Window{{From: 420, To: 660}}}
	for name, c := range map[string]struct {
		place  string
		base   radio.RulesBody
		change func(*radio.RulesBody)
		field  string
	}{
		"no number":              {string(commune), body(), func(r *radio.RulesBody) { r.Number = " " }, "number"},
		"no issuer":              {string(commune), body(), func(r *radio.RulesBody) { r.Issuer = "" }, "issuer"},
		"no date":                {string(commune), body(), func(r *radio.RulesBody) { r.Issued = "" }, "issued"},
		"issued tomorrow":        {string(commune), body(), func(r *radio.RulesBody) { r.Issued = "2026-11-24" }, "issued"},
		"no such date":           {string(commune), body(), func(r *radio.RulesBody) { r.From = "2026-02-30" }, "from"},
		"yesterday":              {string(commune), body(), func(r *radio.RulesBody) { r.From = "2026-11-22" }, "from"},
		"2062 for 2026":          {string(commune), body(), func(r *radio.RulesBody) { r.From = "2062-12-01" }, "from"},
		"issued in 1026":         {string(commune), body(), func(r *radio.RulesBody) { r.Issued = "1026-11-20" }, "issued"},
		"never":                  {string(commune), body(), func(r *radio.RulesBody) { r.Windows = nil }, "windows"},
		"an empty span":          {string(commune), body(), func(r *radio.RulesBody) { r.Windows[0].To = 300 }, "windows.1"},
		"weekday 8":              {string(commune), body(), func(r *radio.RulesBody) { r.Windows[0].Days = []int{8} }, "windows.1"},
		"louder":                 {string(commune), body(), func(r *radio.RulesBody) { r.Volume = []radio.VolumeSpan{{From: 1, To: 2, GainDB: 3}} }, "volume.1"},
		"a holiday without name": {string(commune), body(), func(r *radio.RulesBody) { r.Exceptions = []radio.PolicyException{{From: "2027-01-01"}} }, "exceptions.1"},
		"a holiday twice": {string(commune), body(), func(r *radio.RulesBody) {
			r.Exceptions = []radio.PolicyException{{Label: "a", From: "2027-01-01"}, {Label: "b", From: "2027-01-01"}}
		}, "exceptions.2"},
		"mourning":                {string(commune), body(), func(r *radio.RulesBody) { r.Mourning = []radio.Date{"hôm qua"} }, "mourning.1"},
		"minutes":                 {string(commune), body(), func(r *radio.RulesBody) { r.MaxMinutes = 1441 }, "max_minutes"},
		"sessions":                {string(commune), body(), func(r *radio.RulesBody) { r.MaxSessions = -1 }, "max_sessions"},
		"a note of control signs": {string(commune), body(), func(r *radio.RulesBody) { r.Note = "a\x00b" }, "note"},
		"a long number":           {string(commune), body(), func(r *radio.RulesBody) { r.Number = string(make([]rune, 101)) }, "number"},
		"hours of a hamlet":       {string(hamlet), school, func(r *radio.RulesBody) { r.Windows = []radio.Window{{From: 0, To: 1440}} }, "windows"},
		"holidays of a device":    {string(device), school, func(r *radio.RulesBody) { r.Exceptions = []radio.PolicyException{{Label: "a", From: "2027-01-01"}} }, "windows"},
		"a place without reason":  {string(device), school, func(r *radio.RulesBody) { r.Label = "" }, "label"},
		"a place without rules":   {string(hamlet), school, func(r *radio.RulesBody) { r.Quiet = nil }, "quiet"},
	} {
		t.Run(name, func(t *testing.T) {
			in := c.base
			in.Windows = slices.Clone(in.Windows)
			if _, err := d.Save(ctx, lan, c.place, 0, b.drafts[radio.Target{Area: radio.AreaID(c.place)}].Revision, c.base); err != nil {
				t.Fatalf("as it is: %v", err)
			}
			clear(b.drafts)
			c.change(&in)
			_, err := d.Save(ctx, lan, c.place, 0, 0, in)
			var invalid *radio.Invalid
			if !errors.As(err, &invalid) || !slices.ContainsFunc(invalid.Problems, func(p radio.Problem) bool { return p.Field == c.field && p.VI != "" && p.EN != "" }) {
				t.Errorf("%v, want a problem of %s", err, c.field)
			}
		})
	}
}

// The school moves away: what was laid down for a place is lifted by rules that lay nothing
// down; what never had any is not.
func TestRulesOfAPlaceAreLifted(t *testing.T) {
	b := newBench()
	d, ctx := b.desk(), t.Context()
	lan, hoa := person("lan", radio.RoleEditor, commune), person("hoa", radio.RoleApprover, commune)
	empty := radio.RulesBody{Label: "trường đã chuyển", From: "2026-12-01"}
	_, err := d.Save(ctx, lan, string(hamlet), 0, 0, empty)
	wantKind(t, "nothing to lift", err, radio.ErrInvalid)
	b.plan.Policies = []radio.PolicyRule{{ID: "p", Version: 1, Target: radio.Target{Area: hamlet}, Profile: true, Quiet: []radio.Window{{From: 420, To: 660}}}}
	x, err := d.Save(ctx, lan, string(hamlet), 1, 0, empty)
	if err == nil {
		x, err = d.Submit(ctx, lan, string(hamlet), x.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Approve(ctx, hoa, string(hamlet), x.Revision, "")
	if err != nil || r.Version != 2 || !r.Lifts() || b.plan.Policies[0].Lifts() {
		t.Errorf("%+v %v", r, err)
	}
	// The rules of a commune always say when sound is permitted.
	b.plan.Policies = append(b.plan.Policies, radio.PolicyRule{ID: "q", Version: 1, Target: radio.Target{Area: commune}})
	none := body()
	none.Windows = nil
	_, err = d.Save(ctx, lan, string(commune), 1, 0, none)
	wantKind(t, "a commune without windows", err, radio.ErrInvalid)
}

// A commune that was merged is on the list as long as it has rules of its own.
func TestListAfterAMerger(t *testing.T) {
	b := newBench()
	const old = radio.AreaID("01JD00000000000000000000AQ")
	b.plan.Areas = append(b.plan.Areas, radio.Area{ID: old, Kind: radio.Commune, Parent: commune, Name: "Xã cũ", ValidTo: "2026-06-30"})
	names := func() (out []string) {
		all, err := b.desk().List(t.Context(), person("lan", radio.RoleEditor, commune))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			out = append(out, c.Name)
		}
		return out
	}
	if got := names(); !slices.Equal(got, []string{"Tỉnh", "Xã"}) {
		t.Errorf("%q", got)
	}
	b.plan.Policies = []radio.PolicyRule{{ID: "p", Version: 1, Target: radio.Target{Area: old}}}
	if got := names(); !slices.Equal(got, []string{"Tỉnh", "Xã", "Xã cũ"}) {
		t.Errorf("with rules: %q", got)
	}
}
