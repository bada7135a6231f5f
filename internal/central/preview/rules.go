package preview

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
	"loaxa/internal/wire"
)

// rulesDays are looked at, from now or from the first day of rules that begin later.
const rulesDays = 14

// Rules tells every airing of the next 14 days (or of the first 14 days of rules that begin
// later) that would fall silent or sound quieter if the rules took the place of what counts
// for their target: made by the agent's own code from both policies.
func (p *Preview) Rules(ctx context.Context, rule radio.PolicyRule) (radio.RulesEffects, error) {
	if err := p.enter(ctx); err != nil {
		return radio.RulesEffects{}, err
	}
	defer p.exit()
	s, err := p.survey(ctx)
	if err != nil {
		return radio.RulesEffects{}, err
	}
	s.onAir()
	begin := s.now
	if rule.From != "" {
		first, _, err := s.zone.Day(rule.From)
		if err != nil {
			var e radio.Invalid
			e.Add("from", "ngày phải có dạng 2026-12-31", "the date must look like 2026-12-31")
			return radio.RulesEffects{}, e.Err()
		}
		if first.After(begin) {
			begin = first
		}
	}
	from := s.zone.Date(begin)
	end := begin.AddDate(0, 0, rulesDays)
	// As if they were approved last: above every version there is.
	rule.Version = 1
	if newest, ok := radio.NewestRule(s.policies, rule.Target); ok {
		rule.Version = newest.Version + 1
	}
	with := append(slices.Clone(s.policies), rule)
	groups := slices.DeleteFunc(s.groups(func(pl radio.Place) bool { return pl.Within(rule.Target) }), func(g *group) bool { return len(g.places) == 0 })
	parts := make(map[*group][]*group, len(groups))
	found := map[*group][]radio.RulesEffect{}
	for _, g := range groups {
		parts[g] = p.byDelay(g)
	}
	var mu sync.Mutex
	if err := each(ctx, groups, func(g *group) {
		effects, bad := p.compare(s, g, parts[g], with, span{begin, end})
		g.refusal = bad
		mu.Lock()
		defer mu.Unlock()
		for i, part := range parts[g] {
			if i < len(effects) {
				found[part] = effects[i]
			}
		}
	}); err != nil {
		return radio.RulesEffects{}, err
	}
	out := radio.RulesEffects{From: from, Days: rulesDays, Effects: []radio.RulesEffect{}}
	var all []radio.RulesEffect
	for _, g := range groups {
		if g.refusal != nil && g.refusal.err != nil {
			return out, refusedRules(g.first().Device, g.refusal.err)
		}
		out.DeviceCount += len(g.places)
		for _, part := range parts[g] {
			for _, e := range found[part] {
				all = joinEffect(all, e, part.places)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b radio.RulesEffect) int {
		if a.Start != b.Start {
			return cmp.Compare(a.Start, b.Start)
		}
		return alphabet.Compare(a.Title, b.Title)
	})
	for _, e := range all {
		if e.Silent {
			out.Silent += e.DeviceCount
		} else {
			out.Quieter += e.DeviceCount
		}
	}
	out.Effects = append(out.Effects, all[:min(len(all), radio.MaxRulesEffects)]...)
	out.More = len(all) - len(out.Effects)
	return out, nil
}

// refusedRules says that a device could not obey the rules with all that counts there.
func refusedRules(d radio.Device, err error) error {
	if !errors.Is(err, radio.ErrInvalid) {
		return fmt.Errorf("rules for %s: %w", d.Code, err)
	}
	var e radio.Invalid
	e.Add("rules", fmt.Sprintf("cộng với các quy chế khác ở nơi đặt cụm loa %s thì cụm loa không giữ hết được: bớt ngày, khung giờ hoặc mức âm lượng", d.Name),
		fmt.Sprintf("with the other rules that count there, device %s cannot hold them: take fewer dates, spans or volumes (%v)", d.Code, err))
	return e.Err()
}

// provePolicy holds a policy against what fits the wire.
func provePolicy(p radio.Policy, now time.Time) error {
	p.Revision, p.IssuedAt = now.Unix(), radio.At(now)
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if most := wire.Policy.MaxPayload(); len(b) > most {
		return fmt.Errorf("%w: the policy has %d bytes, at most %d", radio.ErrInvalid, len(b), most)
	}
	return nil
}

// compare expands a group's documents under the rules as they are and as they would be:
// what changes, for each of its parts; none where nothing sounds, with or without them.
func (p *Preview) compare(s *survey, g *group, parts []*group, with []radio.PolicyRule, sp span) ([][]radio.RulesEffect, *refusal) {
	p.fill(s, g, parts, sp)
	if g.refusal != nil && g.refusal.what != unissuable {
		return nil, nil
	}
	if g.refusal != nil {
		return nil, g.refusal
	}
	fail := func(err error) ([][]radio.RulesEffect, *refusal) { return nil, &refusal{what: unissuable, err: err} }
	policy, err := p.resolver.Policy(with, g.first(), s.now)
	if err != nil {
		return fail(err)
	}
	if err := provePolicy(policy, s.now); err != nil {
		return fail(err)
	}
	was, err := timetable.NewHours(g.policy)
	if err != nil {
		return fail(err)
	}
	is, err := timetable.NewHours(policy)
	if err != nil {
		return fail(err)
	}
	then := make([]*group, len(parts))
	for i, part := range parts {
		then[i] = &group{delay: part.delay}
	}
	under := &group{places: g.places, policy: policy, programme: g.programme}
	if p.expand(under, then, sp); under.refusal != nil {
		return nil, under.refusal
	}
	out := make([][]radio.RulesEffect, len(parts))
	for i, part := range parts {
		out[i] = effects(part, then[i].airings, was, is)
	}
	return out, nil
}

// effects lists which airings of a part of a group would fall silent or sound quieter.
func effects(part *group, then []radio.PreviewAiring, was, is timetable.Hours) []radio.RulesEffect {
	kept := make(map[radio.AiringID]radio.PreviewAiring, len(then))
	for _, a := range then {
		kept[a.ID] = a
	}
	var out []radio.RulesEffect
	for _, a := range part.airings {
		b, ok := kept[a.ID]
		if a.Outcome != "" || !ok {
			continue // it would not sound as things are
		}
		e := radio.RulesEffect{Start: a.Start, Samples: a.Samples, Title: a.Title, Schedule: a.Schedule, Slot: a.Slot, Priority: a.Priority}
		if b.Outcome != "" {
			e.Silent, e.Veto = true, b.Veto
			out = append(out, e)
			continue
		}
		start := a.Start.Time().Add(part.delay)
		if e.WasDB, e.IsDB = quieter(was, is, start, start.Add(radio.SamplesDuration(a.Samples))); e.IsDB < e.WasDB {
			out = append(out, e)
		}
	}
	return out
}

// quieter gives both volumes where the second lies below the first the most, between two
// instants; equal ones when it never does.
func quieter(was, is timetable.Hours, from, to time.Time) (wasDB, isDB float64) {
	worst := 0.0
	for t := from; t.Before(to); {
		a, b := was.GainDB(t), is.GainDB(t)
		if a-b > worst {
			worst, wasDB, isDB = a-b, a, b
		}
		next := was.GainEdge(t)
		if o := is.GainEdge(t); o.Before(next) {
			next = o
		}
		t = next
	}
	return wasDB, isDB
}

// joinEffect adds one group's effect to the same one of other groups.
func joinEffect(all []radio.RulesEffect, e radio.RulesEffect, places []radio.Place) []radio.RulesEffect {
	same := func(o radio.RulesEffect) bool {
		return o.Start == e.Start && o.Slot == e.Slot && o.Title == e.Title && o.Silent == e.Silent && o.Veto == e.Veto && o.WasDB == e.WasDB && o.IsDB == e.IsDB
	}
	i := slices.IndexFunc(all, same)
	if i < 0 {
		e.Devices = []radio.DeviceID{}
		all, i = append(all, e), len(all)
	}
	for _, pl := range places {
		if len(all[i].Devices) < radio.MaxConflictDevices {
			all[i].Devices = append(all[i].Devices, pl.Device.ID)
		}
	}
	all[i].DeviceCount += len(places)
	return all
}
