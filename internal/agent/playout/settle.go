package playout

import (
	"context"
	"time"

	"loaxa/internal/radio"
)

// verdict is what the rules say about one airing at one moment.
type verdict struct {
	play    bool
	outcome radio.Outcome // when it does not play
	reason  radio.Reason
}

// leavesRoom: the next of its slot is to follow at once.
func (v verdict) leavesRoom() bool {
	return v.reason == radio.ReasonNoAudio || v.reason == radio.ReasonSignature
}

// judge asks, in this order: was it too late because the device was off or its
// clock not to be trusted; does the programme exclude it (expired, overlap,
// unsupported); has a person approved it; does the policy permit all of it; is its audio here; is it too late.
func (d *desk) judge(e entry, now time.Time) verdict {
	a := e.Airing
	gone := d.gone(a, now)
	why := radio.ReasonLate
	if gone {
		why = d.absence(a)
	}
	switch {
	case e.held == radio.ReasonPriority && gone:
		return d.pushedVerdict(a)
	case gone && why != radio.ReasonLate:
		return verdict{outcome: radio.Missed, reason: why}
	case a.Excluded == radio.ReasonOverlap:
		return verdict{outcome: radio.Missed, reason: a.Excluded}
	case a.Excluded != radio.NoReason:
		return verdict{outcome: radio.Refused, reason: a.Excluded}
	case d.unapproved(a):
		return verdict{outcome: radio.Refused, reason: radio.ReasonSignature}
	}
	start := d.due(a)
	if now.After(start) && !gone {
		start = now
	}
	// The planned end counts: one that drifts over it is faded at the boundary.
	long := radio.SamplesDuration(a.Samples)
	delayed := e.held == radio.ReasonPriority || d.slipped(a) > 0
	end := d.due(a).Add(long)
	if delayed {
		end = later(start, d.due(a)).Add(long) // all of it sounds
	}
	if ok, _ := d.permits(start, end); !ok {
		planned := d.planned(a)
		if ok, _ := d.permits(planned, planned.Add(long)); ok && delayed {
			return d.pushedVerdict(a) // it no longer fits
		}
		return verdict{outcome: radio.Refused, reason: radio.ReasonPolicy}
	}
	if d.capped(a, d.left(a, now), nil) {
		return verdict{outcome: radio.Refused, reason: radio.ReasonPolicy}
	}
	if _, ready := d.rendition(a); !ready {
		return verdict{outcome: radio.Missed, reason: radio.ReasonNoAudio}
	}
	switch {
	case gone && e.held == radio.ReasonOutput:
		return verdict{outcome: radio.Failed, reason: radio.ReasonOutput}
	case gone && e.held == radio.ReasonOverlap:
		return verdict{outcome: radio.Missed, reason: radio.ReasonOverlap}
	case gone:
		return verdict{outcome: radio.Missed, reason: radio.ReasonLate}
	}
	return verdict{play: true}
}

// rendition picks the one this device fetches, or the other if only that is here.
func (d *desk) rendition(a radio.Airing) (radio.Rendition, bool) {
	if d.agenda.prog == nil {
		return radio.Rendition{}, false
	}
	audio, ok := d.agenda.prog.Find(a.Bulletin, a.Version)
	if !ok {
		return radio.Rendition{}, false
	}
	first, _ := audio.Rendition(d.kbps)
	for _, r := range append([]radio.Rendition{first}, audio.Renditions...) {
		if d.Audio.Ready(r.SHA256) {
			return r, true
		}
	}
	return first, false
}

// inspect reads the audio of an airing that is near once through, beside the
// desk's work: damage found now can still be mended before it is due.
func (d *desk) inspect(a radio.Airing) {
	r, ready := d.rendition(a)
	if _, done := d.inspected[a.ID]; done || !ready {
		return
	}
	if len(d.inspected) > maxBacklog {
		clear(d.inspected)
	}
	d.inspected[a.ID] = struct{}{}
	d.beside.Go(func() {
		if err := d.Audio.Verify(r.SHA256); err != nil {
			d.log.Error("audio that is due soon did not pass its check", "airing", string(a.ID), "sha256", string(r.SHA256), "error", err)
		}
	})
}

