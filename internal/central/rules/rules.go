// Package rules is the desk of the operating rules (quy chế hoạt động của đài truyền thanh cấp
// xã, NĐ 49/2024): one person writes them, another approves them, and from their first day on
// they count. It receives what people write from web, what is laid down and drafted from
// store, and what a draft would silence from preview; it hands approved versions to store,
// from where programme makes the policies of devices.
package rules

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Plans is what people have laid down.
type Plans interface {
	// Plan is shared: it must not be changed.
	Plan(ctx context.Context) (radio.Plan, error)
}

// Drafts keeps drafts and approved versions (store).
type Drafts interface {
	RulesDrafts(ctx context.Context) ([]radio.RulesDraft, error)
	RulesVersions(ctx context.Context, t radio.Target) ([]radio.PolicyRule, error)
	PutRulesDraft(ctx context.Context, d radio.RulesDraft, was int64, act radio.DeskAct) error
	DropRulesDraft(ctx context.Context, r radio.PolicyRule, revision int64, act radio.DeskAct) error
	ApproveRules(ctx context.Context, r radio.PolicyRule, revision int64) error
	PersonNames(ctx context.Context) (map[radio.UserID]string, error)
}

// Effects tells what rules would silence or make quieter (preview).
type Effects interface {
	Rules(ctx context.Context, rule radio.PolicyRule) (radio.RulesEffects, error)
}

// Codes asks for a code of a person's second factor (identity).
type Codes interface {
	CheckCode(ctx context.Context, by radio.Person, code string) error
}

// Desk is safe for concurrent use.
type Desk struct {
	plans   Plans
	drafts  Drafts
	effects Effects
	codes   Codes
	now     func() time.Time
	changed func() // rules were approved
}

// New only stores.
func New(plans Plans, drafts Drafts, effects Effects, codes Codes, now func() time.Time, changed func()) *Desk {
	return &Desk{plans: plans, drafts: drafts, effects: effects, codes: codes, now: now, changed: changed}
}

// place is what rules can be laid down for.
type place struct {
	target     radio.Target
	name, code string
	kind       string
	chain      []radio.AreaID
	zone       string
}

// small: a hamlet or a device, whose rules only tighten the commune's.
func (p place) small() bool { return p.kind == string(radio.Hamlet) || p.kind == kindDevice }

const kindDevice = "device"

// world is everything laid down, as of one question.
type world struct {
	plan   radio.Plan
	tree   radio.AreaTree
	drafts map[radio.Target]radio.RulesDraft
	today  radio.Date
}

func (d *Desk) world(ctx context.Context) (*world, error) {
	plan, err := d.plans.Plan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	drafts, err := d.drafts.RulesDrafts(ctx)
	if err != nil {
		return nil, err
	}
	w := &world{plan: plan, tree: radio.NewAreaTree(plan.Areas), drafts: map[radio.Target]radio.RulesDraft{}}
	for _, x := range drafts {
		w.drafts[x.Rule.Target] = x
	}
	for _, a := range plan.Areas {
		if a.Kind == radio.Province {
			zone, err := timetable.LoadZone(a.Zone)
			if err != nil {
				return nil, err
			}
			w.today = zone.Date(d.now())
		}
	}
	return w, nil
}

// place finds what an id names: an area, or a device.
func (w *world) place(id string) (place, error) {
	chain := w.tree.Chain(radio.AreaID(id))
	p := place{target: radio.Target{Area: radio.AreaID(id)}, chain: chain}
	if a, ok := w.tree.Area(radio.AreaID(id)); ok && len(chain) > 0 {
		p.name, p.code, p.kind = a.Name, a.Code, string(a.Kind)
	} else if i := slices.IndexFunc(w.plan.Devices, func(v radio.Device) bool { return string(v.ID) == id }); i >= 0 {
		v := w.plan.Devices[i]
		p = place{target: radio.Target{Device: v.ID}, name: v.Name, code: v.Code, kind: kindDevice, chain: w.tree.Chain(v.Hamlet)}
	} else {
		return p, fmt.Errorf("place %.30s: %w", id, radio.ErrNotFound)
	}
	if len(p.chain) > 0 {
		province, _ := w.tree.Area(p.chain[0])
		p.zone = province.Zone
	}
	return p, nil
}

