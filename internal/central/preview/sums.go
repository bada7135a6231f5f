package preview

import (
	"cmp"
	"maps"
	"slices"

	"loaxa/internal/radio"
)

// sums count what parts of a rehearsal do.
type sums struct {
	s       *survey
	total   radio.RehearsalSum
	days    map[radio.Date]*radio.RehearsalSum
	hamlets map[radio.AreaID]*radio.RehearsalArea
	order   map[radio.AreaID]string // of hamlets: code of the commune, own code
	loads   []radio.RehearsalLoad
	devices int
	most    int64 // samples of the device that sounds the longest
}

func newSums(s *survey) *sums {
	return &sums{s: s, days: map[radio.Date]*radio.RehearsalSum{}, hamlets: map[radio.AreaID]*radio.RehearsalArea{}, order: map[radio.AreaID]string{}, loads: []radio.RehearsalLoad{}}
}

// take counts the airings of one part on each of its devices.
func (t *sums) take(p *Preview, part *group) {
	if len(part.places) == 0 {
		return
	}
	var one radio.RehearsalSum
	days := map[radio.Date]*radio.RehearsalSum{}
	for _, a := range part.airings {
		day := t.s.dayOf(a)
		if days[day] == nil {
			days[day] = &radio.RehearsalSum{}
		}
		x := radio.RehearsalSum{Dropped: 1}
		if a.Outcome == "" {
			x = radio.RehearsalSum{Airings: 1, Samples: a.Samples}
			if t.s.odd(a) {
				x.Night = 1
			}
		}
		one.Add(x)
		days[day].Add(x)
	}
	n := len(part.places)
	t.devices += n
	t.most = max(t.most, one.Samples)
	for d, x := range days {
		if t.days[d] == nil {
			t.days[d] = &radio.RehearsalSum{}
		}
		t.days[d].Add(times(*x, n))
	}
	list := t.s.wants(part)
	for _, pl := range part.places {
		l := t.s.load(p.resolver.Settings(pl), pl, list)
		l.Airings, l.Samples, l.Night, l.Dropped = one.Airings, one.Samples, one.Night, one.Dropped
		t.loads = append(t.loads, l)
		mine := one
		mine.Bytes = l.Bytes
		if l.Late != nil {
			mine.Late = 1
		}
		if l.OverCap {
			mine.OverCap = 1
		}
		t.total.Add(mine)
		h := t.hamlet(pl)
		h.Devices++
		h.Add(mine)
		h.Longest = max(h.Longest, mine.Samples)
	}
}

func (t *sums) hamlet(pl radio.Place) *radio.RehearsalArea {
	a := pl.Hamlet()
	h := t.hamlets[a.ID]
	if h == nil {
		c := pl.Commune()
		h = &radio.RehearsalArea{Area: a.ID, Name: a.Name, Commune: c.ID, CommuneName: c.Name}
		t.hamlets[a.ID], t.order[a.ID] = h, c.Code+"\x00"+a.Code
	}
	return h
}

// places lists the hamlets by the codes of commune and hamlet.
func (t *sums) places() []radio.RehearsalArea {
	out := []radio.RehearsalArea{}
	for _, id := range slices.SortedFunc(maps.Keys(t.hamlets), func(a, b radio.AreaID) int {
		return cmp.Or(cmp.Compare(t.order[a], t.order[b]), cmp.Compare(a, b))
	}) {
		out = append(out, *t.hamlets[id])
	}
	return out
}

// times is what n devices do that each do x.
func times(x radio.RehearsalSum, n int) radio.RehearsalSum {
	return radio.RehearsalSum{Airings: x.Airings * n, Samples: x.Samples * int64(n), Night: x.Night * n, Dropped: x.Dropped * n}
}
