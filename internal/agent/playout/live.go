package playout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// phase of an airing that was begun.
type phase int

const (
	waiting  phase = iota // for the player: not handed over yet, or back from a dead one
	armed                 // handed over, no sample has left
	sounding              // Started was seen
)

// live is one airing that was begun: its record is written.
type live struct {
	entry
	rendition radio.Rendition
	phase     phase
	// origin is where on Mono its sample 0 belongs; joining and going on after the
	// player's death keep to it.
	origin  time.Duration
	gain    float64 // with the volume
	ownGain float64 // the policy's, and the item's own

	// Of the present player:
	from     int64         // sample it begins with
	at       time.Duration // instant of that sample
	endBy    time.Duration
	late     int64 // left out by the player itself, to join in time
	consumed int64
	silent   int64         // of those, digital silence
	heard    time.Duration // Mono when the player last spoke of it

	// Of all players:
	base       int64 // consumed by those that are gone
	baseSilent int64
	reached    int64 // sample after the last that sounded
	skipped    int64 // samples left out
	checkpoint time.Duration
	startedAt  time.Time
	lastAt     time.Time    // when the player's last word of it was measured
	joined     bool         // it began inside
	troubled   bool         // a player died under it
	retries    int          // after audio that could not be read
	rearm      bool         // taken back to be placed anew
	stopping   radio.Ending // it was told to stop, for this reason

	// Of interruptions:
	cutAt   time.Duration // on Mono: it is told to stop then, or was
	parking bool          // told to stop, to go on later
	cut     bool          // stopped, and waits to go on
	cuts    int
	again   int64  // samples at the beginning of this part that have sounded before
	round   *round // it is a sound of an alert, and no airing of its own
}

// counted is what this part has added to what sounded: nothing counts twice.
func (l *live) counted() int64 { return max(l.consumed-l.again, 0) }

// levelling is the gain that its audio is to have by the programme.
func (l *live) levelling() float64 {
	if l.prog == nil {
		return 0
	}
	audio, _ := l.prog.Find(l.Bulletin, l.Version)
	return audio.GainDB
}

// maxRetries of audio that turns out damaged each time.
const maxRetries = 3

// end is where on Mono it will be over.
func (l *live) end() time.Duration {
	if l.phase == sounding {
		end := l.heard + radio.SamplesDuration(max(l.Samples-l.from-l.late-l.consumed, 0))
		if l.cutAt > 0 {
			end = min(end, l.cutAt)
		}
		return end
	}
	return l.origin + radio.SamplesDuration(l.Samples)
}

// rest takes it back from a player, with what that one has played.
func (l *live) rest() {
	l.base += l.counted()
	l.baseSilent += l.silent
	l.reached = max(l.reached, l.from+l.late+l.consumed)
	l.skipped += l.late
	l.late, l.consumed, l.silent, l.again, l.phase, l.rearm = 0, 0, 0, 0, waiting, false
	l.cutAt, l.parking = 0, false
}

// handOver gives a waiting airing to the player, at its place. This is the last
// moment before the output: approval and policy are asked once more.
func (d *desk) handOver(ctx context.Context, l *live) {
	warm, ok := d.warm(l.origin)
	if !ok {
		return // the switch is thrown; it waits for that
	}
	skip, ok := d.place(l, warm)
	if l.cut {
		skip, ok = rewound(l), true
	}
	if !ok {
		d.abandon(ctx, l)
		return
	}
	if err := d.proven(l); err != nil {
		d.log.Warn("what was begun is not approved any more", "airing", string(l.ID), "title", l.Title, "error", err)
		d.finish(ctx, l, radio.EndUnproven)
		return
	}
	from := position(l.rendition, skip)
	mono, now := d.Clock.Mono(), d.Clock.Now()
	at := l.origin + radio.SamplesDuration(from)
	start := now.Add(max(at-mono, 0))
	permitted, until := d.permits(start, now.Add(l.origin+radio.SamplesDuration(l.Samples)-mono))
	if !permitted {
		why := radio.EndPolicy
		if d.slipped(l.Airing) > 0 {
			why = d.pushed(l.Airing) // it no longer fits
		}
		d.finish(ctx, l, why)
		return
	}
	// What has begun within the caps plays whole.
	if l.startedAt.IsZero() && d.capped(l.Airing, l.Samples-from, l) {
		d.finish(ctx, l, radio.EndPolicy)
		return
	}
	audio, err := d.Audio.Open(l.rendition.SHA256)
	if err != nil {
		d.log.Error("audio cannot be opened", "airing", string(l.ID), "sha256", string(l.rendition.SHA256), "error", err)
		if l.retries++; mono < l.origin && l.retries <= maxRetries {
			return // it waits for the audio to be fetched again
		}
		d.finish(ctx, l, radio.EndAudio)
		return
	}
	l.ownGain, l.endBy = d.hours.GainDB(start)+l.levelling(), d.Clock.WallToMono(until)
	l.gain = d.loud(l.ownGain)
	place := at
	if free := max(mono, d.busyUntil(l)); skip == 0 && at+directly < free {
		at, place = free, 0 // whole, a little late
	}
	if at < warm {
		at, place = warm, warm
	}
	if l.cut && warm <= mono {
		place = 0 // as soon as it can: nothing more of it may get lost
	}
	err = d.stream.Play(Item{ID: l.ID, Rendition: l.rendition, SkipFrames: skip, At: place,
		EndBy: l.endBy, GainDB: l.gain, Audio: audio})
	if err != nil {
		d.kill(fmt.Errorf("hand an item to the player: %w", err))
		return
	}
	l.joined = l.joined || from > 0 && l.startedAt.IsZero() && !l.troubled
	l.skipped += max(from-l.reached, 0)
	l.again, l.cut = max(l.reached-from, 0), false
	l.phase, l.from, l.at, l.heard = armed, from, at, mono
}

