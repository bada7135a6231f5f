package preview

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// survey is the plan as of one question.
type survey struct {
	now      time.Time
	zone     timetable.Zone // of the province
	zoneName string
	quiet    timetable.Hours // the default quiet hours there
	areas    map[radio.AreaID]radio.Area
	places   []radio.Place
	// inhabited marks what names at least one device.
	inhabited map[radio.Target]bool
	// retired are the places out of use: nothing sounds there, and nobody waits for it.
	retired   map[radio.DeviceID]radio.Device
	policies  []radio.PolicyRule
	ruleOf    map[radio.Target][]int // indexes in policies, of every version
	all       []radio.Bulletin
	bulletins map[radio.BulletinID]radio.Bulletin
	withdrawn []radio.SHA256
	schedules []radio.Schedule // with the candidates in their places
	decided   radio.Decided
	// asked marks the schedules that are judged.
	asked map[radio.ScheduleID]bool
	// whole: the plan on the air is judged, not what somebody is about to publish.
	whole bool
	// only is the one span of time judged; nil: each schedule has its own.
	only *span
	// broken marks slots whose fault is told already.
	broken map[radio.SlotID]bool

	views map[radio.DeviceID]radio.DeviceView
}

// survey gives the plan as of now for one question.
func (p *Preview) survey(ctx context.Context) (*survey, error) {
	base, err := p.read(ctx)
	if err != nil {
		return nil, err
	}
	s := *base
	s.now, s.asked, s.broken = p.now(), map[radio.ScheduleID]bool{}, map[radio.SlotID]bool{}
	if s.withdrawn, err = p.plans.WithdrawnHashes(ctx, radio.At(s.now.AddDate(0, 0, -withdrawnDays))); err != nil {
		return nil, fmt.Errorf("read withdrawn audio: %w", err)
	}
	return &s, nil
}

// read gives what of a survey is the same for all questions, as long as the plan is.
func (p *Preview) read(ctx context.Context) (*survey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Asked for before the plan is read: what is kept is never older than its number.
	generation, err := p.plans.Generation(ctx)
	if err != nil {
		return nil, fmt.Errorf("generation of the plan: %w", err)
	}
	if p.base != nil && p.generation == generation {
		return p.base, nil
	}
	s, err := p.newSurvey(ctx)
	if err != nil {
		return nil, err
	}
	p.base, p.generation = s, generation
	return s, nil
}

func (p *Preview) newSurvey(ctx context.Context) (*survey, error) {
	s := &survey{areas: map[radio.AreaID]radio.Area{}, ruleOf: map[radio.Target][]int{}}
	plan, err := p.plans.Plan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	if s.places, err = p.plans.Places(ctx); err != nil {
		return nil, fmt.Errorf("read the places: %w", err)
	}
	for _, a := range plan.Areas {
		s.areas[a.ID] = a
		if a.Kind == radio.Province {
			s.zoneName = a.Zone
		}
	}
	if s.zone, err = timetable.LoadZone(s.zoneName); err != nil {
		return nil, fmt.Errorf("zone of the province: %w", err)
	}
	if s.quiet, err = timetable.NewHours(radio.DefaultPolicy(s.zoneName)); err != nil {
		return nil, fmt.Errorf("quiet hours of the province: %w", err)
	}
	s.inhabited = make(map[radio.Target]bool, 2*len(s.places))
	s.retired = map[radio.DeviceID]radio.Device{}
	for _, pl := range s.places {
		if outOfUse(pl.Device) {
			s.retired[pl.Device.ID] = pl.Device
			continue
		}
		for _, t := range targetsOf(pl) {
			s.inhabited[t] = true
		}
	}
	for i, r := range plan.Policies {
		s.ruleOf[r.Target] = append(s.ruleOf[r.Target], i)
	}
	s.decided = plan.Decided
	s.policies, s.schedules, s.all = plan.Policies, plan.Schedules, plan.Bulletins
	s.bulletins = p.resolver.Current(plan.Bulletins)
	return s, nil
}

