// Package offer is the desk at which a commune answers what comes to it from above: it
// gathers the schedules that reach the commune, tells how they stand, and takes its words.
// It receives the plan from store and clashes from preview, keeps decisions in store, and
// has dispatch make programmes anew; programme lets the decisions count.
package offer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/alphabet"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Plans is what people have laid down, shared: it must not be changed.
type Plans interface {
	Plan(ctx context.Context) (radio.Plan, error)
	Places(ctx context.Context) ([]radio.Place, error)
}

// Keeper keeps what communes say (store).
type Keeper interface {
	AddDecisions(ctx context.Context, words []radio.Decision) error
	PutOfferRule(ctx context.Context, r radio.OfferRule) error
	// Decisions lists words said in some areas, the newest first.
	Decisions(ctx context.Context, areas []radio.AreaID, about radio.ScheduleID, limit int) ([]radio.Decision, error)
	PersonNames(ctx context.Context) (map[radio.UserID]string, error)
}

// Weeks tells what would sound (preview).
type Weeks interface {
	Week(ctx context.Context, of radio.Target, from radio.Date, days int) (radio.Preview, error)
}

// Desk is safe for concurrent use.
type Desk struct {
	plans   Plans
	keeper  Keeper
	weeks   Weeks
	now     func() time.Time
	changed func() // programmes have to be made anew
}

const (
	// Days ahead that an inbox shows.
	Days = 14
	// shownTimes and shownWords bound what it lists; a slot that is decided about airing by
	// airing is told whole.
	shownTimes = Days * maxTimesADay
	shownWords = 50
)

// NewDesk stores what it is given.
func NewDesk(plans Plans, keeper Keeper, weeks Weeks, now func() time.Time, changed func()) *Desk {
	return &Desk{plans: plans, keeper: keeper, weeks: weeks, now: now, changed: changed}
}

// house is a commune with all that reaches it, at one moment.
type house struct {
	plan      radio.Plan
	commune   radio.Area
	zone      timetable.Zone
	zoneName  string
	places    []radio.Place
	parts     []part
	said      radio.Settlement                    // where the commune itself always stood
	schedules map[radio.ScheduleID]radio.Schedule // that reach it and are on the air
	now       time.Time
}

func (d *Desk) house(ctx context.Context, commune radio.AreaID) (*house, error) {
	plan, err := d.plans.Plan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	all, err := d.plans.Places(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the places: %w", err)
	}
	tree := radio.NewAreaTree(plan.Areas)
	h := &house{plan: plan, schedules: map[radio.ScheduleID]radio.Schedule{}, now: d.now()}
	var ok bool
	if h.commune, ok = tree.Area(commune); !ok || h.commune.Kind != radio.Commune {
		return nil, fmt.Errorf("commune %.30s: %w", commune, radio.ErrNotFound)
	}
	if root, ok := tree.Area(tree.Chain(commune)[0]); ok {
		h.zoneName = root.Zone
	}
	if h.zone, err = timetable.LoadZone(h.zoneName); err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.Commune().ID == commune {
			h.places = append(h.places, p)
		}
	}
	// The page speaks for the commune: what was said for one hamlet alone counts there.
	h.said = plan.Decided.At(radio.Place{Chain: []radio.Area{h.commune}}.Deciders())
	h.divide()
	for _, s := range plan.Schedules {
		if s.WithdrawnAt == 0 && h.reached(s) > 0 && (s.Until == "" || s.Until >= h.zone.Date(h.now)) {
			h.schedules[s.ID] = s
		}
	}
	return h, nil
}

// reached counts the commune's clusters that a schedule is for.
func (h *house) reached(s radio.Schedule) int {
	n := 0
	for _, p := range h.places {
		if slices.ContainsFunc(s.Targets, p.Within) {
			n++
		}
	}
	return n
}

// offered says whether a schedule comes from above.
func (h *house) offered(s radio.Schedule) bool {
	return len(h.places) > 0 && !slices.ContainsFunc(h.places, func(p radio.Place) bool { return !p.Offered(s) })
}

