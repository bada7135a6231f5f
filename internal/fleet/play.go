package fleet

import (
	"context"
	"sync"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

const (
	// ahead is how far an agent lays out its programme at a time.
	ahead = time.Hour
	// warm is what a device takes from an order to the first sample: a player's start and
	// its ring.
	warm = 400 * time.Millisecond
	// driver names this output in confirmations, so that nobody takes them for sound.
	driver = "fleet"
)

// desk is what an agent sounds in appearance. Only the stage touches it, but for stops.
type desk struct {
	programme *radio.Programme
	laidTo    time.Time
	next      []radio.Airing
	now       *sounding

	mu    sync.Mutex
	stops []radio.AiringID // "" stops whatever sounds
}

// sounding is a planned item or a cycle of an alert.
type sounding struct {
	confirmation radio.Confirmation
	start, end   time.Time
	cycle        bool
	told         bool // the alert knows that it sounds
}

// stop asks for the end of what sounds; it is done at the next step.
func (d *desk) stop(id radio.AiringID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stops = append(d.stops, id)
}

func (d *desk) takeStops() []radio.AiringID {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stops
	d.stops = nil
	return s
}

// step does all that is due on one agent and says when more is.
func (a *agent) step(ctx context.Context, now time.Time) (next time.Time) {
	next = a.orders.step(now)
	a.settle(ctx, now)
	duty := a.alerts.Duty()
	switch s := a.desk.now; {
	case s != nil && s.cycle && (duty.Cycle == nil || duty.Cycle.ID != s.confirmation.ID):
		a.finish(ctx, now, radio.EndStopped) // a tombstone came
	case s != nil && !s.cycle && duty.Hold:
		a.finish(ctx, now, radio.EndPriority)
	}
	if duty.Cycle != nil && a.desk.now == nil {
		a.beginCycle(ctx, now, *duty.Cycle)
	}
	if duty.Wake > 0 {
		next = sooner(next, now.Add(duty.Wake-a.fleet.clock.Mono()))
	}
	next = sooner(next, a.plan(ctx, now, duty.Hold))
	if s := a.desk.now; s != nil {
		if s.cycle && !s.told {
			next = sooner(next, s.start)
		}
		next = sooner(next, s.end)
	}
	return next
}

// settle ends what has sounded to its end, or was stopped.
func (a *agent) settle(ctx context.Context, now time.Time) {
	stops := a.desk.takeStops()
	s := a.desk.now
	if s == nil {
		return
	}
	if s.cycle && !s.told && !now.Before(s.start) {
		s.told = true
		a.alerts.Sounded(ctx, s.confirmation.ID)
	}
	if !now.Before(s.end) {
		a.finish(ctx, now, radio.EndComplete)
		return
	}
	for _, id := range stops {
		if !s.cycle && (id == "" || id == s.confirmation.ID) { // alerts end by tombstones only
			a.finish(ctx, now, radio.EndStopped)
			return
		}
	}
}

// finish writes the one outcome of what sounds.
func (a *agent) finish(ctx context.Context, now time.Time, how radio.Ending) {
	s := a.desk.now
	a.desk.now = nil
	c := s.confirmation
	c.Consumed = c.Expected
	if how != radio.EndComplete {
		c.Consumed = max(0, min(c.Expected, radio.DurationSamples(now.Sub(s.start))))
	}
	c.Outcome, c.Reason = radio.Decide(c.Expected, c.Consumed, false, how)
	if c.Consumed > 0 {
		c.StartedAt, c.EndedAt = radio.At(s.start), radio.At(s.start.Add(radio.SamplesDuration(c.Consumed)))
	}
	a.result(ctx, c)
	if s.cycle {
		a.alerts.Ended(ctx, c)
	}
}

func (a *agent) result(ctx context.Context, c radio.Confirmation) {
	c.Driver, c.Output, c.Proof = driver, driver, "paced"
	a.write(ctx, radio.Record{Kind: radio.RecordResult, Result: &c})
	a.fleet.stats.results.Add(1)
}

// write counts what the journal does not take.
func (a *agent) write(ctx context.Context, r radio.Record) {
	if _, err := a.journal.Append(ctx, r); err != nil {
		a.fleet.stats.heldBack.Add(1)
		a.log.Debug("record not written", "kind", string(r.Kind), "error", err)
	}
}

// beginCycle is playout's part of an alert: told, written down, and sounding after the
// time a player takes.
func (a *agent) beginCycle(ctx context.Context, now time.Time, c radio.Cycle) {
	var samples int64
	for _, s := range c.Sounds {
		samples += s.Samples
	}
	if c.Voice != nil && a.shelf.Ready(c.Voice.SHA256) {
		samples += c.Voice.Samples
	}
	a.alerts.Began(ctx, c.ID)
	rec := radio.AiringRecord{ID: c.ID, Origin: c.Origin, Key: c.Key, Start: c.At, Samples: samples}
	if len(c.Sounds) > 0 {
		rec.SHA256 = c.Sounds[0].SHA256
	}
	a.write(ctx, radio.Record{Kind: radio.RecordAiring, Airing: &rec})
	start := now.Add(warm)
	a.desk.now = &sounding{cycle: true, start: start, end: start.Add(radio.SamplesDuration(samples)), confirmation: radio.Confirmation{
		ID: c.ID, Origin: c.Origin, Key: c.Key, Start: c.At, Priority: radio.Emergency, Expected: samples}}
}

// plan begins what its programme names for now, and says when the next one is.
func (a *agent) plan(ctx context.Context, now time.Time, held bool) (next time.Time) {
	p, ok := a.inbox.Programme()
	if !ok {
		return time.Time{}
	}
	d := &a.desk
	if p != d.programme || !now.Before(d.laidTo) {
		a.layOut(p, now)
	}
	for len(d.next) > 0 && !d.next[0].Start().After(now) {
		if d.now != nil && !d.now.cycle && now.Before(d.now.end) {
			return d.now.end // it follows at once
		}
		air := d.next[0]
		d.next = d.next[1:]
		a.air(ctx, p, air, now, held)
	}
	if len(d.next) > 0 {
		return sooner(d.next[0].Start(), d.laidTo)
	}
	return d.laidTo
}

// layOut expands the next hour of the programme. What was due before this agent started,
// or while another programme was active, is not taken up.
func (a *agent) layOut(p *radio.Programme, now time.Time) {
	d := &a.desk
	from := now
	if p == d.programme {
		from = d.laidTo
	}
	d.programme, d.laidTo, d.next = p, now.Add(ahead), nil
	t, err := timetable.New(p)
	if err == nil {
		d.next, err = t.Airings(from, d.laidTo)
	}
	if err != nil {
		a.log.Error("programme not laid out", "error", err) // inbox has checked it
	}
}

// air begins one planned item, or tells why it does not sound.
func (a *agent) air(ctx context.Context, p *radio.Programme, air radio.Airing, now time.Time, held bool) {
	c := radio.Confirmation{ID: air.ID, Origin: radio.FromSchedule, Key: air.AiringKey, Start: radio.At(air.Start()), Revision: p.Revision,
		Priority: air.Priority, Bulletin: air.Bulletin, Version: air.Version, Expected: air.Samples}
	if x, ok := p.Find(air.Bulletin, air.Version); ok {
		if r, ok := x.Rendition(a.inbox.Settings().Rendition); ok {
			c.SHA256 = r.SHA256
		}
	}
	hours, err := timetable.NewHours(a.inbox.Policy())
	permitted := false
	if err == nil {
		permitted, _ = hours.Permits(air.Start(), air.End())
	}
	switch {
	case air.Excluded == radio.ReasonOverlap:
		c.Outcome, c.Reason = radio.Missed, air.Excluded
	case air.Excluded != radio.NoReason:
		c.Outcome, c.Reason = radio.Refused, air.Excluded
	case !permitted:
		c.Outcome, c.Reason = radio.Refused, radio.ReasonPolicy
	case held:
		c.Outcome, c.Reason = radio.Preempted, radio.ReasonPriority
	case now.Sub(air.Start()) > air.Grace:
		c.Outcome, c.Reason = radio.Missed, radio.ReasonLate
	}
	if c.Outcome != "" {
		a.result(ctx, c)
		return
	}
	rec := radio.AiringRecord{ID: c.ID, Origin: c.Origin, Key: c.Key, Start: c.Start, Samples: c.Expected, SHA256: c.SHA256, Revision: c.Revision}
	a.write(ctx, radio.Record{Kind: radio.RecordAiring, Airing: &rec})
	a.desk.now = &sounding{start: air.Start(), end: air.End(), confirmation: c}
}