// lay puts the candidates in the places of what they replace. New ones without ids get
// some for the time of this question: a slot is told by its code.
func (s *survey) lay(candidates []radio.Schedule) {
	byID, byCode := map[radio.ScheduleID]int{}, map[string]int{}
	for i, o := range s.schedules {
		byID[o.ID], byCode[o.Code] = i, i
	}
	s.schedules = slices.Clone(s.schedules)
	for _, c := range candidates {
		i, known := byID[c.ID]
		if j, sameCode := byCode[c.Code]; !known && sameCode && c.ID == "" {
			i, known = j, true
			c.ID = s.schedules[i].ID
		}
		c = named(c)
		if known {
			s.schedules[i] = c
		} else {
			s.schedules = append(s.schedules, c)
			byID[c.ID], byCode[c.Code] = len(s.schedules)-1, len(s.schedules)-1
		}
		if c.WithdrawnAt == 0 {
			s.asked[c.ID] = true
		}
	}
}

// named gives ids to what has none.
func named(c radio.Schedule) radio.Schedule {
	if c.ID == "" {
		c.ID = radio.NewID[radio.ScheduleID]()
	}
	c.Slots = slices.Clone(c.Slots)
	for i := range c.Slots {
		sl := &c.Slots[i]
		if sl.ID == "" {
			sl.ID = radio.NewID[radio.SlotID]()
		}
		sl.Items = slices.Clone(sl.Items)
		for j := range sl.Items {
			if sl.Items[j].ID == "" {
				sl.Items[j].ID = radio.NewID[radio.EntryID]()
			}
		}
	}
	return c
}

// onAir asks about every schedule that is on the air and not over.
func (s *survey) onAir() {
	s.whole = true
	today := s.zone.Date(s.now)
	for _, o := range s.schedules {
		if o.WithdrawnAt == 0 && (o.Until == "" || o.Until >= today) {
			s.asked[o.ID] = true
		}
	}
}

// knows says whether there is such a device or area.
func (s *survey) knows(t radio.Target) bool {
	_, ok := s.areas[t.Area]
	_, gone := s.retired[t.Device]
	return s.inhabited[t] || gone || ok && t.Device == ""
}

// group is devices that get the same documents, apart from their own name.
type group struct {
	places []radio.Place // by code
	// delay is what each of the places adds to planned starts, in a part of a group.
	delay time.Duration
	// idle never enrolled: they have no programme, play nothing and count nowhere.
	idle      []radio.Place
	schedules []radio.Schedule
	policy    radio.Policy
	programme radio.Programme
	left      []radio.Exclusion
	airings   []radio.PreviewAiring
	// refusal says why no programme can be issued.
	refusal *refusal
}

// first stands for all.
func (g *group) first() radio.Place {
	if len(g.places) > 0 {
		return g.places[0]
	}
	return g.idle[0]
}

// reached gives the groups of all devices that one of the schedules asked about reaches.
func (s *survey) reached() []*group {
	var targets []radio.Target
	for _, o := range s.schedules {
		if s.asked[o.ID] {
			targets = append(targets, o.Targets...)
		}
	}
	at := map[radio.Target]bool{}
	for _, t := range targets {
		at[t] = true
	}
	return s.groups(func(p radio.Place) bool {
		return slices.ContainsFunc(targetsOf(p), func(t radio.Target) bool { return at[t] })
	})
}

// targetsOf lists what names the place: itself and its areas.
func targetsOf(p radio.Place) []radio.Target {
	out := make([]radio.Target, 0, 1+len(p.Chain))
	out = append(out, radio.Target{Device: p.Device.ID})
	for i := len(p.Chain) - 1; i >= 0; i-- {
		out = append(out, radio.Target{Area: p.Chain[i].ID})
	}
	return out
}