// card is what a person may see of a place; drafts are known to those who may write there.
func (w *world) card(by radio.Person, p place) radio.RulesCard {
	c := radio.RulesCard{Target: p.target, Name: p.name, Code: p.code, Kind: p.kind, Chain: p.chain, Coming: []radio.PolicyRule{}}
	if r, ok := radio.RuleOn(w.plan.Policies, p.target, w.today); ok {
		c.InForce = &r
	}
	for _, r := range w.plan.Policies {
		if r.Target == p.target && r.From > w.today {
			c.Coming = append(c.Coming, r)
		}
	}
	slices.SortFunc(c.Coming, func(a, b radio.PolicyRule) int { return cmp.Compare(a.From, b.From) })
	if x, ok := w.drafts[p.target]; ok && by.May(radio.ReadSchedules, p.chain...) {
		c.Draft = &x
	}
	return c
}

// Area tells whose place an id names: its chain, the province first.
func (d *Desk) Area(ctx context.Context, id string) ([]radio.AreaID, error) {
	w, err := d.world(ctx)
	if err != nil {
		return nil, err
	}
	p, err := w.place(id)
	return p.chain, err
}

// List gives the province, the person's communes, and what else there has rules or a draft.
func (d *Desk) List(ctx context.Context, by radio.Person) ([]radio.RulesCard, error) {
	w, err := d.world(ctx)
	if err != nil {
		return nil, err
	}
	has := map[radio.Target]bool{}
	for _, r := range w.plan.Policies {
		has[r.Target] = true
	}
	for t := range w.drafts {
		has[t] = true
	}
	out := []radio.RulesCard{}
	add := func(id string) {
		p, err := w.place(id)
		// An area that was merged is there as long as its own rules count somewhere.
		a, _ := w.tree.Area(radio.AreaID(id))
		whole := (p.kind == string(radio.Province) || p.kind == string(radio.Commune)) && !a.Ended()
		if err != nil || !whole && !has[p.target] {
			return
		}
		if by.May(radio.ReadSchedules, p.chain...) || p.kind == string(radio.Province) && by.MayRead(radio.ReadSchedules, p.chain...) {
			out = append(out, w.card(by, p))
		}
	}
	for _, a := range w.tree.All() {
		add(string(a.ID))
	}
	for _, v := range w.plan.Devices {
		if has[radio.Target{Device: v.ID}] {
			add(string(v.ID))
		}
	}
	ranks := []string{string(radio.Province), string(radio.Commune), string(radio.Hamlet), kindDevice}
	alphabet.Sort(out, func(c radio.RulesCard) string { return c.Name })
	slices.SortStableFunc(out, func(a, b radio.RulesCard) int {
		return cmp.Compare(slices.Index(ranks, a.Kind), slices.Index(ranks, b.Kind))
	})
	return out, nil
}

// View gives all of one place: its card, every version, and the rules above it that it is
// to tighten. Whose place it is, web has asked before.
func (d *Desk) View(ctx context.Context, by radio.Person, id string) (radio.RulesView, error) {
	w, err := d.world(ctx)
	if err != nil {
		return radio.RulesView{}, err
	}
	p, err := w.place(id)
	if err != nil {
		return radio.RulesView{}, err
	}
	v := radio.RulesView{RulesCard: w.card(by, p), Today: w.today}
	if v.Versions, err = d.drafts.RulesVersions(ctx, p.target); err != nil {
		return v, err
	}
	v.Versions = append([]radio.PolicyRule{}, v.Versions...)
	for i := len(p.chain) - 1; i >= 0 && v.Above == nil; i-- {
		a, _ := w.tree.Area(p.chain[i])
		if r, ok := radio.RuleOn(w.plan.Policies, radio.Target{Area: a.ID}, w.today); ok && p.chain[i] != p.target.Area && a.Kind != radio.Hamlet {
			v.Above, v.AboveName = &r, a.Name
		}
	}
	if r, ok := radio.RuleOn(w.plan.Policies, radio.Target{Area: p.chain[0]}, w.today); ok && p.target.Area != p.chain[0] {
		v.Mourning = r.Mourning
	}
	names, err := d.drafts.PersonNames(ctx)
	if err != nil {
		return v, err
	}
	v.Names = map[radio.UserID]string{}
	note := func(id radio.UserID) {
		if id != "" {
			v.Names[id] = cmp.Or(names[id], string(id))
		}
	}
	for _, r := range v.Versions {
		note(r.Author)
		note(r.Approver)
	}
	if v.Draft != nil {
		for _, id := range v.Draft.Authors {
			note(id)
		}
	}
	return v, nil
}

