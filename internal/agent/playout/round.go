package playout

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// Alerts is the room that keeps the emergencies. Its word is obeyed at once, by any
// clock and outside all permitted hours: what it orders it has proven.
type Alerts interface {
	// Duty says what an alert wants now.
	Duty() radio.Duty
	// Began is told before the record of a cycle is written, so that a power cut never
	// makes the same cycle twice.
	Began(ctx context.Context, id radio.AiringID)
	// Sounded is told when the first sample of a cycle has left.
	Sounded(ctx context.Context, id radio.AiringID)
	// Ended is told how a cycle came out.
	Ended(ctx context.Context, c radio.Confirmation)
	// Why says how a cycle ends that Duty orders no more.
	Why(id radio.AiringID) radio.Ending
	// Changed is closed when Duty may answer otherwise.
	Changed() <-chan struct{}
}

// noAlerts is for a device that takes none (tools, tests).
type noAlerts struct{}

func (noAlerts) Duty() radio.Duty                          { return radio.Duty{} }
func (noAlerts) Began(context.Context, radio.AiringID)     {}
func (noAlerts) Sounded(context.Context, radio.AiringID)   {}
func (noAlerts) Ended(context.Context, radio.Confirmation) {}
func (noAlerts) Why(radio.AiringID) radio.Ending           { return radio.EndStopped }
func (noAlerts) Changed() <-chan struct{}                  { return nil }

// round is a cycle of an alert under way: its sounds, one behind the other in the
// player, count as one airing.
type round struct {
	radio.Cycle
	parts    []*live // not over yet
	all      int     // parts there ever were
	expected int64
	consumed int64 // by parts that are over
	silent   int64 // of those, digital silence
	voiced   bool  // the voice is among the parts
	started  bool  // its first part has sounded
	troubled bool  // the output failed under it, or has not sounded at all

	startedAt, lastAt time.Time
	checkpoint        time.Duration
	// stopping is why it is being ended early, cause what kept one of its parts from
	// sounding in full.
	stopping, cause radio.Ending
}

// alert obeys what the alerts want and says whether they want a stream.
func (d *desk) alert(ctx context.Context, soon func(time.Time)) (wanted bool) {
	duty := d.Alerts.Duty()
	if r := d.round; r != nil && (duty.Cycle == nil || duty.Cycle.ID != r.ID) {
		d.endRound(ctx, d.Alerts.Why(r.ID))
	}
	if duty.Hold || d.round != nil {
		d.interrupt(byAlert) // before anything is written: that takes its time
	} else {
		d.release(byAlert)
	}
	if d.round == nil && duty.Cycle != nil {
		d.beginRound(ctx, *duty.Cycle)
	}
	if d.round != nil {
		d.feedRound(ctx, soon)
	}
	d.power.alert = duty.Wake
	mono := d.Clock.Mono()
	for _, at := range []time.Duration{duty.Wake - warmUp, duty.Wake} {
		if at > mono {
			soon(d.Clock.Now().Add(at - mono))
		}
	}
	return d.round != nil || duty.Hold && duty.Wake > 0 && duty.Wake <= mono+warmUp
}

// beginRound writes a cycle down and makes its sounds ready for the player.
func (d *desk) beginRound(ctx context.Context, c radio.Cycle) {
	r := &round{Cycle: c}
	d.round = r
	for _, s := range c.Sounds {
		r.add(s)
	}
	d.addVoice()
	d.log.Warn("alert sounds", "airing", string(c.ID), "headline", c.Headline, "drill", c.Drill, "repeat", c.Key.Repeat)
	d.Alerts.Began(ctx, c.ID)
	rec := radio.AiringRecord{ID: c.ID, Origin: c.Origin, Key: c.Key, Start: c.At, Samples: r.expected}
	if len(r.parts) > 0 {
		rec.SHA256 = r.parts[0].rendition.SHA256
	}
	d.book.write(ctx, radio.Record{Kind: radio.RecordAiring, Airing: &rec})
}

// add puts a sound behind those there are.
func (r *round) add(s radio.Rendition) {
	r.all++
	r.expected += s.Samples
	sum := sha256.Sum256(fmt.Appendf(nil, "part %d of %s", r.all, r.ID))
	id := radio.IDFromBytes[radio.AiringID]([16]byte(sum[:16]))
	r.parts = append(r.parts, &live{rendition: s, round: r,
		entry: entry{Airing: radio.Airing{ID: id, Samples: s.Samples, Title: r.Headline}}})
}

