package preview

import (
	"encoding/json"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
	"loaxa/internal/wire"
)

// refusal is why dispatch would issue no programme; the device keeps the one it has.
type refusal struct {
	what string
	n    int // what was counted
	most int // what is allowed
	err  error
}

// Whys of a refusal.
const (
	tooManySlots   = "slots"
	tooLarge       = "bytes"
	tooManyAirings = "airings"
	unissuable     = "other"
)

// resolve makes the group's documents and proves them as dispatch and the device will.
func (p *Preview) resolve(s *survey, g *group) {
	place := g.first()
	// One in a zone that is not the province's would stop all the others; it is told by itself.
	fit := slices.DeleteFunc(slices.Clone(g.schedules), func(o radio.Schedule) bool { return o.Zone != place.Province().Zone })
	var err error
	if g.policy, err = p.resolver.Policy(s.policies, place, s.now); err != nil {
		g.refusal = &refusal{what: unissuable, err: err}
		return
	}
	if g.programme, g.left, err = p.resolver.Programme(place, fit, s.decided, s.bulletins, s.withdrawn, s.now); err != nil {
		g.refusal = &refusal{what: unissuable, err: err}
		n := 0
		for _, o := range fit {
			n += len(o.Slots)
		}
		if n > radio.MaxSlots {
			g.refusal = &refusal{what: tooManySlots, n: n, most: radio.MaxSlots, err: err}
		}
		return
	}
	g.refusal = prove(g.programme, s.now)
}

// prove holds a programme against what its receiver checks.
func prove(p radio.Programme, now time.Time) *refusal {
	p.Revision, p.IssuedAt, p.NotAfter = now.Unix(), radio.At(now), radio.At(now.Add(life))
	if err := p.Check(); err != nil {
		return &refusal{what: unissuable, err: err}
	}
	b, err := json.Marshal(p)
	if err != nil {
		return &refusal{what: unissuable, err: err}
	}
	if most := wire.Programme.MaxPayload(); len(b) > most {
		return &refusal{what: tooLarge, n: len(b), most: most}
	}
	return nil
}

// byDelay sorts the devices of a group by what they add to planned starts: at the end of
// the permitted hours that decides. None for a group without devices.
func (p *Preview) byDelay(g *group) []*group {
	at := map[time.Duration]*group{}
	var out []*group
	for _, pl := range g.places {
		delay := p.resolver.Settings(pl).SpeechDelay()
		part := at[delay]
		if part == nil {
			part = &group{delay: delay}
			at[delay], out = part, append(out, part)
		}
		part.places = append(part.places, pl)
	}
	return out
}

// fill resolves the documents of a group once, and expands them in some spans of time for
// each of its parts (byDelay).
func (p *Preview) fill(s *survey, g *group, parts []*group, spans ...span) {
	p.resolve(s, g)
	if g.refusal == nil {
		p.expand(g, parts, spans...)
	}
	for _, part := range parts {
		part.schedules, part.policy, part.programme, part.left, part.refusal = g.schedules, g.policy, g.programme, g.left, g.refusal
	}
}

// expand fills in the airings of some spans of time.
func (p *Preview) expand(g *group, parts []*group, spans ...span) {
	delays := make([]time.Duration, len(parts))
	for i, part := range parts {
		delays[i] = part.delay
	}
	for _, sp := range spans {
		airings, err := p.resolver.Previews(g.programme, g.policy, delays, sp.from, sp.to)
		if err != nil {
			g.refusal = &refusal{what: unissuable, err: err}
			if n := mostADay(g.programme); n > timetable.MaxAiringsPerDay {
				g.refusal = &refusal{what: tooManyAirings, n: n, most: timetable.MaxAiringsPerDay, err: err}
			}
			return
		}
		for i, part := range parts {
			part.airings = append(part.airings, airings[i]...)
		}
	}
}

// mostADay is how many airings the programme can have on one day.
func mostADay(p radio.Programme) int {
	sum := 0
	for _, sl := range p.Slots {
		times, err := timetable.MostPerDay(sl.Cron)
		if err != nil {
			continue // programme has left such slots out
		}
		steps := 0
		for _, it := range sl.Items {
			steps += it.Repeat
		}
		sum += times * steps
	}
	return sum
}