// Effects tells what the draft of a place would silence or make quieter.
func (d *Desk) Effects(ctx context.Context, by radio.Person, id string) (radio.RulesEffects, error) {
	w, err := d.world(ctx)
	if err != nil {
		return radio.RulesEffects{}, err
	}
	p, err := w.place(id)
	if err != nil {
		return radio.RulesEffects{}, err
	}
	x, ok := w.drafts[p.target]
	if !ok || !by.May(radio.ReadSchedules, p.chain...) {
		return radio.RulesEffects{}, fmt.Errorf("draft of the rules: %w", radio.ErrNotFound)
	}
	return d.effects.Rules(ctx, x.Rule)
}

// found is a draft somebody acts on, who saw it at a revision.
func (d *Desk) found(ctx context.Context, by radio.Person, id string, a radio.Action, revision int64) (*world, place, radio.RulesDraft, error) {
	fail := func(p place, err error) (*world, place, radio.RulesDraft, error) {
		return nil, p, radio.RulesDraft{}, err
	}
	w, err := d.world(ctx)
	if err != nil {
		return fail(place{}, err)
	}
	p, err := w.place(id)
	if err != nil {
		return fail(p, err)
	}
	if !by.May(a, p.chain...) {
		return fail(p, fmt.Errorf("%w: the rules belong to another desk", radio.ErrForbidden))
	}
	x, ok := w.drafts[p.target]
	switch {
	case !ok:
		return fail(p, fmt.Errorf("draft of the rules: %w", radio.ErrNotFound))
	case x.Revision != revision:
		return fail(p, fmt.Errorf("%w: the draft was changed meanwhile; look at it again", radio.ErrConflict))
	}
	return w, p, x, nil
}

// next numbers what is done to a draft, also over one that went before.
func (d *Desk) next(was int64) int64 { return max(was+1, int64(radio.At(d.now()))) }

func (d *Desk) act(by radio.Person, action, why string) radio.DeskAct {
	return radio.DeskAct{At: radio.At(d.now()), By: by.ID, Action: action, Facts: radio.AuditFacts{Why: why}}
}

// Save keeps what a person wrote as the draft of the place. base and revision are what they
// saw: the newest version and the draft's revision, 0 where there was none. A draft that was
// handed in is open again.
func (d *Desk) Save(ctx context.Context, by radio.Person, id string, base int, revision int64, body radio.RulesBody) (radio.RulesDraft, error) {
	w, err := d.world(ctx)
	if err != nil {
		return radio.RulesDraft{}, err
	}
	p, err := w.place(id)
	if err != nil {
		return radio.RulesDraft{}, err
	}
	if !by.May(radio.WriteSchedules, p.chain...) {
		return radio.RulesDraft{}, fmt.Errorf("%w: the rules belong to another desk", radio.ErrForbidden)
	}
	newest, _ := radio.NewestRule(w.plan.Policies, p.target)
	old, had := w.drafts[p.target]
	if newest.Version != base || old.Revision != revision {
		return radio.RulesDraft{}, fmt.Errorf("%w: the rules or their draft were changed meanwhile; look at them again", radio.ErrConflict)
	}
	r, err := check(body, p, w.today, newest.Version > 0)
	if err != nil {
		return radio.RulesDraft{}, err
	}
	r.ID, r.Version, r.Author = cmp.Or(newest.ID, old.Rule.ID), newest.Version+1, by.ID
	if r.ID == "" {
		r.ID = radio.NewID[radio.PolicyID]()
	}
	x := radio.RulesDraft{Rule: r, Base: newest.Version, State: radio.DraftOpen, Revision: d.next(old.Revision), SavedAt: radio.At(d.now()), Authors: slices.Clone(old.Authors)}
	if !slices.Contains(x.Authors, by.ID) {
		x.Authors = append(x.Authors, by.ID)
	}
	was := int64(0)
	if had {
		was = old.Revision
	}
	return x, d.drafts.PutRulesDraft(ctx, x, was, d.act(by, "policy.draft", ""))
}

