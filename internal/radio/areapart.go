package radio

import (
	"cmp"
	"reflect"
	"slices"
)

// part is what gets another place by a change: a hamlet, or a cluster that leaves its one.
type part struct {
	at       Target
	was, now Place
	lost     []AreaID // in which it lies no more
}

// parts lists what gets another place, with the areas above it before and after.
func (l *life) parts() []part {
	after := NewAreaTree(over(l.plan.Areas, l.e.Areas, func(a Area) AreaID { return a.ID }))
	chain := func(t AreaTree, id AreaID) (out []Area) {
		for _, up := range t.Chain(id) {
			out = append(out, t.byID[up])
		}
		return out
	}
	var out []part
	add := func(p part) {
		for _, a := range p.was.Chain {
			if !p.now.Within(Target{Area: a.ID}) {
				p.lost = append(p.lost, a.ID)
			}
		}
		out = append(out, p)
	}
	for _, d := range l.e.Devices {
		i := slices.IndexFunc(l.plan.Devices, func(x Device) bool { return x.ID == d.ID })
		add(part{Target{Device: d.ID}, Place{d, chain(l.tree, l.plan.Devices[i].Hamlet)}, Place{d, chain(after, d.Hamlet)}, nil})
	}
	for _, id := range l.e.Moved {
		if a := l.tree.byID[id]; a.Kind == Hamlet {
			add(part{Target{Area: id}, Place{Chain: chain(l.tree, id)}, Place{Chain: chain(after, id)}, nil})
		}
	}
	return out
}

// holds says whether a target lies in the part itself.
func (l *life) holds(p part, t Target) bool {
	if p.at.Device != "" || t == p.at {
		return t == p.at
	}
	id := t.Area
	if t.Device != "" {
		if i := slices.IndexFunc(l.plan.Devices, func(d Device) bool { return d.ID == t.Device }); i >= 0 {
			id = l.plan.Devices[i].Hamlet
		}
	}
	return slices.Contains(l.tree.Chain(id), p.at.Area)
}

// goOn keeps what sounds the same where a part leaves areas: what was laid down for these
// from above, the permitted hours, and what they had said about what was sent to them. What
// an area made for itself does not go beyond it: its approvers signed for no other. Where
// an area of today takes a part that another one splits off, that area's own order holds.
func (l *life) goOn(from, into Area) error {
	parts := slices.DeleteFunc(l.parts(), func(p part) bool { return len(p.lost) == 0 })
	if len(parts) == 0 {
		return nil
	}
	for _, s := range l.plan.Schedules {
		if s.WithdrawnAt == 0 {
			l.schedule(s, parts, from, into)
		}
	}
	switch {
	case l.c.Kind == MergeAreas:
		return l.sameRules(parts)
	case l.c.Into != "":
		return nil
	}
	return l.newOrder(parts, into)
}

// schedule follows one schedule into the parts.
func (l *life) schedule(s Schedule, parts []part, from, into Area) {
	was, targets, silent := s, slices.Clone(s.Targets), false
	for _, p := range parts {
		by := func(t Target) bool { return t.Area != "" && slices.Contains(p.lost, t.Area) }
		inside := func(t Target) bool { return l.holds(p, t) }
		switch {
		case slices.Contains(p.lost, s.Area): // its own
			silent = silent || slices.ContainsFunc(s.Targets, by) || slices.ContainsFunc(s.Targets, inside)
			targets = slices.DeleteFunc(targets, inside)
		case !slices.ContainsFunc(s.Targets, by), slices.ContainsFunc(targets, inside), slices.ContainsFunc(targets, p.now.Within):
		case l.c.Kind == SplitArea && l.c.Into != "":
			silent = true
		case slices.Contains(s.Targets, Target{Area: from.ID}):
			targets = append(targets, Target{Area: into.ID})
		default: // for an area that was merged: the rest of what takes the part is not meant
			targets = append(targets, p.at)
		}
	}
	if silent {
		l.e.Silent = append(l.e.Silent, was)
	}
	if slices.Equal(targets, s.Targets) {
		return
	}
	s.Version++
	if s.Targets = targets; len(targets) == 0 {
		s.Targets, s.WithdrawnAt = was.Targets, parts[0].was.dawnAfter(dayBefore(l.c.From))
	}
	l.e.Schedules = append(l.e.Schedules, s)
}

