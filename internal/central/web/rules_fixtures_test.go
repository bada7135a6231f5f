package web

import (
	"context"
	"fmt"
	"time"

	"loaxa/internal/central/rules"
	"loaxa/internal/radio"
)

// fakeRules keeps drafts of rules beneath the real desk.
type fakeRules struct {
	plan     *fakePlan
	drafts   map[radio.Target]radio.RulesDraft
	approved []radio.PolicyRule
	effects  radio.RulesEffects
	refused  error // in place of effects
	acts     []string
}

func (h *house) withRules(d *Deps) {
	h.rules = &fakeRules{plan: h.plan, drafts: map[radio.Target]radio.RulesDraft{}, effects: radio.RulesEffects{From: "2026-11-24", Days: 14, Effects: []radio.RulesEffect{}}}
	d.Rules = rules.New(h.rules, h.rules, h.rules, h.staff, func() time.Time { return now }, func() {})
}

func (f *fakeRules) Plan(ctx context.Context) (radio.Plan, error) {
	p := radio.Plan{Policies: f.approved}
	var err error
	if p.Areas, err = f.plan.Areas(ctx); err != nil {
		return p, err
	}
	for _, x := range f.plan.places {
		p.Devices = append(p.Devices, x.Device)
		p.Devices[len(p.Devices)-1].Hamlet = x.Hamlet().ID
	}
	return p, nil
}

func (f *fakeRules) RulesDrafts(context.Context) (out []radio.RulesDraft, err error) {
	for _, x := range f.drafts {
		out = append(out, x)
	}
	return out, nil
}

func (f *fakeRules) RulesVersions(_ context.Context, t radio.Target) (out []radio.PolicyRule, err error) {
	for _, r := range f.approved {
		if r.Target == t {
			out = append([]radio.PolicyRule{r}, out...)
		}
	}
	return out, nil
}

func (f *fakeRules) PutRulesDraft(_ context.Context, d radio.RulesDraft, was int64, act radio.DeskAct) error {
	if f.drafts[d.Rule.Target].Revision != was {
		return fmt.Errorf("%w: changed meanwhile", radio.ErrConflict)
	}
	f.drafts[d.Rule.Target] = d
	f.acts = append(f.acts, act.Action)
	return nil
}

func (f *fakeRules) DropRulesDraft(_ context.Context, r radio.PolicyRule, revision int64, act radio.DeskAct) error {
	delete(f.drafts, r.Target)
	f.acts = append(f.acts, act.Action)
	return nil
}

func (f *fakeRules) ApproveRules(_ context.Context, r radio.PolicyRule, revision int64) error {
	delete(f.drafts, r.Target)
	f.approved = append(f.approved, r)
	f.acts = append(f.acts, "policy.approve")
	return nil
}

func (f *fakeRules) PersonNames(context.Context) (map[radio.UserID]string, error) {
	return map[radio.UserID]string{lan.ID: lan.Name}, nil
}

func (f *fakeRules) Rules(context.Context, radio.PolicyRule) (radio.RulesEffects, error) {
	return f.effects, f.refused
}

// rulesIn is a place at w, with a draft somebody else wrote when it has a state.
func rulesIn(state radio.DraftState) func(h *house, w where) []string {
	return func(h *house, w where) []string {
		t := radio.Target{Area: h.area(w)}
		delete(h.rules.drafts, t)
		if state != "" {
			h.rules.drafts[t] = radio.RulesDraft{State: state, Revision: 7, Authors: []radio.UserID{sau}, SavedAt: radio.At(now),
				Rule: radio.PolicyRule{ID: id[radio.PolicyID]('p', 1), Version: 1, Target: t, Zone: "Asia/Ho_Chi_Minh", Label: "thử", Number: "5/QĐ", From: "2026-01-01", Windows: []radio.Window{{From: 300, To: 420}}, Author: sau}}
		}
		return []string{"place", string(t.Area)}
	}
}

func rulesFixtures() []fixture {
	read, write, publish := radio.ReadSchedules, radio.WriteSchedules, radio.PublishSchedules
	none, open, waiting := rulesIn(""), rulesIn(radio.DraftOpen), rulesIn(radio.DraftSubmitted)
	page, api := "/rules/{place}", "/api/v1/rules/{place}"
	body := `{"base":0,"revision":0,"number":"5/QĐ","issued":"2020-01-01","issuer":"UBND","from":"2026-01-01","windows":[{"from":"05:00","to":"07:00"}],"quiet":[],"volume":[],"mourning":[],"exceptions":[]}`
	form := "base=0&revision=0&number=5/QĐ&issued=2020-01-01&issuer=UBND&from=2026-01-01&windows1_from=05:00&windows1_to=07:00"
	// A draft of the province is its desk's own business.
	hidden := map[string]int{}
	for _, role := range radio.Roles() {
		hidden[string(role)+" province"] = 404
	}
	// What counts in the whole province takes a code of the second factor.
	coded := map[string]int{"approver* province": 403, "approver*write province": 403}
	return []fixture{
		{pattern: "GET /rules", may: read},
		{pattern: "GET " + page, may: read, thing: open},
		{pattern: "GET " + page + "/edit", may: write, thing: open},
		{pattern: "POST " + page + "/edit", may: write, thing: none, body: form},
		{pattern: "POST " + page + "/submit", may: write, thing: open, body: "revision=7"},
		{pattern: "POST " + page + "/drop", may: write, thing: open, body: "revision=7"},
		{pattern: "POST " + page + "/return", may: publish, thing: waiting, body: "revision=7&why=thử"},
		{pattern: "POST " + page + "/approve", may: publish, thing: waiting, body: "revision=7", except: coded},
		{pattern: "GET /api/v1/rules", may: read},
		{pattern: "GET " + api, may: read, thing: open},
		{pattern: "PUT " + api + "/draft", may: write, thing: none, body: body},
		{pattern: "DELETE " + api + "/draft", may: write, thing: open, status: 422},
		{pattern: "GET " + api + "/draft/effects", may: read, thing: open, except: hidden},
		{pattern: "POST " + api + "/draft/submit", may: write, thing: open, body: `{"revision":7}`},
		{pattern: "POST " + api + "/draft/return", may: publish, thing: waiting, body: `{"revision":7,"why":"thử"}`},
		{pattern: "POST " + api + "/draft/approve", may: publish, thing: waiting, body: `{"revision":7}`, except: coded},
	}
}
