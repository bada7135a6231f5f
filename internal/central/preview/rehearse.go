package preview

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// rehearsalDays are rehearsed when nobody says how many.
const rehearsalDays = 7

// atOnce bounds the groups of devices whose airings are held at the same time.
const atOnce = 16

// Rehearse tells what would sound from one local date to another, on one device, on the
// devices of an area, or (of is empty) of the province: what a device does, by its own
// code, with the programme and the policy it would get. from is today when it is empty,
// to six days later; at most radio.MaxPreviewDays. ErrNotFound when there is no such
// device or area.
func (p *Preview) Rehearse(ctx context.Context, of radio.Target, from, to radio.Date) (radio.Rehearsal, error) {
	c, err := p.call(ctx, of, from, to)
	if err != nil {
		return radio.Rehearsal{}, err
	}
	defer c.leave()
	if err := p.hear(ctx, c.s); err != nil {
		return radio.Rehearsal{}, err
	}
	w, l, sums := newWeek(c.s, c.in.first, c.days, c.groups), newLedger(), newSums(c.s)
	c.s.only = &c.in.span
	c.s.standing(l, c.groups, c.days)
	if c.in.from.Before(c.in.to) { // what has been is the log's to say
		if err := p.rehearse(ctx, c.s, c.groups, c.in, func(part *group) error {
			w.take(c.s, part)
			sums.take(p, part)
			found := newLedger()
			p.look(c.s, found, part, c.days)
			l.join(found, part.places)
			return nil
		}); err != nil {
			return radio.Rehearsal{}, err
		}
	}
	return c.tell(w.done(c.s), sums, c.s.tell(l)), nil
}

