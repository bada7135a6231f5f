// Package stagger proposes how much later than its neighbours a cluster speaks, so that
// clusters within earshot of each other do not speak at once (khử vọng). It receives the
// places from store, gives proposals to web, and hands what a person has applied back to
// store as new setups; dispatch brings them to the devices. Alerts are never staggered:
// that is the agent's rule.
package stagger

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// Store keeps places and setups.
type Store interface {
	Places(ctx context.Context) ([]radio.Place, error)
	// ApplyStagger makes the moves of a plan, all or none: radio.ErrConflict when a
	// cluster is not any more what the plan was made of.
	ApplyStagger(ctx context.Context, p radio.StaggerPlan, facts radio.AuditFacts, actor string, at radio.Millis) error
}

// Desk plans and applies; it is safe for concurrent use.
type Desk struct {
	store Store
	now   func() time.Time
}

// New stores what it is given.
func New(store Store, now func() time.Time) *Desk { return &Desk{store: store, now: now} }

// Propose plans one commune.
func (d *Desk) Propose(ctx context.Context, commune radio.AreaID, ask radio.StaggerAsk) (radio.StaggerPlan, error) {
	ask, err := ask.Normal()
	if err != nil {
		return radio.StaggerPlan{}, err
	}
	places, err := d.store.Places(ctx)
	if err != nil {
		return radio.StaggerPlan{}, err
	}
	return Plan(places, commune, ask)
}

// Apply makes the moves of the plan that stands under print: the one the person has seen.
func (d *Desk) Apply(ctx context.Context, by radio.UserID, commune radio.AreaID, ask radio.StaggerAsk, print string) (radio.StaggerPlan, error) {
	p, err := d.Propose(ctx, commune, ask)
	if err != nil {
		return p, err
	}
	moves := p.Moves()
	switch {
	case p.Print != print:
		return p, radio.Refuse(radio.ErrConflict, "Đề xuất đã khác: có cụm loa vừa được sửa. Hãy xem lại đề xuất mới rồi áp dụng.",
			"the proposal is another one by now: a cluster was changed; look at the new one")
	case len(moves) == 0:
		return p, radio.Refuse(radio.ErrConflict, "Đề xuất này không đổi gì.", "this proposal changes nothing")
	}
	facts := radio.AuditFacts{Counts: map[string]int{"devices": len(moves), "earshot_m": p.Ask.EarshotM, "width_ms": p.Ask.WidthMS}}
	if len(p.Devices) > 0 {
		c := p.Devices[0].Place.Commune()
		facts.Code, facts.Title = c.Code, c.Name
	}
	return p, d.store.ApplyStagger(ctx, p, facts, string(by), radio.At(d.now()))
}

// Plan is the proposal for one commune. It depends on nothing but what it is given; the
// same places give the same plan, in whatever order they come. What keeps apart already
// and is not later than need be, and what has no neighbour, stays as it is; so does
// everything outside the commune.
func Plan(places []radio.Place, commune radio.AreaID, ask radio.StaggerAsk) (radio.StaggerPlan, error) {
	p := radio.StaggerPlan{Commune: commune, Ask: ask, Least: true, Devices: []radio.StaggerDevice{}, Pairs: []radio.StaggerPair{}}
	g := survey(places, commune, float64(ask.EarshotM))
	most := radio.MaxShiftMS/ask.WidthMS + 1
	then := make([]int, len(g.inside))
	for _, part := range g.parts() {
		slots, least, ok := g.colour(part, ask.WidthMS, min(most, maxSlots))
		if !ok {
			e := new(radio.Invalid)
			e.Add("width_ms", fmt.Sprintf("quá nhiều cụm loa nghe thấy nhau quanh %s: với khoảng lệch này sẽ trễ hơn %d giây; hãy giảm khoảng lệch hoặc tầm nghe", g.inside[part[0]].Device.Name, radio.MaxShiftMS/1000),
				fmt.Sprintf("too many clusters in earshot of each other around %s: with this width some would be more than %d seconds late; choose a smaller width or earshot", g.inside[part[0]].Device.Name, radio.MaxShiftMS/1000))
			return p, e
		}
		p.Least = p.Least && least
		last := slices.Max(slots) * ask.WidthMS
		keep := g.apart(part, ask.WidthMS, last)
		for i, at := range part {
			if then[at] = slots[i] * ask.WidthMS; keep {
				then[at] = g.inside[at].Device.Setup.StaggerMS
			}
		}
	}
	g.tell(&p, then)
	return p, nil
}

// graph is who hears whom: the clusters of the commune, by code, and those of others
// within earshot of one of them.
type graph struct {
	inside  []radio.Place
	near    [][]int         // by place of inside: its neighbours there
	outside [][]radio.Place // by place of inside: its neighbours in other communes
	pairs   []radio.StaggerPair
}