// order lists the rules of the areas of one kind that count at a place from the first day
// on, as if one area had made them: of those that have begun the last one counts.
func (l *life) order(p Place, k AreaKind) []PolicyRule {
	var out []PolicyRule
	for _, of := range slices.Backward(p.rulesAt(k)) {
		rules := slices.DeleteFunc(slices.Clone(l.plan.Policies), func(r PolicyRule) bool {
			return r.Target != Target{Area: of.Area} || r.ApprovedAt < of.Since
		})
		slices.SortFunc(rules, func(a, b PolicyRule) int { return cmp.Compare(a.Version, b.Version) })
		out = append(out, rules...)
	}
	begin := func(r PolicyRule) Date { return max(r.From, l.c.From) }
	var live []PolicyRule
	for i, r := range out {
		if slices.ContainsFunc(out[i+1:], func(later PolicyRule) bool { return begin(later) <= begin(r) }) {
			continue // it counts no day any more
		}
		r.ID, r.Version, r.Target = "", len(live)+1, Target{}
		live = append(live, r)
	}
	return live
}

// newOrder gives a new area the rules and the words of what it was.
func (l *life) newOrder(parts []part, into Area) error {
	rules := l.order(parts[0].was, into.Kind)
	words, offered := l.words(parts[0])
	for _, p := range parts[1:] {
		if !reflect.DeepEqual(l.order(p.was, into.Kind), rules) {
			a, b := parts[0].was.Chain, p.was.Chain
			return refuseChange("%s và %s đang theo quy định giờ phát khác nhau (của hai xã cũ). Hãy để %s ban hành quy chế chung trước, hoặc tách riêng từng phần.",
				"%s and %s have different permitted hours, of two old communes: have %s set rules for both first, or split them one by one", a[len(a)-1].Name, b[len(b)-1].Name, p.was.Commune().Name)
		}
		also, rule := l.words(p)
		if kept := slices.DeleteFunc(slices.Clone(words), func(w Decision) bool { return !slices.Contains(also, w) }); len(kept) < max(len(words), len(also)) {
			l.e.Unsaid += max(len(words), len(also)) - len(kept)
			words = kept
		}
		if rule != offered {
			offered = OfferRule{}
		}
	}
	id := NewID[PolicyID]()
	for _, r := range rules {
		r.ID, r.Target = id, Target{Area: into.ID}
		l.e.Policies = append(l.e.Policies, r)
	}
	for _, w := range words {
		w.N, w.Area = 0, into.ID
		l.e.Words = append(l.e.Words, w)
	}
	if offered.Area != "" {
		offered.N, offered.Area = 0, into.ID
		l.e.OfferRules = append(l.e.OfferRules, offered)
	}
	return nil
}

// words gives what the areas that a part leaves had said, as far as it counts there from
// the first day on.
func (l *life) words(p part) ([]Decision, OfferRule) {
	of := slices.DeleteFunc(p.was.Deciders(), func(d Decider) bool { return !slices.Contains(p.lost, d.Area) })
	s := l.plan.Decided.At(of)
	return slices.DeleteFunc(s.words, func(w Decision) bool { return w.Date != "" && max(w.Date, w.ToDate) < l.c.From }), s.Rule
}

// sameRules refuses a merger of hamlets that would change the hours of one, because the
// rules of a commune of before hold there and not for the other; it counts what that
// commune had said, which ends.
func (l *life) sameRules(parts []part) error {
	for _, p := range parts {
		if !reflect.DeepEqual(l.order(p.was, Commune), l.order(p.now, Commune)) {
			h, c := p.was.Chain[len(p.was.Chain)-1], p.was.Commune()
			return refuseChange("%s đang theo quy định giờ phát của xã cũ. Hãy để %s ban hành quy chế chung trước, rồi sáp nhập.",
				"%s follows the permitted hours of a commune of before: have %s set rules for all of it first", h.Name, c.Name)
		}
		said, _ := l.words(p)
		l.e.Unsaid += len(said)
	}
	return nil
}
