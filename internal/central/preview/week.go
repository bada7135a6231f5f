package preview

import (
	"cmp"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// week gathers the airings of groups of devices into rows.
type week struct {
	out    radio.Preview
	single bool
	days   map[radio.Date]int
	rows   map[rowKey]*radio.PreviewRow
	order  []rowKey
	l      *ledger
}

// rowKey tells rows apart: devices that do the same at the same time share one.
type rowKey struct {
	start, slotAt radio.Millis
	slot          radio.SlotID
	entry         radio.EntryID
	repeat        int
	bulletin      radio.BulletinID
	version       int
	instead       radio.BulletinID
	shift         int64
	outcome       radio.Outcome
	reason        radio.Reason
	veto          radio.Veto
}

func newWeek(s *survey, from radio.Date, days int, groups []*group) *week {
	w := &week{out: radio.Preview{Zone: s.zoneName, From: from, Rows: []radio.PreviewRow{}}, days: map[radio.Date]int{},
		rows: map[rowKey]*radio.PreviewRow{}, l: newLedger()}
	for _, g := range groups {
		w.out.Devices += len(g.places)
		w.out.Idle += len(g.idle)
	}
	w.single = w.out.Devices == 1
	first, err := time.Parse(time.DateOnly, string(from))
	for i := 0; i < days && err == nil; i++ {
		d := radio.DateOf(first.AddDate(0, 0, i))
		w.days[d] = i
		w.out.Days = append(w.out.Days, radio.PreviewDay{Day: d})
	}
	return w
}

// add takes over a group that was filled in a span of time.
func (w *week) add(s *survey, g *group, in span) {
	found := newLedger()
	if g.refusal != nil {
		s.refused(found, g)
	}
	for _, x := range g.left {
		if at, ok := due(g, x, in); ok {
			s.leftOut(found, g, x, at)
		}
	}
	w.l.join(found, g.places)
	w.take(s, g)
}

// dayOf is the local date to which an airing belongs: that of its slot.
func (s *survey) dayOf(a radio.PreviewAiring) radio.Date { return s.zone.Date(a.SlotAt.Time()) }

// take adds the airings of a group to the rows and the days.
func (w *week) take(s *survey, g *group) {
	sums := make([]int64, len(w.out.Days))
	for _, a := range g.airings {
		if _, asked := w.days[s.dayOf(a)]; !asked {
			continue // of the evening before, or of a later day
		}
		k := rowKey{a.Start, a.SlotAt, a.Slot, a.Entry, a.Repeat, a.Bulletin, a.Version, a.Instead, a.ShiftMS, a.Outcome, a.Reason, a.Veto}
		r := w.rows[k]
		if r == nil {
			r = &radio.PreviewRow{PreviewAiring: a, Day: s.dayOf(a), Odd: s.odd(a)}
			if !w.single {
				r.Device, r.ID = "", ""
			}
			w.rows[k] = r
			w.order = append(w.order, k)
		}
		r.DeviceCount += len(g.places)
		for _, p := range g.places {
			if len(r.Devices) < radio.MaxConflictDevices {
				r.Devices = append(r.Devices, p.Device.ID)
			}
		}
		if i, ok := w.days[r.Day]; ok && a.Outcome == "" {
			sums[i] += a.Samples
		}
	}
	for i, n := range sums {
		w.out.Days[i].Samples = max(w.out.Days[i].Samples, n)
	}
}

func (w *week) done(s *survey) radio.Preview {
	for _, k := range w.order {
		r := *w.rows[k]
		if r.DeviceCount == w.out.Devices {
			r.Devices = nil
		}
		w.out.Rows = append(w.out.Rows, r)
	}
	slices.SortStableFunc(w.out.Rows, func(a, b radio.PreviewRow) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.SlotAt, b.SlotAt), cmp.Compare(a.Slot, b.Slot))
	})
	w.out.Conflicts = s.tell(w.l)
	return w.out
}

// due gives the first instant of a span at which what was left out would have come. A
// slot that cannot be expanded has none, and is told in every week of its schedule.
func due(g *group, x radio.Exclusion, in span) (radio.Millis, bool) {
	for _, o := range g.schedules {
		if o.ID != x.Schedule {
			continue
		}
		if x.Reason == radio.UnplayableSlot {
			zone, err := timetable.LoadZone(o.Zone)
			return 0, err != nil || (o.From == "" || o.From <= zone.Date(in.to.Add(-time.Millisecond))) && (o.Until == "" || o.Until >= zone.Date(in.from))
		}
		for _, sl := range o.Slots {
			if sl.ID == x.Slot {
				at, ok := timetable.Next(o, sl, in.from.Add(-time.Millisecond))
				return radio.At(at), ok && at.Before(in.to)
			}
		}
	}
	return 0, true
}
