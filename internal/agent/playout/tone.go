package playout

import (
	"context"
	"time"

	"loaxa/internal/radio"
)

// Tone is a test tone: one sound that announces itself. Open gives its bytes.
type Tone struct {
	ID        radio.AiringID
	Key       radio.AiringKey
	Title     string
	Rendition radio.Rendition
	Open      func() AudioReader
	// Began is told when its first sample has left, Ended how it came out. Neither may
	// wait for the desk.
	Began func()
	Ended func(radio.Confirmation)
}

const (
	// toneWithin is how long the output has to open for a tone.
	toneWithin = 20 * time.Second
	// toneClear is what must be free of planned sound behind a tone.
	toneClear = toneWithin + 5*time.Second
)

// tone under way. It is an airing of origin command, and outranks nothing.
type tone struct {
	Tone
	part     *live
	until    time.Duration // on Mono: the latest begin
	startAt  radio.Millis
	stopping radio.Ending
}

// Tone lets a test tone sound within the permitted hours, while nothing else sounds or
// is about to. A reason tells why it does not.
func (p *Playout) Tone(ctx context.Context, t Tone) (why radio.Reason, err error) {
	err = p.tell(ctx, func(ctx context.Context, d *desk) { why = d.beginTone(ctx, t) })
	return why, err
}

func (d *desk) beginTone(ctx context.Context, t Tone) radio.Reason {
	now, long := d.Clock.Now(), t.Rendition.Duration()
	switch {
	case d.alerted():
		return radio.ReasonPriority
	case d.tone != nil || d.held[byPause] || len(d.live) > 0:
		return radio.ReasonBusy
	case d.blind:
		return radio.ReasonClock // the permitted hours are not known
	}
	if ok, _ := d.permits(now, now.Add(toneWithin+long)); !ok {
		return radio.ReasonPolicy
	}
	for _, e := range d.agenda.list {
		due := d.due(e.Airing)
		if due.After(now.Add(long + toneClear)) {
			break
		}
		if e.Excluded == radio.NoReason && due.Add(radio.SamplesDuration(e.Samples)).After(now) {
			return radio.ReasonBusy
		}
	}
	part := &live{rendition: t.Rendition, entry: entry{Airing: radio.Airing{ID: t.ID, Samples: t.Rendition.Samples, Title: t.Title}}}
	d.tone = &tone{Tone: t, part: part, until: d.Clock.Mono() + toneWithin, startAt: radio.At(now)}
	d.book.write(ctx, radio.Record{Kind: radio.RecordAiring, Airing: &radio.AiringRecord{
		ID: t.ID, Origin: radio.FromCommand, Key: t.Key, Start: d.tone.startAt, Samples: t.Rendition.Samples, SHA256: t.Rendition.SHA256}})
	return radio.NoReason
}

// sayTone hands the tone to the player, and ends it when its time has run out or
// something with a better right begins. It says whether it wants a stream.
func (d *desk) sayTone(ctx context.Context, soon func(time.Time)) (wanted bool) {
	t := d.tone
	if t == nil {
		return false
	}
	mono := d.Clock.Mono()
	switch {
	case d.alerted() || len(d.live) > 0:
		d.endTone(ctx, radio.EndPriority)
		return d.tone != nil
	case t.part.phase != waiting || t.stopping != "":
		return true
	case mono > t.until:
		d.endTone(ctx, radio.EndOutput)
		return false
	}
	soon(d.Clock.Now().Add(t.until - mono + time.Millisecond))
	if d.stream == nil || d.closing {
		return true
	}
	// What it says of itself must not be lost to a relay.
	if warm, ok := d.warm(mono); !ok {
		return true
	} else if warm > mono {
		soon(d.Clock.Now().Add(warm - mono))
		return true
	}
	now := d.Clock.Now()
	ok, until := d.permits(now, now.Add(t.Rendition.Duration()))
	if !ok {
		d.endTone(ctx, radio.EndPolicy)
		return false
	}
	p := t.part
	p.ownGain = d.hours.GainDB(now)
	p.gain = d.loud(p.ownGain)
	err := d.stream.Play(Item{ID: t.ID, Rendition: t.Rendition, EndBy: d.Clock.WallToMono(until), GainDB: p.gain, Audio: t.Open()})
	if err != nil {
		d.kill(err)
		return true
	}
	p.phase, p.at, p.heard, p.origin = armed, mono, mono, mono
	return true
}

// onTone takes the player's word on the tone.
func (d *desk) onTone(ctx context.Context, e Event) bool {
	t := d.tone
	if t == nil || e.ID != t.ID {
		return false
	}
	p := t.part
	p.heard, p.lastAt = d.Clock.Mono(), d.Clock.Now()
	if e.At > 0 {
		p.lastAt = p.lastAt.Add(e.At - p.heard)
	}
	p.consumed = max(p.consumed, e.Consumed)
	p.silent = max(p.silent, e.Silent)
	switch e.Kind {
	case Started:
		p.phase, p.startedAt = sounding, p.lastAt
		t.Began()
	case Progress:
		d.healthy(ctx, p.consumed)
	case Ended:
		d.healthy(ctx, p.consumed)
		ending := e.Ending
		if ending == radio.EndStopped && t.stopping != "" {
			ending = t.stopping
		}
		d.finishTone(ctx, ending)
	}
	return true
}

// endTone ends it before its time.
func (d *desk) endTone(ctx context.Context, why radio.Ending) {
	t := d.tone
	if t == nil || t.stopping != "" {
		return
	}
	t.stopping = why
	if t.part.phase == waiting || d.stream == nil {
		d.finishTone(ctx, why)
		return
	}
	t.part.heard = d.Clock.Mono()
	if err := d.stream.Stop(t.ID); err != nil {
		d.kill(err)
	}
}

// toneGone: the player has died. A tone is not taken up again: what it was to show is
// known now.
func (d *desk) toneGone(ctx context.Context) {
	if d.tone != nil && d.tone.part.phase != waiting {
		ending := d.tone.stopping
		if ending == "" {
			ending = radio.EndOutput
		}
		d.finishTone(ctx, ending)
	}
}

// finishTone writes its result.
func (d *desk) finishTone(ctx context.Context, ending radio.Ending) {
	t, p := d.tone, d.tone.part
	d.tone = nil
	consumed := min(p.consumed, p.Samples)
	outcome, reason := radio.Decide(p.Samples, consumed, false, ending)
	c := radio.Confirmation{ID: t.ID, Origin: radio.FromCommand, Key: t.Key, Start: t.startAt, Priority: radio.Normal,
		SHA256: t.Rendition.SHA256, Outcome: outcome, Reason: reason, Expected: p.Samples, Consumed: consumed, GainDB: p.gain,
		SilenceMS: radio.SamplesDuration(p.silent).Milliseconds(),
		Driver:    d.info.Driver, Output: d.info.Device, Proof: d.info.Proof}
	if !p.startedAt.IsZero() {
		c.StartedAt, c.EndedAt = radio.At(p.startedAt), radio.At(p.lastAt)
	}
	d.log.Info("test tone", "airing", string(t.ID), "outcome", string(outcome), "reason", string(reason), "consumed", consumed)
	d.book.write(ctx, radio.Record{Kind: radio.RecordResult, Result: &c})
	t.Ended(c)
}

// toneSounding is for the status.
func (d *desk) toneSounding() *radio.SoundingStatus {
	if d.tone == nil || d.tone.part.startedAt.IsZero() {
		return nil
	}
	p := d.tone.part
	return &radio.SoundingStatus{ID: p.ID, Title: p.Title, Consumed: p.consumed, Samples: p.Samples}
}
