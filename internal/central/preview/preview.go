// Package preview answers, before anything sounds, what would: the coming days of a
// device or a commune, and what stands between a schedule and the air. It receives the
// plan, the devices' own words and the revisions issued from store, has documents made
// and expanded by programme (the agent's own timetable behind it), and hands weeks,
// conflicts and rehearsals to web and to the command line, and what a draft of the
// operating rules would silence to rules.
//
// Devices that get the same schedules, policy and rendition are worked out once. Between
// two questions only the plan is kept, as long as it is the newest: no answer is older
// than the plan.
package preview

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

const (
	// conflictDays from now, or from the first day of a schedule that begins later.
	conflictDays = 14
	// checkDays of what is on the air already.
	checkDays = 7
	// withdrawnDays as dispatch tells them to devices: they count towards the size.
	withdrawnDays = 60
	// life of a programme as dispatch issues it.
	life = 35 * 24 * time.Hour
	// maxCandidates bounds the schedules of one question.
	maxCandidates = 50
)

// Plans is what people have laid down, as the store holds it.
type Plans interface {
	// Generation grows with every change of the plan.
	Generation(ctx context.Context) (int64, error)
	// Plan is shared: it must not be changed.
	Plan(ctx context.Context) (radio.Plan, error)
	Places(ctx context.Context) ([]radio.Place, error)
	// WithdrawnHashes lists the audio of versions withdrawn since then.
	WithdrawnHashes(ctx context.Context, since radio.Millis) ([]radio.SHA256, error)
}

// Fleet is the newest view of every device (fault): what it said of itself, and what was
// issued to it. What it gives is shared.
type Fleet interface {
	Views(ctx context.Context) ([]radio.DeviceView, error)
}

// Resolver makes and expands documents; it is pure.
type Resolver interface {
	// Current picks the bulletins that may be aired, one version each.
	Current(all []radio.Bulletin) map[radio.BulletinID]radio.Bulletin
	Programme(place radio.Place, schedules []radio.Schedule, decided radio.Decided, bulletins map[radio.BulletinID]radio.Bulletin,
		withdrawn []radio.SHA256, now time.Time) (radio.Programme, []radio.Exclusion, error)
	Policy(rules []radio.PolicyRule, place radio.Place, now time.Time) (radio.Policy, error)
	Settings(place radio.Place) radio.Settings
	// Previews tells what devices would do with their documents in a span of time: one list
	// for each delay that devices add to planned starts.
	Previews(p radio.Programme, policy radio.Policy, delays []time.Duration, from, to time.Time) ([][]radio.PreviewAiring, error)
}

// Preview is safe for concurrent use.
type Preview struct {
	plans    Plans
	fleet    Fleet
	resolver Resolver
	now      func() time.Time
	// turn lets one question about the whole province be worked out at a time: it takes
	// a core for a second.
	turn chan struct{}

	mu         sync.Mutex
	generation int64
	base       *survey // of that generation; never changed
}

// New only stores.
func New(plans Plans, fleet Fleet, resolver Resolver, now func() time.Time) *Preview {
	return &Preview{plans: plans, fleet: fleet, resolver: resolver, now: now, turn: make(chan struct{}, 1)}
}

// Conflicts tells what would go wrong if the candidates took the places of the schedules
// with their ids (or, without an id, of those with their codes): over the next 14 days,
// or the first 14 days of a candidate that begins later. Blocking ones come first.
func (p *Preview) Conflicts(ctx context.Context, candidates []radio.Schedule) ([]radio.Conflict, error) {
	if len(candidates) > maxCandidates {
		return nil, tooManyCandidates()
	}
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.exit()
	s, err := p.survey(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.hear(ctx, s); err != nil {
		return nil, err
	}
	s.lay(candidates)
	return p.judge(ctx, s, s.reached(), conflictDays)
}

// Check tells what of the plan on the air does not enter programmes, or enters them and
// will not sound in the next 7 days: for the fault list. What a device's connection
// delays is a fault of its own and not told here.
func (p *Preview) Check(ctx context.Context) ([]radio.Conflict, error) {
	s, err := p.survey(ctx)
	if err != nil {
		return nil, err
	}
	s.onAir()
	return p.judge(ctx, s, s.groups(nil), checkDays)
}

// Week previews days from a local date on: of one device, or of an area's devices
// together. What should have begun before now is not told: that is the log's to say.
// ErrNotFound when there is no such device or area.
func (p *Preview) Week(ctx context.Context, of radio.Target, from radio.Date, days int) (radio.Preview, error) {
	if days < 1 || days > radio.MaxPreviewDays {
		var e radio.Invalid
		e.Add("days", fmt.Sprintf("số ngày từ 1 đến %d", radio.MaxPreviewDays), fmt.Sprintf("want 1 to %d days", radio.MaxPreviewDays))
		return radio.Preview{}, e.Err()
	}
	s, err := p.survey(ctx)
	if err != nil {
		return radio.Preview{}, err
	}
	if !s.knows(of) {
		return radio.Preview{}, fmt.Errorf("device or area to preview: %w", radio.ErrNotFound)
	}
	begin, end, err := spanOf(s.zone, from, days)
	if err != nil {
		var e radio.Invalid
		e.Add("from", "ngày phải có dạng 2026-12-31", "the date must look like 2026-12-31")
		return radio.Preview{}, e.Err()
	}
	if begin.Before(s.now) {
		begin = s.now
	}
	// What a slot of the last evening sounds past midnight is of that evening.
	var spans []span
	if late := end.Add(timetable.MaxSlotLength + radio.MaxGraceSeconds*time.Second); begin.Before(late) {
		spans = append(spans, span{begin, late})
	}
	due := span{begin, end}
	if end.Before(begin) {
		due.from = end
	}
	s.onAir()
	groups := s.groups(func(pl radio.Place) bool { return pl.Within(of) })
	w := newWeek(s, from, days, groups)
	if len(spans) == 0 {
		return w.done(s), nil // what has been is the log's to say
	}
	parts := make(map[*group][]*group, len(groups))
	for _, g := range groups {
		parts[g] = p.byDelay(g)
	}
	if err := each(ctx, groups, func(g *group) {
		if len(g.places) > 0 {
			p.fill(s, g, parts[g], spans...)
		}
	}); err != nil {
		return radio.Preview{}, err
	}
	for _, g := range groups {
		for _, part := range parts[g] {
			w.add(s, part, due)
		}
	}
	return w.done(s), nil
}

// spanOf gives the instants between which the local days lie.
func spanOf(z timetable.Zone, from radio.Date, days int) (begin, end time.Time, err error) {
	if begin, _, err = z.Day(from); err != nil {
		return begin, end, err
	}
	last, err := time.Parse(time.DateOnly, string(from))
	if err != nil {
		return begin, end, err
	}
	_, end, err = z.Day(radio.DateOf(last.AddDate(0, 0, days-1)))
	return begin, end, err
}

// each works the groups out, several at a time.
func each(ctx context.Context, groups []*group, f func(*group)) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, one := range groups {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { f(one); return nil })
	}
	return errors.Join(g.Wait(), ctx.Err())
}