// addVoice puts the voice behind the sounds once it is here.
func (d *desk) addVoice() {
	r := d.round
	if r.Voice == nil || r.voiced || r.stopping != "" || !d.Audio.Ready(r.Voice.SHA256) {
		return
	}
	r.voiced = true
	r.add(*r.Voice)
}

// feedRound hands the player what it does not hold yet, one behind the other.
func (d *desk) feedRound(ctx context.Context, soon func(time.Time)) {
	r := d.round
	d.addVoice()
	if d.stream == nil || d.closing {
		r.troubled = r.troubled || d.troubled
		if r.stopping != "" {
			d.finishRound(ctx, r.stopping)
		}
		return
	}
	// Handed over only when it can be heard: no head of a siren is lost to a relay.
	if mono := d.Clock.Mono(); r.stopping == "" && len(r.parts) > 0 {
		warm, ok := d.warm(mono)
		if !ok {
			return
		}
		if warm > mono {
			soon(d.Clock.Now().Add(warm - mono))
			return
		}
	}
	for _, p := range append([]*live(nil), r.parts...) {
		if p.phase != waiting || r.stopping != "" {
			continue
		}
		if r.Drill && !r.started && p != r.parts[0] {
			break // nothing of a drill before its announcement is heard
		}
		if !d.feedPart(p) {
			d.partOver(ctx, p, radio.EndAudio)
			if d.round == nil {
				return
			}
		}
	}
	if len(r.parts) == 0 {
		d.finishRound(ctx, "")
	}
}

// feedPart hands over one sound, as soon as it can sound; false when it cannot be read.
func (d *desk) feedPart(p *live) bool {
	audio, err := d.Audio.Open(p.rendition.SHA256)
	if err != nil {
		d.log.Error("sound of an alert cannot be opened", "sha256", string(p.rendition.SHA256), "error", err)
		return false
	}
	skip := 0
	if p.reached > 0 { // the player died under it
		skip = int((p.reached + int64(p.rendition.Head)) / radio.FrameSamples)
	}
	from, mono := position(p.rendition, skip), d.Clock.Mono()
	err = d.stream.Play(Item{ID: p.ID, Rendition: p.rendition, SkipFrames: skip, Audio: audio})
	if err != nil {
		d.kill(fmt.Errorf("hand a sound of an alert to the player: %w", err))
		return true
	}
	p.origin = max(mono, d.busyUntil(p)) - radio.SamplesDuration(from)
	p.phase, p.from, p.at, p.heard, p.again = armed, from, p.origin, mono, max(p.reached-from, 0)
	return true
}

// onRound takes the player's word on one sound of a cycle.
func (d *desk) onRound(ctx context.Context, p *live, e Event) {
	r := p.round
	r.lastAt = p.lastAt
	switch e.Kind {
	case Started:
		p.phase = sounding
		if !r.started {
			r.started, r.startedAt = true, p.lastAt
			d.Alerts.Sounded(ctx, r.ID)
		}
	case Progress:
		p.consumed = max(p.consumed, e.Consumed)
		d.healthy(ctx, p.consumed)
		if mono := d.Clock.Mono(); p.consumed > 0 && (r.checkpoint == 0 || mono-r.checkpoint >= checkpointEvery) {
			r.checkpoint = mono
			d.book.checkpoint(ctx, r.ID, r.sounded())
		}
	case Ended:
		p.consumed = max(p.consumed, e.Consumed)
		d.healthy(ctx, p.consumed)
		if e.Text != "" {
			d.log.Warn("sound of an alert ended", "airing", string(r.ID), "ending", string(e.Ending), "why", e.Text)
		}
		d.partOver(ctx, p, e.Ending)
		if d.round == r && len(r.parts) == 0 {
			d.finishRound(ctx, r.stopping)
		}
	}
}

// leave takes a sound that is over out of its cycle, with what it has given.
func (r *round) leave(p *live) {
	r.consumed += min(p.base+p.counted(), p.Samples)
	r.silent += p.baseSilent + p.silent
	r.parts = without(r.parts, p)
}