// Airings hands on every airing of a rehearsal on each device, device by device and in
// order of time: with the ids and the instants under which the device plays and confirms
// them. It ends with the first error of each.
func (p *Preview) Airings(ctx context.Context, of radio.Target, from, to radio.Date, each func(radio.PreviewAiring) error) error {
	c, err := p.call(ctx, of, from, to)
	if err != nil {
		return err
	}
	defer c.leave()
	if !c.in.from.Before(c.in.to) {
		return nil
	}
	return p.rehearse(ctx, c.s, c.groups, c.in, func(part *group) error {
		for _, pl := range part.places {
			for _, a := range part.airings {
				if a.Device != pl.Device.ID {
					a.Device = pl.Device.ID
					a.ID = radio.AiringKey{Device: a.Device, Schedule: a.Schedule, Slot: a.Slot, SlotAt: a.SlotAt, Entry: a.Entry, Repeat: a.Repeat}.ID()
				}
				if err := each(a); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// call is one rehearsal that was asked for.
type call struct {
	s      *survey
	in     stretch
	days   int
	groups []*group
	leave  func()
}

// stretch is the local days rehearsed, and the instants between which their airings lie:
// not before now, and past the last midnight, which a slot of the last evening may reach.
type stretch struct {
	first, last radio.Date
	span
}

// stretch gives the days from first to last, of which there are so many.
func (s *survey) stretch(first, last radio.Date, days int) (stretch, error) {
	begin, end, err := spanOf(s.zone, first, days)
	if err != nil {
		return stretch{}, badDates()
	}
	if end = end.Add(timetable.MaxSlotLength); begin.Before(s.now) {
		begin = s.now
	}
	return stretch{first, last, span{begin, end}}, nil
}

// holds says whether an airing is of one of the days.
func (in stretch) holds(s *survey, a radio.PreviewAiring) bool {
	d := s.dayOf(a)
	return in.first <= d && d <= in.last
}

// call waits for its turn and reads the plan.
func (p *Preview) call(ctx context.Context, of radio.Target, from, to radio.Date) (c call, err error) {
	if err := p.enter(ctx); err != nil {
		return c, err
	}
	c.leave = p.exit
	defer func() {
		if err != nil {
			p.exit()
		}
	}()
	if c.s, err = p.survey(ctx); err != nil {
		return c, err
	}
	if of != (radio.Target{}) && !c.s.knows(of) {
		return c, fmt.Errorf("device or area to rehearse: %w", radio.ErrNotFound)
	}
	if from, to, c.days, err = c.s.dates(from, to); err != nil {
		return c, err
	}
	if c.in, err = c.s.stretch(from, to, c.days); err != nil {
		return c, err
	}
	c.s.onAir()
	c.groups = c.s.groups(func(pl radio.Place) bool { return of == (radio.Target{}) || pl.Within(of) })
	return c, nil
}

// enter waits for the turn of one question about many devices.
func (p *Preview) enter(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Preview) exit() { <-p.turn }

func badDates() error {
	var e radio.Invalid
	e.Add("from", fmt.Sprintf("ngày phải có dạng 2026-12-31, ngày cuối không trước ngày đầu, nhiều nhất %d ngày", radio.MaxPreviewDays),
		fmt.Sprintf("dates must look like 2026-12-31, the last not before the first, at most %d days", radio.MaxPreviewDays))
	return e.Err()
}

// dates fills in what was not said, and bounds the rest.
func (s *survey) dates(from, to radio.Date) (radio.Date, radio.Date, int, error) {
	if from == "" {
		from = s.zone.Date(s.now)
	}
	first, err := time.Parse(time.DateOnly, string(from))
	if err != nil || first.Year() < 2000 || first.Year() > 2100 {
		return "", "", 0, badDates()
	}
	if to == "" {
		to = radio.DateOf(first.AddDate(0, 0, rehearsalDays-1))
	}
	last, err := time.Parse(time.DateOnly, string(to))
	days := int(last.Sub(first).Hours()/24) + 1
	if err != nil || days < 1 || days > radio.MaxPreviewDays {
		return "", "", 0, badDates()
	}
	return from, to, days, nil
}

// rehearse resolves each group once and hands on its devices in parts that do the same
// at the same time, in the order of the groups.
func (p *Preview) rehearse(ctx context.Context, s *survey, groups []*group, in stretch, take func(*group) error) error {
	for some := range slices.Chunk(groups, atOnce) {
		parts := make(map[*group][]*group, len(some))
		for _, g := range some {
			if len(g.places) > 0 {
				parts[g] = p.byDelay(g)
			}
		}
		if err := each(ctx, some, func(g *group) {
			if len(g.places) > 0 {
				p.fill(s, g, parts[g], in.span)
				for _, part := range parts[g] {
					part.airings = slices.DeleteFunc(part.airings, func(a radio.PreviewAiring) bool { return !in.holds(s, a) })
				}
			} else {
				p.resolve(s, g) // what cannot enter a programme is told before anybody enrols
			}
		}); err != nil {
			return err
		}
		for _, g := range some {
			if len(g.places) == 0 {
				parts[g] = []*group{g}
			}
			for _, part := range parts[g] {
				if err := take(part); err != nil {
					return err
				}
			}
			g.programme = radio.Programme{} // thousands of groups must not all be held at once
		}
	}
	return ctx.Err()
}

// standing lists what is wrong with schedules wherever they sound, and what was never
// enrolled, of the schedules that reach the groups.
func (s *survey) standing(l *ledger, groups []*group, days int) {
	told := map[radio.ScheduleID]bool{}
	for _, g := range groups {
		for _, o := range g.schedules {
			if s.asked[o.ID] && !told[o.ID] {
				told[o.ID] = true
				s.alone(l, o, days)
			}
		}
	}
}

func (c call) tell(w radio.Preview, sums *sums, conflicts []radio.Conflict) radio.Rehearsal {
	out := radio.Rehearsal{Zone: c.s.zoneName, From: c.in.first, To: c.in.last, Begin: radio.At(c.in.from), Devices: w.Devices, Idle: w.Idle,
		Sum: sums.total, Hamlets: sums.places(), Loads: sums.loads, Rows: w.Rows, Night: []radio.PreviewRow{}, Conflicts: conflicts}
	for _, d := range w.Days {
		day := radio.RehearsalDay{Day: d.Day, Longest: d.Samples}
		if x := sums.days[d.Day]; x != nil {
			day.RehearsalSum = *x
		}
		out.Days = append(out.Days, day)
	}
	for _, r := range w.Rows {
		if r.Odd && r.Outcome == "" && len(out.Night) < radio.MaxRehearsalNight {
			out.Night = append(out.Night, r)
		}
	}
	if n := len(out.Rows); n > radio.MaxRehearsalRows {
		out.Rows, out.More = out.Rows[:radio.MaxRehearsalRows], n-radio.MaxRehearsalRows
	}
	slices.SortStableFunc(out.Loads, func(a, b radio.RehearsalLoad) int {
		late := func(l radio.RehearsalLoad) int {
			if l.Late != nil {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(late(a), late(b)), cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Code, b.Code))
	})
	return out
}