// Submit hands a draft in for approval.
func (d *Desk) Submit(ctx context.Context, by radio.Person, id string, revision int64) (radio.RulesDraft, error) {
	w, _, x, err := d.found(ctx, by, id, radio.WriteSchedules, revision)
	switch {
	case err != nil:
		return x, err
	case x.State == radio.DraftSubmitted:
		return x, fmt.Errorf("%w: the draft is handed in already", radio.ErrConflict)
	case x.Rule.From < w.today:
		return x, pastDay()
	}
	x.State, x.Reason, x.Revision = radio.DraftSubmitted, "", d.next(revision)
	return x, d.drafts.PutRulesDraft(ctx, x, revision, d.act(by, "policy.submit", ""))
}

// Return sends a draft back to its authors, with a reason.
func (d *Desk) Return(ctx context.Context, by radio.Person, id string, revision int64, why string) (radio.RulesDraft, error) {
	_, _, x, err := d.found(ctx, by, id, radio.PublishSchedules, revision)
	if err != nil {
		return x, err
	}
	if x.State != radio.DraftSubmitted {
		return x, fmt.Errorf("%w: the draft is not handed in", radio.ErrConflict)
	}
	why = strings.TrimSpace(why)
	if n := utf8.RuneCountInString(why); n == 0 || n > 500 || !utf8.ValidString(why) {
		var e radio.Invalid
		e.Add("why", "phải nêu lý do, nhiều nhất 500 ký tự", "say why, in at most 500 characters")
		return x, e.Err()
	}
	x.State, x.Reason, x.Revision = radio.DraftReturned, why, d.next(revision)
	return x, d.drafts.PutRulesDraft(ctx, x, revision, d.act(by, "policy.return", why))
}

// Drop throws a draft away.
func (d *Desk) Drop(ctx context.Context, by radio.Person, id string, revision int64) error {
	_, _, x, err := d.found(ctx, by, id, radio.WriteSchedules, revision)
	if err != nil {
		return err
	}
	return d.drafts.DropRulesDraft(ctx, x.Rule, revision, d.act(by, "policy.drop", ""))
}

// Approve makes a draft the newest version, by a person who wrote nothing in it. Rules of the
// province take a code of the second factor: they are heard in every commune without its own.
func (d *Desk) Approve(ctx context.Context, by radio.Person, id string, revision int64, code string) (radio.PolicyRule, error) {
	w, p, x, err := d.found(ctx, by, id, radio.PublishSchedules, revision)
	newest, _ := radio.NewestRule(w.versions(), p.target)
	switch {
	case err != nil:
		return x.Rule, err
	case slices.Contains(x.Authors, by.ID):
		return x.Rule, fmt.Errorf("%w: nobody approves what they wrote", radio.ErrForbidden)
	case x.State != radio.DraftSubmitted:
		return x.Rule, fmt.Errorf("%w: the draft is not handed in", radio.ErrConflict)
	case newest.Version != x.Base:
		return x.Rule, fmt.Errorf("%w: version %d counts by now, the draft was made from version %d: save it again", radio.ErrConflict, newest.Version, x.Base)
	case x.Rule.From < w.today:
		return x.Rule, pastDay()
	}
	r := x.Rule
	r.Approver, r.ApprovedAt = by.ID, radio.At(d.now())
	if err := r.Check(); err != nil {
		return r, err
	}
	// It must make policies that devices can obey, together with all that counts there.
	if _, err := d.effects.Rules(ctx, r); err != nil {
		return r, err
	}
	if p.kind == string(radio.Province) {
		if err := d.codes.CheckCode(ctx, by, code); err != nil {
			return r, err
		}
	}
	if err := d.drafts.ApproveRules(ctx, r, revision); err != nil {
		return r, err
	}
	d.changed()
	return r, nil
}

func (w *world) versions() []radio.PolicyRule {
	if w == nil {
		return nil
	}
	return w.plan.Policies
}

// pastDay: rules cannot have counted before they were approved.
func pastDay() error {
	var e radio.Invalid
	e.Add("from", "ngày có hiệu lực đã qua: sửa bản nháp, chọn từ hôm nay trở đi", "the first day is past: change the draft, from today on")
	return e.Err()
}
