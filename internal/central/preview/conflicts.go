package preview

import (
	"cmp"
	"context"
	"slices"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// finding is one clash of one group of devices, or of none in particular.
type finding struct {
	key
	blocking bool
	at       radio.Millis // first time
	times    int          // airings on each device
	worst    int64        // overlap: the longest shift in milliseconds
	clear    radio.Millis // overlap: what stands in the way has ended, at the first time
	refusal  *refusal
	text     [2]string // what a checker said, in Vietnamese and English
	since    radio.Millis
	// places are the devices it touches; nil means the whole group.
	places []radio.Place
}

// key tells findings apart: those with one key are one conflict.
type key struct {
	kind     radio.ConflictKind
	what     string
	schedule radio.ScheduleID
	slot     radio.SlotID
	entry    radio.EntryID
	with     radio.ScheduleID
	bulletin radio.BulletinID
	by       radio.BulletinID // what sounds in place of the bulletin
	// extra is what else tells it apart: the permitted hours as people read them, or the
	// name of an area.
	extra string
}

// Whats: what exactly is the matter, within a kind. The words of each stand in words.go.
const (
	whatShifted = "shifted" // the schedule itself begins later
	whatDropped = "dropped" // the schedule itself is not aired
	whatPushes  = "pushes"  // another begins later because of it
	whatOusts   = "ousts"   // another is not aired because of it

	whatOutside  = "outside"
	whatCrosses  = "crosses"
	whatMourning = "mourning"
	whatOdd      = "odd" // permitted, but at night
	// The caps of a day and the exception dates, by what the policy names.
	whatException = string(radio.VetoException)
	whatSessions  = string(radio.VetoSessions)
	whatMinutes   = string(radio.VetoMinutes)
	whatQuiet     = string(radio.VetoQuiet)
	// Another is not aired, because this one has used the day's sessions or minutes up.
	whatOustsSessions = "ousts sessions"
	whatOustsMinutes  = "ousts minutes"

	whatUnknown    = "unknown"
	whatUnapproved = "unapproved"
	whatUnsigned   = "unsigned"  // approved, but no signature holds for it
	whatElsewhere  = "elsewhere" // approved for another area
	whatStoodIn    = "stood in"  // another bulletin sounds in its place

	whatUnplayable  = "unplayable"
	whatEmpty       = "empty"
	whatNever       = "never"
	whatGone        = "gone" // its last airing is over
	whatOver        = "over"
	whatZone        = "zone"
	whatUnsupported = "unsupported"

	whatNone = "none"
	whatIdle = "idle" // devices that never enrolled
	// A device out of use.
	whatRetired = "retired"
)

// judge works the groups out and tells every clash of the schedules asked about once.
func (p *Preview) judge(ctx context.Context, s *survey, groups []*group, days int) ([]radio.Conflict, error) {
	l := newLedger()
	for _, o := range s.schedules {
		if s.asked[o.ID] {
			s.alone(l, o, days)
		}
	}
	found := make(map[*group]*ledger, len(groups))
	for _, g := range groups {
		found[g] = newLedger()
	}
	err := each(ctx, groups, func(g *group) {
		parts := p.byDelay(g)
		if len(parts) == 0 {
			p.resolve(s, g) // what cannot enter a programme is told before anybody enrols
			parts = []*group{g}
		} else {
			p.fill(s, g, parts, s.spans(g, days)...)
		}
		for _, part := range parts {
			one := newLedger()
			p.look(s, one, part, days)
			found[g].join(one, part.places)
		}
		g.programme = radio.Programme{} // thousands of groups must not all be held at once
	})
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		l.take(found[g])
		s.idle(l, g)
	}
	return s.tell(l), nil
}

// idle tells once for each schedule how many devices of its places never enrolled: they
// play nothing, and are counted nowhere else.
func (s *survey) idle(l *ledger, g *group) {
	if len(g.idle) == 0 || s.whole {
		return
	}
	found := newLedger()
	for _, o := range g.schedules {
		if s.asked[o.ID] {
			found.add(finding{key: key{kind: radio.ConflictTarget, what: whatIdle, schedule: o.ID}, places: g.idle})
		}
	}
	l.join(found, nil)
}