// Inbox gives all that came to a commune from above, what waits for an answer first.
// ErrNotFound when there is no such commune.
func (d *Desk) Inbox(ctx context.Context, commune radio.AreaID) (radio.Inbox, error) {
	h, err := d.house(ctx, commune)
	if err != nil {
		return radio.Inbox{}, err
	}
	out := radio.Inbox{Commune: commune, Zone: h.zoneName, Rule: h.said.Rule, Offers: []radio.Offer{}, Clashes: []radio.OfferClash{}, Times: []radio.TimeOfDay{},
		Names: map[radio.UserID]string{}, Titles: map[radio.ScheduleID]string{}}
	out.Rule, out.Parts = h.rules()
	titles := map[radio.BulletinID]radio.Bulletin{}
	for _, b := range h.plan.Bulletins {
		if b.Version > titles[b.ID].Version && b.State == radio.Approved {
			titles[b.ID] = b
		}
	}
	for _, s := range h.schedules {
		for _, sl := range s.Slots {
			if h.offered(s) {
				out.Offers = append(out.Offers, h.offers(s, sl, titles)...)
			} else {
				out.Times = append(out.Times, h.times(s, sl)...)
			}
		}
	}
	slices.SortFunc(out.Offers, func(a, b radio.Offer) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(soon(a), soon(b)), cmp.Compare(a.Code, b.Code), cmp.Compare(a.SlotCode, b.SlotCode), alphabet.Compare(a.Part, b.Part))
	})
	slices.Sort(out.Times)
	out.Times = slices.Compact(out.Times)
	week, err := d.weeks.Week(ctx, radio.Target{Area: commune}, h.zone.Date(h.now), Days+radio.MaxMoveDays)
	if err != nil {
		return out, fmt.Errorf("what would sound in commune %s: %w", h.commune.Code, err)
	}
	unheard(out.Offers, week)
	out.Clashes = h.clashes(week)
	if out.Words, err = d.keeper.Decisions(ctx, h.speakers(), "", shownWords); err != nil {
		return out, err
	}
	names, err := d.keeper.PersonNames(ctx)
	if err != nil {
		return out, err
	}
	all := map[radio.ScheduleID]string{}
	for _, s := range h.plan.Schedules {
		all[s.ID] = s.Title
	}
	if out.Words == nil {
		out.Words = []radio.Decision{}
	}
	for _, w := range out.Words {
		out.Names[w.By] = cmp.Or(names[w.By], string(w.By))
		out.Titles[w.Schedule] = cmp.Or(all[w.Schedule], string(w.Schedule))
		if w.Other != "" {
			out.Titles[w.Other] = cmp.Or(all[w.Other], string(w.Other))
		}
	}
	return out, nil
}

// rank puts what waits first and what only stands last.
func rank(o radio.Offer) int {
	switch o.State {
	case radio.OfferWaiting:
		return 0
	case radio.OfferStands:
		return 2
	}
	return 1
}

// soon is when it comes next; what does not come is last.
func soon(o radio.Offer) radio.Millis {
	if len(o.Coming) == 0 {
		return 1 << 62
	}
	return o.Coming[0].At
}

// offer tells how one slot stands by what was said.
func (h *house) offer(said radio.Settlement, s radio.Schedule, sl radio.Slot, titles map[radio.BulletinID]radio.Bulletin) radio.Offer {
	o := radio.Offer{Schedule: s.ID, Code: s.Code, Title: s.Title, Priority: s.Priority, From: s.From, Until: s.Until, Slot: sl.ID, SlotCode: sl.Code, Cron: sl.Cron,
		Items: []string{}, Coming: []radio.OfferTime{}}
	for _, e := range sl.Items {
		b, ok := titles[e.Bulletin]
		if !ok {
			continue // what has no approved version does not sound anyway
		}
		o.Items = append(o.Items, b.Title)
		if len(b.Renditions) > 0 {
			o.Samples += b.Renditions[0].Samples*int64(e.Repeat) + radio.DurationSamples(time.Duration(e.GapMS)*time.Millisecond)*int64(e.Repeat-1)
		}
	}
	if first, ok := timetable.Next(s, sl, s.ApprovedAt.Time()); ok {
		o.First = radio.At(first)
		o.Deadline = o.First.Add(-time.Duration(said.Rule.Hours) * time.Hour)
	}
	if standing := h.stands(said, s, sl); s.Priority == radio.Normal {
		o.Movable, o.Word, o.State, o.Sounds = standing.Movable, standing.Word, standing.State, standing.Sounds
		if o.State == radio.OfferByDefault && o.Deadline > radio.At(h.now) {
			o.State = radio.OfferWaiting
		}
	} else {
		o.State, o.Sounds = radio.OfferStands, true
	}
	due, err := timetable.Due(s, sl, h.now, h.now.AddDate(0, 0, Days))
	if err != nil {
		return o // the schedule's page tells what is wrong with its rule
	}
	first := map[radio.Millis]int{}
	for i, at := range due[:min(len(due), shownTimes)] {
		o.Coming = append(o.Coming, h.time(said, s, sl, o, at))
		t := &o.Coming[i]
		if was, known := first[t.SoundsAt]; known && t.SoundsAt != 0 {
			t.Twice, o.Coming[was].Twice = true, true
		}
		first[t.SoundsAt] = i
	}
	return o
}

