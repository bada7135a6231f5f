// Package timetable turns a programme and a span of time into airings. It is the
// one place where cron rules are stepped and where civil time meets instants, and
// both wings use it: the centre to freeze and to explain, the agent to play.
//
// It receives a radio.Programme (from central/programme or, verified, from
// agent/inbox) and hands airings, placed and excluded with a reason, to
// agent/playout and central/reconcile; a radio.Policy becomes Hours, which answer
// whether an instant is permitted. It holds no clock and arms no timer.
package timetable

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
)

const (
	// MaxSlotLength bounds what one slot can sound, gaps included.
	MaxSlotLength = 24 * time.Hour
	// MaxSpan bounds the time one call of Airings can cover.
	MaxSpan = 400 * 24 * time.Hour
	// MaxAiringsPerDay bounds a programme: a rule of every minute with many items
	// must not eat the controller's memory.
	MaxAiringsPerDay = 5000
)

// Timetable is one programme, parsed once. It does not change and can be used
// from several goroutines.
type Timetable struct {
	device   radio.DeviceID
	notAfter radio.Millis
	zone     Zone
	slots    []slot // in the order of placement: higher priority, schedule id, slot id
}

// slot is a programme's slot with its rule parsed and its items laid out.
type slot struct {
	radio.ProgrammeSlot
	rule   rule
	except map[radio.Date]bool
	only   map[radio.Date]bool // nil: every date
	grace  int64               // samples
	steps  []step
	length int64 // samples from the slot's instant to the end of its last step
	behind map[radio.ScheduleID]bool
}

// step is one time one item of a slot sounds.
type step struct {
	item       radio.Item
	repeat     int
	offset     int64 // samples after the slot's instant
	samples    int64 // 0 for a kind without a length of its own
	title      string
	validFrom  radio.Millis
	validUntil radio.Millis
}

// New parses the rules and the zone of a programme. It does not repeat
// radio.Programme.Check; it refuses what it could not expand.
func New(p *radio.Programme) (*Timetable, error) {
	zone, err := LoadZone(p.Zone)
	if err != nil {
		return nil, err
	}
	t := &Timetable{device: p.Device, notAfter: p.NotAfter, zone: zone}
	for _, ps := range p.Slots {
		s, err := newSlot(p, ps)
		if err != nil {
			return nil, fmt.Errorf("slot %s of schedule %s: %w", ps.Slot, ps.Schedule, err)
		}
		t.slots = append(t.slots, s)
	}
	slices.SortStableFunc(t.slots, func(a, b slot) int {
		return cmp.Or(
			cmp.Compare(b.Priority.Rank(), a.Priority.Rank()),
			cmp.Compare(a.Schedule, b.Schedule),
			cmp.Compare(a.Slot, b.Slot))
	})
	return t, nil
}

func newSlot(p *radio.Programme, ps radio.ProgrammeSlot) (slot, error) {
	s := slot{ProgrammeSlot: ps, except: make(map[radio.Date]bool, len(ps.Except)), behind: make(map[radio.ScheduleID]bool, len(ps.Behind))}
	for _, id := range ps.Behind {
		s.behind[id] = true
	}
	var err error
	if s.rule, err = parseRule(ps.Cron); err != nil {
		return s, err
	}
	for _, d := range append([]radio.Date{ps.From, ps.Until}, ps.Except...) {
		if d == "" {
			continue
		}
		if _, err := radio.ParseDate(string(d)); err != nil {
			return s, err
		}
	}
	for _, d := range ps.Except {
		s.except[d] = true
	}
	if err := radio.CheckDates(ps.Dates); err != nil {
		return s, err
	}
	if len(ps.Dates) > 0 {
		s.only = make(map[radio.Date]bool, len(ps.Dates))
	}
	for _, d := range ps.Dates {
		s.only[d] = true
	}
	if ps.GraceSeconds < 0 || ps.GraceSeconds > radio.MaxGraceSeconds {
		return s, fmt.Errorf("%w: grace of %d s", radio.ErrInvalid, ps.GraceSeconds)
	}
	s.grace = int64(ps.GraceSeconds) * radio.SampleRate
	if len(ps.Behind) > 0 {
		s.grace = radio.MaxGraceSeconds * radio.SampleRate
	}
	if len(ps.Items) > radio.MaxSlotItems {
		return s, fmt.Errorf("%w: %d items, at most %d", radio.ErrInvalid, len(ps.Items), radio.MaxSlotItems)
	}
	for _, it := range ps.Items {
		if err := s.layOut(p, it); err != nil {
			return s, fmt.Errorf("entry %s: %w", it.Entry, err)
		}
	}
	if s.length > radio.DurationSamples(MaxSlotLength) {
		return s, fmt.Errorf("%w: the slot sounds for %s, at most %s", radio.ErrInvalid,
			(time.Duration(s.length/radio.SampleRate) * time.Second), MaxSlotLength)
	}
	return s, nil
}