// look lists the clashes of one group.
func (p *Preview) look(s *survey, l *ledger, g *group, days int) {
	if g.refusal != nil && len(g.places) == 0 {
		return // nobody is refused a programme yet
	}
	if g.refusal != nil {
		s.refused(l, g)
		return
	}
	for _, x := range g.left {
		if s.asked[x.Schedule] {
			s.leftOut(l, g, x, 0)
		}
	}
	hours, err := timetable.NewHours(g.policy)
	if err != nil {
		return // resolve has made it a refusal
	}
	within := map[radio.ScheduleID]span{}
	for _, o := range g.schedules {
		if sp, ok := s.spanFor(o, days); ok && s.asked[o.ID] {
			within[o.ID] = sp
		}
	}
	var mine []radio.PreviewAiring
	counted := map[radio.Date]radio.ScheduleID{}
	for i, a := range g.airings {
		start := a.Start.Time()
		if a.ClearAt != 0 {
			a.ClearAt = clearAfter(g.airings, i)
		}
		if sp, ok := within[a.Schedule]; ok {
			if !start.Before(sp.from) && start.Before(sp.to) {
				mine = append(mine, a)
				s.airing(l, g, a, hours)
				s.takes(counted, a)
			}
			continue
		}
		s.neighbour(l, a)
		s.crowdedOut(l, g, counted, a)
	}
	if !s.whole {
		p.sync(s, l, g, mine)
	}
}

// clearAfter is when what stands in the way of an airing is over: the last of what follows it
// within the minute, as a session of several items does. The airings are in order.
func clearAfter(all []radio.PreviewAiring, i int) radio.Millis {
	a := all[i]
	until := a.ClearAt
	for _, x := range all[i:] {
		if x.Start > until.Add(time.Minute) {
			break
		}
		if x.Slot != a.Slot && x.Outcome == "" {
			until = max(until, x.End())
		}
	}
	return until
}

// refused: no programme can be made for the devices. The one who publishes is told for
// each schedule, because any of them can be the one too many.
func (s *survey) refused(l *ledger, g *group) {
	f := finding{key: key{kind: radio.ConflictLimit, what: g.refusal.what}, blocking: true, refusal: g.refusal}
	if s.whole {
		l.add(f)
		return
	}
	for _, o := range g.schedules {
		if s.asked[o.ID] {
			f.schedule = o.ID
			l.add(f)
		}
	}
}

// leftOut: the resolver took something out of the programme. at is when it would have
// come, 0 where no span is looked at.
func (s *survey) leftOut(l *ledger, g *group, x radio.Exclusion, at radio.Millis) {
	f := finding{key: key{schedule: x.Schedule, slot: x.Slot, entry: x.Entry}, at: at, text: [2]string{x.VI, x.EN}}
	switch x.Reason {
	case radio.Unapproved:
		f.kind, f.what, f.bulletin = radio.ConflictAudio, whatUnapproved, x.Bulletin
		if _, ok := s.newest(x.Bulletin); !ok {
			f.what, f.blocking = whatUnknown, true
		}
	case radio.StoodIn:
		f.kind, f.what, f.bulletin, f.by = radio.ConflictAudio, whatStoodIn, x.Bulletin, x.By
	case radio.Unsigned:
		f.kind, f.what, f.bulletin = radio.ConflictAudio, whatUnsigned, x.Bulletin
	case radio.Elsewhere:
		f.kind, f.what, f.bulletin = radio.ConflictAudio, whatElsewhere, x.Bulletin
		f.extra = s.areas[s.bulletins[f.bulletin].Area].Name
	case radio.UnplayableSlot:
		if s.broken[x.Slot] {
			return
		}
		f.kind, f.what, f.blocking = radio.ConflictSlot, whatUnplayable, true
	default:
		// An emergency is told by alone; a slot without anything left by its entries.
		return
	}
	l.add(f)
}

// newest gives the highest version of a bulletin, whatever its state.
func (s *survey) newest(id radio.BulletinID) (b radio.Bulletin, ok bool) {
	for _, x := range s.all {
		if x.ID == id && (!ok || x.Version > b.Version) {
			b, ok = x, true
		}
	}
	return b, ok
}

// airing looks at one airing of a schedule asked about.
func (s *survey) airing(l *ledger, g *group, a radio.PreviewAiring, hours timetable.Hours) {
	f := finding{key: key{schedule: a.Schedule, slot: a.Slot}, at: a.Start, times: 1}
	switch {
	case a.Reason == radio.ReasonOverlap || a.ShiftMS > 0:
		o := f
		o.kind, o.what, o.worst, o.clear = radio.ConflictOverlap, whatDropped, a.ShiftMS, a.ClearAt
		if len(a.With) > 0 {
			o.with = a.With[0]
		}
		if a.Reason != radio.ReasonOverlap {
			o.what = whatShifted
		}
		if o.what == whatDropped || !s.whole {
			l.add(o)
		}
	}
	switch {
	case a.Reason == radio.ReasonPolicy:
		s.vetoed(&f, g, a, hours)
	case a.Reason == radio.ReasonUnsupported:
		f.kind, f.what, f.entry = radio.ConflictSlot, whatUnsupported, a.Entry
	case a.Outcome == radio.Refused: // expired, or not yet
		f.kind, f.what, f.entry, f.bulletin = radio.ConflictValidity, string(a.Reason), a.Entry, a.Bulletin
	case a.Outcome == "" && !s.whole && s.odd(a):
		f.kind, f.what = radio.ConflictHours, whatOdd
	default:
		return
	}
	l.add(f)
}

