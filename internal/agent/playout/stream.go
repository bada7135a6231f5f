package playout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// openWithin bounds the opening of an output.
const openWithin = 15 * time.Second

// backoff between two starts of the player: sound is back within 5 s of a trouble
// that has passed, of which a new device takes up to 4 s to run evenly.
var backoff = []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond, time.Second}

// streamState is what the desk knows of the player.
type streamState struct {
	stream  Stream // nil: none
	info    StreamInfo
	closing bool  // told to go: nothing more is handed over
	killed  error // why we ended it
	sounded int64 // samples of the item heard of last; a healthy stream makes sound

	opening  bool
	opened   chan opening // holds one
	cancel   context.CancelFunc
	failures int
	troubled bool          // the output failed and has not sounded since
	retryAt  time.Duration // on Mono

	output radio.OutputStatus
}

type opening struct {
	stream Stream
	err    error
}

// events of the stream; nil, so never ready, when there is none.
func (d *desk) events() <-chan Event {
	if d.stream == nil {
		return nil
	}
	return d.stream.Events()
}

// manageStream opens a stream when one is wanted and lets it go when none is.
func (d *desk) manageStream(ctx context.Context, wanted bool, soon func(time.Time)) {
	mono := d.Clock.Mono()
	kept := d.powered()
	for _, l := range d.live {
		if len(d.held) > 0 && l.phase == waiting {
			continue // it waits for an alert, which has a stream of its own accord
		}
		// What waits keeps its place on a stream only while it can be handed over.
		if l.phase == waiting && l.origin > mono {
			soon(d.Clock.Now().Add(l.origin - mono))
		}
		wanted = wanted || l.phase != waiting || !d.blind && l.origin-warmUp <= mono
	}
	switch {
	case wanted && d.stream == nil && !d.opening:
		if mono < d.retryAt {
			soon(d.Clock.Now().Add(d.retryAt - mono))
			return
		}
		d.open(ctx)
	case !wanted && !kept && d.stream != nil && !d.closing:
		d.closing = true
		if err := d.stream.Close(); err != nil {
			d.kill(err)
		}
	}
}

func (d *desk) open(ctx context.Context) {
	ctx, d.cancel = context.WithTimeout(ctx, openWithin)
	d.opening = true
	d.beside.Go(func() {
		s, err := d.Player.Open(ctx)
		d.opened <- opening{s, err}
	})
}

func (d *desk) onOpened(ctx context.Context, o opening) {
	d.opening = false
	d.cancel()
	if o.err != nil {
		d.trouble(ctx, fmt.Errorf("open the output: %w", o.err))
		return
	}
	d.stream, d.info, d.closing, d.killed, d.sounded = o.stream, o.stream.Info(), false, nil, 0
	d.output = radio.OutputStatus{Driver: d.info.Driver, Device: d.info.Device, State: "open"}
}

// trouble notes that the output failed and when to try again.
func (d *desk) trouble(ctx context.Context, err error) {
	d.log.Warn("output failed", "error", err, "failures", d.failures+1)
	d.retryAt = d.Clock.Mono() + backoff[min(d.failures, len(backoff)-1)]
	d.failures++
	d.troubled = true
	d.output.State, d.output.Error = "failed", err.Error()
	d.Faults.Raise(ctx, FaultOutput, err.Error())
}

// kill ends a stream that cannot be trusted any more; its events then close.
func (d *desk) kill(why error) {
	if d.stream == nil || d.killed != nil {
		return
	}
	d.killed, d.closing = why, true
	if err := d.stream.Kill(); err != nil {
		d.log.Warn("player was not killed", "error", err)
	}
}

// onEvent takes one word from the player; ok is false when it is gone.
func (d *desk) onEvent(ctx context.Context, e Event, ok bool) {
	if !ok {
		d.onGone(ctx)
		return
	}
	if d.onTone(ctx, e) {
		return
	}
	l := d.byID(e.ID)
	if l == nil {
		return // its result is written already
	}
	mono := d.Clock.Mono()
	at := d.Clock.Now()
	if e.At > 0 {
		at = at.Add(e.At - mono)
	}
	l.heard, l.lastAt = mono, at
	if e.Skipped > 0 {
		l.late = e.Skipped
		l.joined = l.joined || l.base == 0 && !l.troubled
	}
	l.silent = max(l.silent, e.Silent)
	if l.round != nil {
		d.onRound(ctx, l, e)
		return
	}
	switch e.Kind {
	case Started:
		l.phase = sounding
		if l.startedAt.IsZero() {
			l.startedAt = at
		}
		if l.cuts > 0 && e.At > 0 {
			// Those behind it follow it where it sounds, not where it was to sound.
			l.origin = e.At - radio.SamplesDuration(l.from+l.late)
			d.follow(l)
		}
	case Progress:
		l.consumed = max(l.consumed, e.Consumed)
		d.healthy(ctx, l.consumed)
		if l.consumed > 0 && (l.checkpoint == 0 || mono-l.checkpoint >= checkpointEvery) {
			l.checkpoint = mono
			d.book.checkpoint(ctx, l.ID, l.base+l.counted())
		}
	case Ended:
		l.consumed = max(l.consumed, e.Consumed)
		d.healthy(ctx, l.consumed)
		d.onEnded(ctx, l, e)
	}
}