// settle gives every airing that is due its player or its result, and says whether
// a stream is wanted for what comes.
func (d *desk) settle(ctx context.Context, soon func(time.Time)) (wanted bool) {
	ahead := warmUp
	if d.stream != nil {
		ahead += touch // keeps one stream over airings that touch
	}
	var kept []entry
	list, early := d.agenda.list, d.earliest()
	for i, e := range list {
		now := d.Clock.Now()
		if plain := d.planned(e.Airing).Add(early); plain.Add(-ahead).After(now) {
			soon(plain.Add(-warmUp))
			kept = append(kept, list[i:]...)
			break
		}
		due := d.due(e.Airing)
		if d.pushedOut(e.Airing) {
			v := d.pushedVerdict(e.Airing)
			d.conclude(e, v.outcome, v.reason)
			continue
		}
		if due.Add(-ahead).After(now) { // its slot is late, or another early
			soon(due.Add(-warmUp))
			kept = append(kept, e)
			continue
		}
		v := d.judge(e, now)
		switch {
		case !v.play && now.Before(due) && v.outcome != radio.Preempted && v.outcome != radio.Cancelled:
			// Not final before its instant: audio may come, a policy or keyring may change. What
			// stands behind missing audio is to follow at once.
			wanted = wanted || v.reason == radio.ReasonNoAudio && due.Add(-warmUp).Before(now)
			soon(due)
			kept = append(kept, e)
		case !v.play:
			d.conclude(e, v.outcome, v.reason)
			if v.leavesRoom() {
				d.pull(e.Airing)
				early = d.earliest()
			}
		case due.Add(-lead).After(now):
			wanted = true
			d.inspect(e.Airing)
			soon(due.Add(-lead))
			kept = append(kept, e)
		default:
			wanted = true
			if held := d.hold(e, now); held != radio.NoReason {
				if held == radio.ReasonPriority {
					s := d.slipOf(e.Airing)
					s.paused = s.paused || d.held[byPause] && !d.held[byAlert]
				}
				if e.held != radio.ReasonPriority || held == radio.ReasonOutput {
					e.held = held
				}
				soon(next(now, d.tooLate(e.Airing), due))
				kept = append(kept, e)
				continue
			}
			if late := now.Sub(due); late > 0 && e.held == radio.ReasonPriority {
				// What kept it is over: all of it sounds, and the rest of its slot behind it.
				d.slipOf(e.Airing).by += late + joinLead
			}
			d.yield(e, d.Clock.WallToMono(d.due(e.Airing)))
			d.admit(ctx, e)
		}
	}
	d.agenda.list = kept
	d.agenda.settled = d.Clock.Now()
	if len(kept) > 0 && kept[0].Start().Before(d.agenda.settled) {
		d.agenda.settled = kept[0].Start()
	}
	return wanted
}

// next gives the first of the instants that lies after now.
func next(now time.Time, instants ...time.Time) time.Time {
	first := now.Add(time.Hour)
	for _, t := range instants {
		if t.After(now) && t.Before(first) {
			first = t
		}
	}
	return first
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// hold says what keeps an airing from being handed over now.
func (d *desk) hold(e entry, now time.Time) radio.Reason {
	if len(d.held) > 0 {
		return radio.ReasonPriority
	}
	if d.stream == nil || d.closing {
		if d.troubled {
			return radio.ReasonOutput
		}
		return radio.ReasonLate
	}
	begin := max(d.Clock.WallToMono(d.due(e.Airing)), d.Clock.Mono())
	for _, l := range d.live {
		// What waits for a time far off is no obstacle; the player keeps its order.
		ahead := l.phase == waiting && l.origin >= begin+radio.SamplesDuration(e.Samples)-slack
		pending := l.cut || l.parking || l.phase == waiting && l.held == radio.ReasonPriority
		switch {
		case outranks(e.Airing, l.Airing):
			// It cuts that, or goes before it.
		case pending:
			return radio.ReasonPriority
		case l.end() <= begin+slack || ahead:
		case d.slipped(l.Airing) > 0 || l.cuts > 0 || outranks(l.Airing, e.Airing):
			return radio.ReasonPriority
		default:
			return radio.ReasonOverlap
		}
	}
	return radio.NoReason
}

// conclude gives an airing that did not sound its result.
func (d *desk) conclude(e entry, outcome radio.Outcome, reason radio.Reason) {
	d.see(e.Airing, d.lastWall)
	d.log.Info("airing", "airing", string(e.ID), "title", e.Title, "outcome", string(outcome), "reason", string(reason))
	c := confirmation(e, outcome, reason)
	if audio, ok := e.prog.Find(e.Bulletin, e.Version); ok {
		r, _ := audio.Rendition(d.kbps)
		c.SHA256 = r.SHA256
	}
	d.caps.count(c)
	d.book.later(radio.Record{Kind: radio.RecordResult, Result: &c})
}

func confirmation(e entry, outcome radio.Outcome, reason radio.Reason) radio.Confirmation {
	return radio.Confirmation{
		ID: e.ID, Origin: radio.FromSchedule, Key: e.AiringKey, Start: radio.At(e.Start()),
		Revision: e.prog.Revision, Priority: e.Priority, Bulletin: e.Bulletin, Version: e.Version, Instead: e.Instead,
		Outcome: outcome, Reason: reason, Expected: e.Samples,
	}
}

// admit writes the airing down, then hands it over. From here on it is begun: the
// record is on disk before anything sounds (design §3).
func (d *desk) admit(ctx context.Context, e entry) {
	r, _ := d.rendition(e.Airing)
	d.see(e.Airing, d.lastWall)
	d.book.write(ctx, radio.Record{Kind: radio.RecordAiring, Airing: &radio.AiringRecord{
		ID: e.ID, Origin: radio.FromSchedule, Key: e.AiringKey, Start: radio.At(e.Start()),
		Samples: e.Samples, SHA256: r.SHA256, Revision: e.prog.Revision,
	}})
	l := &live{entry: e, rendition: r, origin: d.Clock.WallToMono(d.due(e.Airing)),
		troubled: e.held == radio.ReasonOutput}
	d.live = append(d.live, l)
	d.handOver(ctx, l)
}