// stands tells what counts every day of a normal slot.
func (h *house) stands(said radio.Settlement, s radio.Schedule, sl radio.Slot) radio.Offer {
	var o radio.Offer
	most, err := timetable.MostPerDay(sl.Cron)
	o.Movable = err == nil && most == 1
	if w, ok := said.Standing(s.ID, sl.ID); ok {
		o.Word, o.State, o.Sounds = &w, stateOf(w), w.Do != radio.DecideDecline
	} else {
		o.State, o.Sounds = radio.OfferByDefault, said.Rule.Default == radio.OfferAccept
	}
	return o
}

func stateOf(w radio.Decision) radio.OfferState {
	switch w.Do {
	case radio.DecideMove:
		return radio.OfferMoved
	case radio.DecideDecline:
		return radio.OfferDeclined
	}
	return radio.OfferAccepted
}

// time tells how one airing of a slot stands, as programme lets the words count.
func (h *house) time(said radio.Settlement, s radio.Schedule, sl radio.Slot, o radio.Offer, at radio.Millis) radio.OfferTime {
	t := radio.OfferTime{Date: h.zone.Date(at.Time()), Time: h.zone.TimeOfDay(at.Time()), At: at, State: o.State}
	word := o.Word
	if w, ok := said.On(s.ID, sl.ID, t.Date, t.Time); ok && s.Priority == radio.Normal {
		t.Word, t.State, word = &w, stateOf(w), &w
	}
	switch {
	case word == nil && !o.Sounds, word != nil && word.Do == radio.DecideDecline:
	case word != nil && word.Do == radio.DecideMove && (t.Word != nil || o.Movable):
		date := cmp.Or(word.ToDate, t.Date)
		moved, err := h.zone.Instant(date, word.To)
		if err != nil && t.Word != nil {
			moved = at // as programme takes a time that the clock leaps over
		}
		t.SoundsAt = moved
	default:
		t.SoundsAt = at
	}
	return t
}

// times are those at which one of the commune's own slots comes.
func (h *house) times(s radio.Schedule, sl radio.Slot) (out []radio.TimeOfDay) {
	due, err := timetable.Due(s, sl, h.now, h.now.AddDate(0, 0, Days))
	if err != nil {
		return nil
	}
	for _, at := range due[:min(len(due), shownTimes)] {
		out = append(out, h.zone.TimeOfDay(at.Time()))
	}
	return out
}

// unheard marks what the commune lets sound and no cluster will play: what it moved out of
// the permitted hours, or onto something that goes first.
func unheard(offers []radio.Offer, week radio.Preview) {
	type instant struct {
		schedule radio.ScheduleID
		slot     radio.SlotID
		at       radio.Millis
	}
	sounds, off := map[instant]bool{}, map[instant]radio.PreviewRow{}
	for _, r := range week.Rows {
		k := instant{r.Schedule, r.Slot, r.SlotAt}
		if r.Outcome == "" {
			sounds[k] = true
		} else if _, known := off[k]; !known {
			off[k] = r
		}
	}
	for i := range offers {
		o := &offers[i]
		for k := range o.Coming {
			t := &o.Coming[k]
			at := instant{o.Schedule, o.Slot, t.SoundsAt}
			if r, ok := off[at]; ok && t.SoundsAt != 0 && !sounds[at] {
				t.Off, t.Reason, t.Veto = true, r.Reason, r.Veto
			}
		}
	}
}

// clashes lists the priority schedules that want one time in the coming days.
func (h *house) clashes(week radio.Preview) []radio.OfferClash {
	out := []radio.OfferClash{}
	end := radio.At(h.now.AddDate(0, 0, Days))
	at := map[[2]radio.ScheduleID]int{}
	for _, r := range week.Rows {
		if r.Start >= end || r.Priority != radio.Prior || r.ShiftMS == 0 && r.Reason != radio.ReasonOverlap {
			continue
		}
		for _, other := range r.With {
			o, ok := h.schedules[other]
			if !ok || o.Priority != radio.Prior || other == r.Schedule {
				continue
			}
			key := [2]radio.ScheduleID{min(r.Schedule, other), max(r.Schedule, other)}
			i, known := at[key]
			if !known {
				i = len(out)
				at[key] = i
				c := radio.OfferClash{A: key[0], B: key[1], ATitle: h.schedules[key[0]].Title, BTitle: h.schedules[key[1]].Title, At: r.Start}
				c.Word = h.order(c.A, c.B)
				out = append(out, c)
			}
			out[i].Times++
			out[i].At = min(out[i].At, r.Start)
		}
	}
	slices.SortFunc(out, func(a, b radio.OfferClash) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.A, b.A)) })
	return out
}