// busyUntil is when what the player holds before l will be over.
func (d *desk) busyUntil(l *live) time.Duration {
	var until time.Duration
	for _, o := range d.playing() {
		if o != l && o.phase != waiting && !o.rearm {
			until = max(until, o.end())
		}
	}
	return until
}

// place says how many frames to leave out so that the airing goes on where it
// would be by now, or by the time the amplifier is warm; ok is false when it is too
// late for that.
func (d *desk) place(l *live, warm time.Duration) (skip int, ok bool) {
	late := d.Clock.Mono() - l.origin
	switch {
	case !l.startedAt.IsZero(): // it has sounded already, and goes on
	case max(late, warm-l.origin) <= slack:
		return 0, true
	case late > max(l.Grace, slack) && !l.troubled:
		return 0, false
	}
	// Whole frames, upwards: the decoder joins at a frame without a click.
	wanted := max(radio.DurationSamples(max(late+joinLead, warm-l.origin)), l.reached)
	skip = int((wanted + int64(l.rendition.Head) + radio.FrameSamples - 1) / radio.FrameSamples)
	return skip, skip < l.rendition.Frames && position(l.rendition, skip) < l.Samples
}

// position is the first sample that sounds when so many frames are left out.
func position(r radio.Rendition, skip int) int64 {
	return max(int64(skip)*radio.FrameSamples-int64(r.Head), 0)
}

// abandon ends an airing whose time has run out while it waited.
func (d *desk) abandon(ctx context.Context, l *live) {
	if l.base > 0 || l.troubled || d.troubled {
		d.finish(ctx, l, radio.EndOutput)
		return
	}
	l.joined = true // nothing of it sounded, because it was late
	d.finish(ctx, l, radio.EndComplete)
}

// resume hands over again what waits: taken back, or left by a dead player.
func (d *desk) resume(ctx context.Context, soon func(time.Time)) {
	for _, l := range append([]*live(nil), d.live...) {
		if l.phase != waiting {
			continue
		}
		if l.startedAt.IsZero() {
			l.origin = d.Clock.WallToMono(d.due(l.Airing)) // nothing has sounded: a clock step moves it
		}
		mono := d.Clock.Mono()
		over := l.origin + radio.SamplesDuration(l.Samples)
		in := func(at time.Duration) { soon(d.Clock.Now().Add(at - mono)) }
		switch {
		case l.stopping != "":
			d.finish(ctx, l, l.stopping)
		case d.obstructed(l):
			d.wait(ctx, l, soon)
		case l.cut:
			d.goOn(ctx, l, soon)
		case l.held == radio.ReasonPriority && mono > l.origin && l.startedAt.IsZero():
			d.catchUp(ctx, l, soon)
		case mono >= over:
			d.abandon(ctx, l)
		case l.origin-lead > mono:
			in(l.origin - lead)
			if l.origin-warmUp > mono {
				in(l.origin - warmUp)
			}
		case !d.Audio.Ready(l.rendition.SHA256) && mono < l.origin:
			in(l.origin) // being fetched again
		case !d.Audio.Ready(l.rendition.SHA256):
			d.finish(ctx, l, radio.EndAudio)
		case d.stream == nil || d.closing:
			in(over)
		default:
			d.handOver(ctx, l)
		}
	}
}