// layOut adds the steps of one item after what stands in the slot so far. A kind
// without a length of its own takes no time: what it would sound is not known here.
func (s *slot) layOut(p *radio.Programme, it radio.Item) error {
	if it.Repeat < 1 || it.Repeat > radio.MaxRepeat || it.GapMS < 0 || it.GapMS > radio.MaxGapMS {
		return fmt.Errorf("%w: repeat %d, gap %d ms", radio.ErrInvalid, it.Repeat, it.GapMS)
	}
	st := step{item: it}
	gap := int64(0)
	if it.Kind == radio.KindAudio {
		audio, ok := p.Find(it.Bulletin, it.Version)
		if !ok || len(audio.Renditions) == 0 {
			return fmt.Errorf("%w: bulletin %s version %d is not described", radio.ErrInvalid, it.Bulletin, it.Version)
		}
		if err := audio.Renditions[0].Check(); err != nil {
			return err
		}
		st.title, st.validFrom, st.validUntil = audio.Title, audio.ValidFrom, audio.ValidUntil
		st.samples = audio.Renditions[0].Samples // the same in both renditions
		gap = radio.DurationSamples(time.Duration(it.GapMS) * time.Millisecond)
	}
	for r := 1; r <= it.Repeat; r++ {
		if r > 1 {
			s.length += gap
		}
		st.repeat, st.offset = r, s.length
		s.steps = append(s.steps, st)
		s.length += st.samples
	}
	return nil
}

// Airings gives every airing, placed or excluded, whose planned start lies in
// [from, to), in the order of their starts. The answer for one airing does not
// depend on the span asked for: Airings(a, c) is Airings(a, b) followed by
// Airings(b, c). See days.placed for how that is kept.
func (t *Timetable) Airings(from, to time.Time) ([]radio.Airing, error) {
	placed, err := t.Placed(from, to)
	if err != nil || len(placed) == 0 {
		return nil, err
	}
	out := make([]radio.Airing, len(placed))
	for i, p := range placed {
		out[i] = p.Airing
	}
	return out, nil
}

// Placed is an airing with what placing it changed.
type Placed struct {
	radio.Airing
	// Shift is by how many samples it begins later than its place in its slot says,
	// because something else sounds before it.
	Shift int64
	// Behind are the schedules that go before it where they clash (ProgrammeSlot.Behind).
	Behind []radio.ScheduleID
}

// Placed gives the airings of Airings, and tells which of them were shifted.
func (t *Timetable) Placed(from, to time.Time) ([]Placed, error) {
	switch {
	case to.Before(from) || to.Sub(from) > MaxSpan:
		return nil, fmt.Errorf("%w: span from %s to %s, at most %s", radio.ErrInvalid, from, to, MaxSpan)
	case from.Year() < 1969 || to.Year() > 9000:
		return nil, fmt.Errorf("%w: span from %s to %s is out of all calendars", radio.ErrInvalid, from, to)
	case len(t.slots) == 0 || !from.Before(to):
		return nil, nil
	}
	var out []Placed
	var hanging []span // what the day before still sounds
	days := t.days()
	// An airing can start up to its grace after the day it belongs to; one day more
	// tells what hangs over into the first.
	first := dayOf(from.Add(-radio.MaxGraceSeconds*time.Second)) - 1
	for k := first; k <= dayOf(to.Add(-1)); k++ {
		plan, err := days.placed(k)
		if err != nil {
			return nil, err
		}
		next := dayStart(k + 1)
		var over []span
		for _, c := range plan {
			if c.excluded == "" && overlaps(hanging, c.span()) {
				c.start, c.excluded = c.planned(), radio.ReasonOverlap
			}
			if c.excluded == "" && c.span().end > next {
				over = append(over, c.span())
			}
			if k == first {
				continue
			}
			if a := t.airing(c); !a.Start().Before(from) && a.Start().Before(to) {
				out = append(out, Placed{a, c.start - c.planned(), c.slot.Behind})
			}
		}
		hanging = over
	}
	slices.SortStableFunc(out, func(a, b Placed) int { return a.Start().Compare(b.Start()) })
	for i := range out {
		out[i].ID = out[i].AiringKey.ID()
	}
	return out, nil
}

func (t *Timetable) airing(c candidate) radio.Airing {
	s, st := c.slot, c.step
	return radio.Airing{
		AiringKey: radio.AiringKey{
			Device: t.device, Schedule: s.Schedule, Slot: s.Slot,
			SlotAt: c.slotAt, Entry: st.item.Entry, Repeat: st.repeat,
		},
		Priority: s.Priority,
		Grace:    time.Duration(s.GraceSeconds) * time.Second,
		Kind:     st.item.Kind,
		Bulletin: st.item.Bulletin,
		Version:  st.item.Version,
		Instead:  st.item.Instead,
		Title:    st.title,
		Offset:   c.start - samplesAt(c.slotAt),
		Samples:  st.samples,
		Excluded: c.excluded,
	}
}