// groups sorts the places (nil: all) by what their documents are made of.
func (s *survey) groups(want func(radio.Place) bool) []*group {
	reach := map[radio.Target][]int{}
	for i, o := range s.schedules {
		if o.WithdrawnAt != 0 {
			continue
		}
		for _, t := range o.Targets {
			if l := reach[t]; len(l) == 0 || l[len(l)-1] != i {
				reach[t] = append(l, i)
			}
		}
	}
	narrow, varied := make([]bool, len(s.schedules)), make([]bool, len(s.schedules))
	for i, o := range s.schedules {
		narrow[i], varied[i] = s.narrow(o), hasVariants(o)
	}
	var out []*group
	known := map[string]*group{}
	for _, p := range s.places {
		if want != nil && !want(p) || outOfUse(p.Device) {
			continue
		}
		var rules, mine []int
		for _, t := range targetsOf(p) {
			rules = append(rules, s.ruleOf[t]...)
			mine = append(mine, reach[t]...)
		}
		slices.Sort(mine)
		mine = slices.Compact(mine)
		key := groupKey(p, rules, mine)
		if slices.ContainsFunc(mine, func(i int) bool { return narrow[i] }) {
			key += string(p.Commune().ID)
		}
		for _, i := range mine {
			if varied[i] {
				key += wishes(s.schedules[i], p)
			}
		}
		if deciders := p.Deciders(); s.decided.Any(deciders) {
			key = fmt.Sprintf("%s\x00%v", key, deciders)
		}
		g := known[key]
		if g == nil {
			g = &group{}
			for _, i := range mine {
				g.schedules = append(g.schedules, s.schedules[i])
			}
			known[key] = g
			out = append(out, g)
		}
		if p.Device.Enrolled == 0 {
			g.idle = append(g.idle, p)
		} else {
			g.places = append(g.places, p)
		}
	}
	return out
}

func outOfUse(d radio.Device) bool { return d.Enrolled == 0 && d.Retired != 0 }

func hasVariants(o radio.Schedule) bool {
	return slices.ContainsFunc(o.Slots, func(sl radio.Slot) bool {
		return slices.ContainsFunc(sl.Items, func(e radio.Entry) bool { return len(e.Variants) > 0 })
	})
}

// wishes tells apart the places at which a schedule plays different bulletins.
func wishes(o radio.Schedule, p radio.Place) string {
	var key []byte
	for _, sl := range o.Slots {
		for _, e := range sl.Items {
			if len(e.Variants) == 0 {
				continue
			}
			for _, id := range e.Wishes(p) {
				key = append(append(key, 0), id...)
			}
			key = append(key, 1)
		}
	}
	return string(key)
}

// narrow says whether a schedule plays what was approved for less than the province: of
// that, devices in different communes get different programmes.
func (s *survey) narrow(o radio.Schedule) bool {
	for _, sl := range o.Slots {
		for _, e := range sl.Items {
			for _, id := range e.Bulletins() {
				if b := s.bulletins[id]; b.Signed != nil && s.areas[b.Area].Kind != radio.Province {
					return true
				}
			}
		}
	}
	return false
}

func groupKey(p radio.Place, rules, schedules []int) string {
	key := []byte(p.Province().Zone)
	key = binary.AppendVarint(append(key, 0), int64(len(rules)))
	for _, i := range rules {
		key = binary.AppendVarint(key, int64(i))
	}
	key = binary.AppendVarint(key, int64(p.Device.Rendition))
	for _, i := range schedules {
		key = binary.AppendVarint(key, int64(i))
	}
	return string(key)
}

// span is a stretch of time that is expanded.
type span struct{ from, to time.Time }

// spanFor is the stretch in which a schedule asked about is judged; empty when it is over.
func (s *survey) spanFor(o radio.Schedule, days int) (span, bool) {
	from := s.now
	if o.From != "" {
		if first, _, err := s.zone.Day(o.From); err == nil && first.After(from) {
			from = first
		}
	}
	to := from.AddDate(0, 0, days)
	if s.only != nil {
		if to = s.only.to; s.only.from.After(from) {
			from = s.only.from
		}
	}
	if o.Until != "" {
		// A slot of the last evening may sound past midnight.
		if _, end, err := s.zone.Day(o.Until); err == nil && end.Add(timetable.MaxSlotLength).Before(to) {
			to = end.Add(timetable.MaxSlotLength)
		}
	}
	return span{from, to}, from.Before(to)
}

// spans are those of the group's schedules asked about, in order; none covers a moment
// twice, and none is longer than one schedule's.
func (s *survey) spans(g *group, days int) []span {
	var all []span
	for _, o := range g.schedules {
		if sp, ok := s.spanFor(o, days); ok && s.asked[o.ID] {
			all = append(all, sp)
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Or(a.from.Compare(b.from), a.to.Compare(b.to)) })
	var out []span
	for _, sp := range all {
		if n := len(out); n > 0 && sp.from.Before(out[n-1].to) {
			sp.from = out[n-1].to
		}
		if sp.from.Before(sp.to) {
			out = append(out, sp)
		}
	}
	return out
}