// guard looks at what the player holds with the eyes of this moment: after a clock
// step or a new policy it may not sound any more, or not at that place.
func (d *desk) guard(now time.Time, soon func(time.Time)) {
	mono := d.Clock.Mono()
	for _, l := range d.live {
		if l.stopping != "" || l.rearm || l.parking || l.phase == waiting {
			continue
		}
		moved := d.Clock.WallToMono(d.due(l.Airing)) - l.origin
		if l.phase == armed && l.from == 0 && l.startedAt.IsZero() && moved.Abs() > moveable && l.at-mono > joinLead {
			d.takeBack(l)
			continue
		}
		// What is armed for the first moment of permitted hours lies with the player before.
		from := now
		if l.phase == armed {
			from = now.Add(max(l.at-mono, 0))
		}
		ok, until := d.permits(from, from)
		boundary := mono + until.Sub(now)
		switch over := l.end(); {
		case !ok:
			d.stop(l, radio.EndPolicy)
		case over <= boundary || l.endBy <= boundary+moveable:
			// Within, or the player fades it at that boundary.
		case l.phase == armed, boundary-fadeLead <= mono:
			d.stop(l, radio.EndPolicy)
		default:
			soon(until.Add(-fadeLead))
		}
	}
}

// directly: an item this much late is told to follow at once; what the player says
// of its progress is no more exact.
const directly = 150 * time.Millisecond

// moveable is the change of a place or boundary that is worth acting on.
const moveable = 100 * time.Millisecond

// recall takes back what has not begun to sound, because the clock is not trusted
// any more. What sounds goes on: its limits stand on Mono, which nobody sets.
func (d *desk) recall() {
	for _, l := range d.live {
		if l.phase == armed && l.stopping == "" && !l.rearm {
			d.takeBack(l)
		}
	}
}

func (d *desk) takeBack(l *live) {
	if l.rearm || d.stream == nil {
		return
	}
	l.rearm, l.heard = true, d.Clock.Mono()
	if err := d.stream.Stop(l.ID); err != nil {
		d.kill(err)
	}
}

// stop ends an airing early, for the reason given. Its Ended event brings the result.
func (d *desk) stop(l *live, why radio.Ending) {
	if l.stopping != "" {
		return
	}
	l.stopping = why
	if l.phase == waiting || d.stream == nil || l.rearm {
		return // resume, or the Ended that is on its way, finishes it
	}
	l.heard = d.Clock.Mono()
	if err := d.stream.Stop(l.ID); err != nil {
		d.kill(err)
	}
}

// finish writes the result of an airing that was begun.
func (d *desk) finish(ctx context.Context, l *live, ending radio.Ending) {
	d.live = without(d.live, l)
	if ending == radio.EndAudio || ending == radio.EndDecoder || ending == radio.EndUnproven {
		d.pull(l.Airing)
	}
	consumed := min(l.base+l.counted(), l.Samples)
	if ending == radio.EndComplete && l.troubled {
		ending = radio.EndOutput // complete only after a player died under it
	}
	outcome, reason := radio.Decide(l.Samples, consumed, l.joined, ending)
	if outcome == radio.Missed && reason == radio.ReasonLate {
		reason = d.absence(l.Airing) // it may have waited for a clock to trust
	}
	c := confirmation(l.entry, outcome, reason)
	c.SHA256, c.Consumed, c.GainDB, c.Interrupted = l.rendition.SHA256, consumed, l.gain, l.cuts
	c.SilenceMS = radio.SamplesDuration(l.baseSilent + l.silent).Milliseconds()
	c.Driver, c.Output, c.Proof = d.info.Driver, d.info.Device, d.info.Proof
	if !l.startedAt.IsZero() {
		c.StartedAt, c.EndedAt, c.Skipped = radio.At(l.startedAt), radio.At(l.lastAt), l.skipped+l.late
	}
	d.log.Info("airing", "airing", string(l.ID), "title", l.Title, "outcome", string(outcome),
		"reason", string(reason), "consumed", consumed, "expected", l.Samples)
	d.caps.count(c)
	d.book.write(ctx, radio.Record{Kind: radio.RecordResult, Result: &c})
}

func without(all []*live, l *live) []*live {
	var out []*live
	for _, o := range all {
		if o != l {
			out = append(out, o)
		}
	}
	return out
}

var errStalled = errors.New("no word from the player")