func (d *desk) onEnded(ctx context.Context, l *live, e Event) {
	if e.Text != "" {
		d.log.Warn("item ended", "airing", string(l.ID), "ending", string(e.Ending), "why", e.Text)
	}
	switch {
	case e.Ending == radio.EndStopped && l.stopping != "":
		d.finish(ctx, l, l.stopping)
	case e.Ending == radio.EndStopped && l.parking:
		l.parked()
	case e.Ending == radio.EndAudio && l.startedAt.IsZero() && l.retries < maxRetries:
		// It was damaged in the cache, which has dropped it; it may be here again in time.
		l.retries++
		l.rest()
	case e.Ending == radio.EndStopped && (l.cuts > 0 || len(d.held) > 0 && !l.startedAt.IsZero()):
		l.parked() // taken back, but some of it has sounded
	case e.Ending == radio.EndStopped:
		l.rest() // taken back, or swept along when another was
	default:
		d.finish(ctx, l, e.Ending)
	}
}

// onGone: the child has exited, as asked or not. What it held goes on with the next.
func (d *desk) onGone(ctx context.Context) {
	err := d.stream.Err()
	if d.killed != nil {
		err = d.killed
	}
	expected := d.closing && err == nil
	d.stream, d.closing, d.killed = nil, false, nil
	d.roundGone()
	d.toneGone(ctx)
	for _, l := range append([]*live(nil), d.live...) {
		if l.phase == waiting {
			continue
		}
		if l.stopping != "" {
			d.finish(ctx, l, l.stopping)
			continue
		}
		if l.parking {
			l.parked()
			continue
		}
		l.troubled = true
		l.rest()
	}
	if expected {
		d.output.State = "idle"
		return
	}
	if err == nil {
		err = errors.New("the player exited unasked")
	}
	d.trouble(ctx, err)
}

// healthy closes the trouble once there has been sound again.
func (d *desk) healthy(ctx context.Context, consumed int64) {
	if d.sounded = max(d.sounded, consumed); d.troubled && d.sounded >= radio.DurationSamples(healthyAfter) {
		d.troubled, d.failures = false, 0
		d.output.State, d.output.Error = "open", ""
		d.Faults.Clear(ctx, FaultOutput)
	}
}

// watchStream kills a player that says nothing about what it should be playing.
func (d *desk) watchStream(soon func(time.Time)) {
	if d.stream == nil || d.killed != nil {
		return
	}
	mono := d.Clock.Mono()
	for _, l := range d.playing() {
		if l.phase == waiting {
			continue
		}
		last := l.heard
		if l.phase == armed && l.stopping == "" && !l.rearm {
			last = max(last, l.at)
		}
		if mono-last >= stallAfter {
			d.kill(errStalled)
			return
		}
		soon(d.Clock.Now().Add(last + stallAfter - mono))
		return // those behind it have to wait for it
	}
}

func (d *desk) byID(id radio.AiringID) *live {
	for _, l := range d.playing() {
		if l.ID == id {
			return l
		}
	}
	return nil
}

// closeStream leaves no child behind: asked to go, then killed.
func (d *desk) closeStream(ctx context.Context) {
	if d.opening {
		d.cancel()
		if o := <-d.opened; o.stream != nil {
			d.stream = o.stream
		}
	}
	d.beside.Wait()
	if d.stream == nil {
		return
	}
	if err := d.stream.Close(); err != nil {
		d.log.Warn("player was not closed", "error", err)
	}
	for {
		select {
		case _, ok := <-d.stream.Events():
			if !ok {
				d.stream = nil
				return
			}
			continue
		case <-ctx.Done():
		}
		break
	}
	d.killed = nil
	d.kill(ctx.Err())
	for range d.stream.Events() { // until the child is gone
	}
	d.stream = nil
}