// neighbour looks at an airing of a schedule that stays as it is, and tells it under
// the schedule asked about that stands in its way.
func (s *survey) neighbour(l *ledger, a radio.PreviewAiring) {
	i := slices.IndexFunc(a.With, func(id radio.ScheduleID) bool { return s.asked[id] })
	if i < 0 {
		return
	}
	f := finding{key: key{kind: radio.ConflictOverlap, what: whatPushes, schedule: a.With[i], with: a.Schedule},
		at: a.Start, times: 1, worst: a.ShiftMS, clear: a.ClearAt}
	if a.Reason == radio.ReasonOverlap {
		f.what = whatOusts
	}
	l.add(f)
}

// odd: it sounds at an hour at which people sleep, although the place permits it.
func (s *survey) odd(a radio.PreviewAiring) bool {
	ok, _ := s.quiet.Permits(a.Start.Time(), a.End().Time())
	return !ok
}

// alone lists what is wrong with a schedule wherever it is to sound.
func (s *survey) alone(l *ledger, o radio.Schedule, days int) {
	add := func(k radio.ConflictKind, what string, blocking bool, slot radio.SlotID) {
		l.add(finding{key: key{kind: k, what: what, schedule: o.ID, slot: slot}, blocking: blocking, at: 0})
	}
	if o.Priority != radio.Normal && o.Priority != radio.Prior {
		add(radio.ConflictPriority, string(o.Priority), true, "")
	}
	if o.Zone != s.zoneName {
		add(radio.ConflictSlot, whatZone, true, "")
	}
	s.targets(l, o)
	if o.Until != "" && o.Until < s.zone.Date(s.now) {
		add(radio.ConflictSlot, whatOver, false, "")
		return
	}
	if len(o.Slots) == 0 {
		add(radio.ConflictSlot, whatEmpty, true, "")
	}
	for _, sl := range o.Slots[:min(len(o.Slots), radio.MaxSlots)] { // more is a conflict of its own
		o.Zone = s.zoneName // another one is told already
		err := timetable.CheckRule(sl.Cron, o.Zone)
		_, due := timetable.Next(o, sl, s.now)
		switch {
		case len(sl.Items) == 0:
			add(radio.ConflictSlot, whatEmpty, true, sl.ID)
		case err != nil:
			s.broken[sl.ID] = true
			l.add(finding{key: key{kind: radio.ConflictSlot, what: whatUnplayable, schedule: o.ID, slot: sl.ID}, blocking: true,
				text: [2]string{"không tính được thành lượt phát: " + err.Error(), "it cannot be expanded: " + err.Error()}})
		case due:
		case !s.wasDue(o, sl):
			add(radio.ConflictSlot, whatNever, false, sl.ID)
		case !s.whole: // on the air it has simply done its work
			add(radio.ConflictSlot, whatGone, false, sl.ID)
		}
	}
}

// wasDue says whether a slot came due in the year before now.
func (s *survey) wasDue(o radio.Schedule, sl radio.Slot) bool {
	at, ok := timetable.Next(o, sl, s.now.AddDate(-1, 0, 0))
	return ok && at.Before(s.now)
}

// targets: each must exist, and be of use.
func (s *survey) targets(l *ledger, o radio.Schedule) {
	reached := false
	for _, t := range o.Targets {
		f := finding{key: key{kind: radio.ConflictTarget, schedule: o.ID}}
		switch {
		case !s.knows(t):
			f.what, f.blocking = whatUnknown, true
			l.add(f)
		case s.inhabited[t]:
			reached = true
		case s.retired[t.Device].ID != "":
			f.what, f.extra = whatRetired, s.retired[t.Device].Name
			l.add(f)
		default:
			f.what, f.extra = whatNone, s.areas[t.Area].Name
			l.add(f)
		}
	}
	if !reached && len(o.Targets) == 0 {
		l.add(finding{key: key{kind: radio.ConflictTarget, what: whatEmpty, schedule: o.ID}, blocking: true})
	}
}

// tell puts the findings into words: blocking ones first, then by time.
func (s *survey) tell(l *ledger) []radio.Conflict {
	n := s.names()
	out := make([]radio.Conflict, 0, len(l.order))
	for _, k := range l.order {
		m := l.of[k]
		c := radio.Conflict{Kind: k.kind, Blocking: m.blocking, Schedule: k.schedule, Slot: k.slot, Entry: k.entry, With: k.with,
			At: m.at, Times: m.total, Devices: m.devices, DeviceCount: m.count}
		c.VI, c.EN = n.words(*m)
		c.FixVI, c.FixEN = n.fix(*m)
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b radio.Conflict) int {
		first := func(c radio.Conflict) int {
			if c.Blocking {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(first(a), first(b)), cmp.Compare(a.At, b.At))
	})
	return out
}