func survey(places []radio.Place, commune radio.AreaID, earshot float64) *graph {
	g := &graph{}
	var others []radio.Place
	for _, p := range places {
		if p.Commune().ID == commune {
			g.inside = append(g.inside, p)
		} else if p.Device.Setup.Position.Known() {
			others = append(others, p)
		}
	}
	byCode := func(a, b radio.Place) int { return cmp.Compare(a.Device.Code, b.Device.Code) }
	slices.SortFunc(g.inside, byCode)
	slices.SortFunc(others, byCode)
	g.near, g.outside = make([][]int, len(g.inside)), make([][]radio.Place, len(g.inside))
	// No place farther north or south than that is within earshot; most are farther.
	const metresPerDegree = 111_000
	band := earshot / metresPerDegree * 1.01
	hears := func(a, b radio.Place) (float64, bool) {
		p, q := a.Device.Setup.Position, b.Device.Setup.Position
		if !p.Known() || !q.Known() || math.Abs(p.Latitude-q.Latitude) > band {
			return 0, false
		}
		m := p.Metres(q)
		return m, m <= earshot
	}
	for i, a := range g.inside {
		for j := i + 1; j < len(g.inside); j++ {
			if m, ok := hears(a, g.inside[j]); ok {
				g.near[i], g.near[j] = append(g.near[i], j), append(g.near[j], i)
				g.pairs = append(g.pairs, radio.StaggerPair{A: a, B: g.inside[j], Metres: m})
			}
		}
		for _, b := range others {
			if m, ok := hears(a, b); ok {
				g.outside[i] = append(g.outside[i], b)
				g.pairs = append(g.pairs, radio.StaggerPair{A: a, B: b, Metres: m})
			}
		}
	}
	return g
}

// parts are the groups that hear each other, over whatever others; those without any
// neighbour are none.
func (g *graph) parts() [][]int {
	var out [][]int
	seen := make([]bool, len(g.inside))
	for i := range g.inside {
		if seen[i] || len(g.near[i])+len(g.outside[i]) == 0 {
			continue
		}
		seen[i] = true
		part := []int{i}
		for n := 0; n < len(part); n++ {
			for _, j := range g.near[part[n]] {
				if !seen[j] {
					seen[j] = true
					part = append(part, j)
				}
			}
		}
		slices.Sort(part)
		out = append(out, part)
	}
	return out
}

// apart says whether a part keeps its distances as it is, with nobody later than last.
func (g *graph) apart(part []int, width, last int) bool {
	for _, i := range part {
		now := g.inside[i].Device.Setup.StaggerMS
		if now > last {
			return false
		}
		for _, j := range g.near[i] {
			if gap(now, g.inside[j].Device.Setup.StaggerMS) < width {
				return false
			}
		}
		for _, b := range g.outside[i] {
			if gap(now, b.Device.Setup.StaggerMS) < width {
				return false
			}
		}
	}
	return true
}

func gap(a, b int) int { return max(a, b) - min(a, b) }

// colour gives the clusters of a part their slots: the fewest that do.
func (g *graph) colour(part []int, width, most int) (slots []int, least, ok bool) {
	at := make(map[int]int, len(part))
	for n, i := range part {
		at[i] = n
	}
	c := colouring{near: make([][]int, len(part)), taken: make([]uint64, len(part)), most: most}
	for n, i := range part {
		for _, j := range g.near[i] {
			c.near[n] = append(c.near[n], at[j])
		}
		for _, b := range g.outside[i] {
			for k := range most {
				if gap(k*width, b.Device.Setup.StaggerMS) < width {
					c.taken[n] |= 1 << k
				}
			}
		}
	}
	return c.solve()
}

// tell writes the plan down.
func (g *graph) tell(p *radio.StaggerPlan, then []int) {
	delays := map[radio.DeviceID]int{}
	used := map[int]bool{}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %d %d\n", p.Commune, p.Ask.EarshotM, p.Ask.WidthMS)
	for i, place := range g.inside {
		d := place.Device
		x := radio.StaggerDevice{Place: place, Device: d.ID, Code: d.Code, Name: d.Name, Placed: d.Setup.Position.Known(),
			Neighbours: len(g.near[i]) + len(g.outside[i]), NowMS: d.Setup.StaggerMS, ThenMS: then[i]}
		if x.Neighbours == 0 {
			x.ThenMS = x.NowMS
		} else {
			used[x.ThenMS] = true
		}
		delays[d.ID] = x.ThenMS
		p.Devices = append(p.Devices, x)
		fmt.Fprintf(sum, "%s %v %d\n", d.ID, d.Setup, x.ThenMS)
	}
	for _, x := range g.pairs {
		was, will := x.B.Device.Setup.StaggerMS, x.B.Device.Setup.StaggerMS
		if ms, ok := delays[x.B.Device.ID]; ok {
			will = ms
		}
		x.NowMS, x.ThenMS = gap(x.A.Device.Setup.StaggerMS, was), gap(delays[x.A.Device.ID], will)
		p.Pairs = append(p.Pairs, x)
	}
	slices.SortStableFunc(p.Pairs, func(a, b radio.StaggerPair) int { return cmp.Compare(a.Metres, b.Metres) })
	p.Slots, p.Print = len(used), hex.EncodeToString(sum.Sum(nil))[:32]
}