// sounded counts the samples of a cycle that the sink has taken.
func (r *round) sounded() int64 {
	n := r.consumed
	for _, p := range r.parts {
		n += min(p.base+p.counted(), p.Samples)
	}
	return n
}

// partOver takes a sound out of its cycle. One that could not sound is left out; of a
// drill that ends the whole, as long as the announcement is not over.
func (d *desk) partOver(ctx context.Context, p *live, ending radio.Ending) {
	r := p.round
	first := r.Drill && r.all-len(r.parts) == 0
	r.leave(p)
	switch ending {
	case radio.EndComplete, radio.EndStopped:
		return
	}
	r.cause = ending
	if first {
		d.endRound(ctx, ending)
	}
}

// endRound ends a cycle before its time.
func (d *desk) endRound(ctx context.Context, why radio.Ending) {
	r := d.round
	if r == nil || r.stopping != "" {
		return
	}
	if d.troubled && !r.started {
		why = radio.EndOutput
	}
	r.stopping = why
	for _, p := range append([]*live(nil), r.parts...) {
		if p.phase == waiting || d.stream == nil {
			r.leave(p)
			continue
		}
		p.heard = d.Clock.Mono()
		if err := d.stream.Stop(p.ID); err != nil {
			d.kill(err)
		}
	}
	if len(r.parts) == 0 {
		d.finishRound(ctx, why)
	}
}

// roundGone: the player has died; what it held goes on with the next one.
func (d *desk) roundGone() {
	if d.round == nil {
		return
	}
	for _, p := range d.round.parts {
		if p.phase != waiting {
			p.rest()
			d.round.troubled = true
		}
	}
}

// finishRound writes the result of a cycle.
func (d *desk) finishRound(ctx context.Context, ending radio.Ending) {
	r := d.round
	d.round = nil
	if r.Voice != nil && !r.voiced {
		// What the alert had to say was not said, however well the siren sounded.
		r.expected += r.Voice.Samples
		if r.cause == "" {
			r.cause = radio.EndAudio
		}
	}
	switch {
	case ending != "":
	case r.cause != "":
		ending = r.cause
	case r.troubled:
		ending = radio.EndOutput
	default:
		ending = radio.EndComplete
	}
	consumed := min(r.sounded(), r.expected)
	outcome, reason := radio.Decide(r.expected, consumed, false, ending)
	if r.Lacks > 0 && outcome == radio.Aired {
		outcome, reason = radio.Decide(r.expected, consumed, false, radio.EndLacking)
	}
	c := radio.Confirmation{ID: r.ID, Origin: r.Origin, Key: r.Key, Start: r.At, Priority: radio.Emergency,
		Outcome: outcome, Reason: reason, Expected: r.expected, Consumed: consumed,
		Driver: d.info.Driver, Output: d.info.Device, Proof: d.info.Proof, SilenceMS: radio.SamplesDuration(min(r.mute(), consumed)).Milliseconds()}
	if r.started {
		c.StartedAt, c.EndedAt = radio.At(r.startedAt), radio.At(r.lastAt)
	}
	d.log.Warn("alert cycle over", "airing", string(r.ID), "headline", r.Headline, "outcome", string(outcome),
		"reason", string(reason), "consumed", consumed, "expected", r.expected)
	d.book.write(ctx, radio.Record{Kind: radio.RecordResult, Result: &c})
	d.Alerts.Ended(ctx, c)
}

// mute counts the samples of digital silence in a cycle's sounds.
func (r *round) mute() int64 {
	n := r.silent
	for _, p := range r.parts {
		n += p.baseSilent + p.silent
	}
	return n
}

// playing is everything the player may hold, in the order in which it was given.
func (d *desk) playing() []*live {
	if d.round == nil && d.tone == nil {
		return d.live
	}
	all := append([]*live(nil), d.live...)
	if d.tone != nil {
		all = append(all, d.tone.part)
	}
	if d.round != nil {
		all = append(all, d.round.parts...)
	}
	return all
}

// roundSounding is for the status.
func (d *desk) roundSounding() *radio.SoundingStatus {
	if d.round == nil || !d.round.started {
		return nil
	}
	return &radio.SoundingStatus{ID: d.round.ID, Title: d.round.Headline, Consumed: d.round.sounded(), Samples: d.round.expected}
}
