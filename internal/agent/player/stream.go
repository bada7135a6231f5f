package player

import (
	"context"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"loaxa/internal/agent/output"
	"loaxa/internal/radio"
)

const (
	block = radio.SampleRate / 50 // 20 ms
	// fadeSamples: 10 ms hide the click of a cut.
	fadeSamples = radio.SampleRate / 100
	// An item up to joinBeyond late plays whole.
	joinBeyond = radio.SampleRate / 4
	// An item due so soon after the one before follows it without a gap.
	touching = radio.SampleRate / 10
	// A boundary is fixed to a sample so long before it.
	fixBoundary = radio.SampleRate
	// patience with audio that does not come while its item sounds, and before: a
	// long file that is joined late is read and hashed to that place first.
	patience      = 5 * radio.SampleRate
	firstPatience = 15 * radio.SampleRate
	// shortPatience when it keeps from sounding what is due behind it.
	shortPatience = radio.SampleRate * 8 / 10
	// longSilence in an item's samples is told.
	longSilence = 3 * radio.SampleRate
	// silentPeak: below −80 dBFS.
	silentPeak = 3
)

// track is one item in the stream. Its fields belong to the stream's lock.
type track struct {
	seq    int
	item   Item
	feed   *feed
	pcm    *pcm
	cancel context.CancelFunc
	gain   glide

	placed  bool
	start   int64 // stream sample of its first
	skipped int64
	given   int64 // samples put into the stream
	waited  int64 // samples of silence put in because audio was late
	holes   int
	starved int   // of the device when it was placed
	endBy   int64 // stream sample, once fixed
	fade    int64 // samples left of a fade out, with stopping
	stop    bool
	cut     int64 // samples left of a fade out before a break in its audio
	dried   bool  // there is such a break
	rises   bool  // begins, or goes on after a break, with a fade in
	risen   int64 // samples of that
	quiet   int64 // samples of digital silence up to now
	silent  int64 // samples in long stretches of it

	ended   bool
	end     int64 // stream sample after its last
	reason  Reason
	text    string
	started bool // told

	prepared bool // its decoder runs
}

// stream lays items into one endless row of samples. The mixer goroutine calls run;
// the reader of frames and the reporter call the rest.
type stream struct {
	out output.Output
	// prepare starts the decoder of an item, once; called under mu.
	prepare func(*track)
	// moved, which holds one, is signalled after each block: whoever has something to do
	// now and then does it while the processor is awake.
	moved chan struct{}

	mu      sync.Mutex
	est     estimate
	written int64
	queue   []*track // not ended; the first may be sounding
	marks   []*track // placed or ended, not yet told as ended
	closing bool     // end once the queue is empty
	last    int64    // stream sample after the last item's end, 0 for none
}

// add queues an item.
func (s *stream) add(t *track) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.gain = glide{now: factor(t.item.GainDB)}
	s.queue = append(s.queue, t)
}

// stop fades an item that sounds and drops one that waits; 0 means all of them.
func (s *stream) stop(seq int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.queue {
		switch {
		case seq != 0 && t.seq != seq:
		case !t.placed:
			s.finish(t, s.written, Stopped, "")
		case !t.stop:
			t.stop, t.fade = true, fadeSamples
		}
	}
	s.prune()
}

// finishUp lets the stream end after the last item.
func (s *stream) finishUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
}

// run mixes until the stream has ended, ctx ends or the device fails.
func (s *stream) run(ctx context.Context) error {
	buf := make([]int16, block)
	for {
		if !s.fill(buf) {
			return nil
		}
		if err := s.out.Write(ctx, buf); err != nil {
			return err
		}
		p, err := s.out.Progress()
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.written += block
		s.est.add(p)
		s.mu.Unlock()
		select {
		case s.moved <- struct{}{}:
		default:
		}
	}
}

// beyond says whether more was written than the device has taken.
func (s *stream) beyond(consumed int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written > consumed
}

// seen is told how far the device is, besides what run sees itself.
func (s *stream) seen(p output.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.est.add(p)
}

// fill mixes the next block; false when the stream has ended.
func (s *stream) fill(buf []int16) bool {
	clear(buf)
	info := s.out.Info()
	p, _ := s.out.Progress() // run sees the error after its Write
	s.mu.Lock()
	defer s.mu.Unlock()
	for pos := 0; pos < len(buf); {
		s.prune()
		if len(s.queue) == 0 {
			return pos > 0 || !s.closing
		}
		for _, t := range s.queue[:min(len(s.queue), 2)] {
			s.prepare(t)
		}
		t := s.queue[0]
		now := moment{at: s.written + int64(pos), left: len(buf) - pos, latency: info.Latency, device: p}
		var n int
		if !t.placed {
			n = s.place(t, now)
		} else {
			n = s.play(t, buf[pos:], now)
		}
		pos += n
	}
	return true
}

// moment of mixing.
type moment struct {
	at      int64 // stream sample
	left    int   // samples in the block
	latency time.Duration
	device  output.Progress
}

// place decides whether the item begins in this block, and gives the number of
// silent samples before anything can change.
func (s *stream) place(t *track, m moment) int {
	if t.item.EndBy > 0 && s.boundary(t, m) <= m.at {
		s.finish(t, m.at, Boundary, "")
		return 0
	}
	var skip int64
	if t.item.Start > 0 {
		due, sane := s.est.index(t.item.Start, m.latency)
		switch early := due - m.at; {
		case !sane && (early > -joinBeyond || !s.est.rough):
			return m.left
		case early > 0 && (m.at != s.last || early > touching):
			return int(min(early, int64(m.left)))
		case -early > joinBeyond:
			// In time, not in samples of this crystal.
			sounds, _ := s.est.at(m.at, m.latency)
			skip = max(radio.DurationSamples(sounds-t.item.Start), 0)
		}
	}
	if skip >= t.item.Expected() {
		s.finish(t, m.at, Passed, "")
		return 0
	}
	next, ready, err := t.pcm.ready(t.item.first() + skip)
	switch {
	case err != nil:
		s.finishErr(t, m.at, err)
		return 0
	case !ready && (t.waited > firstPatience || t.waited > shortPatience && s.obstructs(m)):
		s.finish(t, m.at, Source, "its audio did not come")
		return 0
	case !ready:
		t.waited += int64(m.left)
		return m.left
	case next > t.item.first()+skip: // its decoder has walked a little further
		return int(min(next-t.item.first()-skip, int64(m.left)))
	}
	t.placed, t.start, t.skipped, t.starved, t.waited = true, m.at, skip, m.device.Starved, 0
	t.rises = skip > 0 || t.item.SkipFrames > 0
	s.marks = append(s.marks, t)
	return 0
}

// obstructs says whether what is behind the first of the queue should sound by now.
func (s *stream) obstructs(m moment) bool {
	if len(s.queue) < 2 {
		return false
	}
	next := s.queue[1].item.Start
	due, _ := s.est.index(next, m.latency)
	return next == 0 || due <= m.at
}

// boundary is the stream sample at which the item must be silent. Without a sane
// line the device's last progress has to do: a boundary is never left out.
func (s *stream) boundary(t *track, m moment) int64 {
	if t.endBy > 0 {
		return t.endBy
	}
	end, sane := s.est.index(t.item.EndBy, m.latency)
	if !sane {
		end = m.device.Consumed + radio.DurationSamples(t.item.EndBy-m.latency-m.device.At)
	}
	if t.placed && end-m.at <= fixBoundary {
		t.endBy = end
	}
	return end
}

// play puts samples of a sounding item into dst and gives how many.
func (s *stream) play(t *track, dst []int16, m moment) int {
	left := int64(math.MaxInt64) // until it must be silent
	if t.item.EndBy > 0 {
		left = s.boundary(t, m) - m.at
	}
	reason := Boundary
	if t.stop && t.fade <= left {
		left, reason = t.fade, Stopped
	}
	if left <= 0 {
		s.finish(t, m.at, reason, "")
		return 0
	}
	n, err := t.take(dst[:min(int64(len(dst)), left)])
	if n == 0 {
		return s.dry(t, m, err)
	}
	t.listen(dst[:n])
	if t.cut > 0 {
		left = min(left, t.cut)
		t.cut -= int64(n)
	}
	t.shape(dst[:n], left)
	t.given += int64(n)
	t.risen += int64(n)
	t.fade -= int64(n)
	return n
}

// take gets the item's next samples. When none follow those that are there, they are
// the fade out before a break.
func (t *track) take(dst []int16) (int, error) {
	there, over := t.pcm.waiting()
	if t.dried && there < refill && !over {
		return 0, nil
	}
	t.dried = false
	if t.cut == 0 {
		if n, err := t.pcm.take(dst, false); n > 0 || there == 0 {
			return n, err
		}
		t.cut = int64(min(there, fadeSamples))
	}
	return t.pcm.take(dst[:min(int64(len(dst)), t.cut)], true)
}

// listen counts long stretches of digital silence. A block is far shorter than one of
// those, so only its two ends matter, and sound is seldom silent there.
func (t *track) listen(pcm []int16) {
	first := 0
	for first < len(pcm) && silent(pcm[first]) {
		first++
	}
	t.quiet += int64(first)
	if first == len(pcm) {
		return
	}
	if t.quiet > longSilence {
		t.silent += t.quiet
	}
	last := len(pcm) - 1
	for silent(pcm[last]) {
		last--
	}
	t.quiet = int64(len(pcm) - 1 - last)
}

func silent(v int16) bool { return v >= -silentPeak && v <= silentPeak }

// silence is how many of its samples so far belong to such stretches.
func (t *track) silence() int64 {
	if t.quiet > longSilence {
		return t.silent + t.quiet
	}
	return t.silent
}

// shape applies gain and fades to samples of which the first has left samples to its
// silent end. Most of the time there is nothing to do, or one gain for all of them.
func (t *track) shape(dst []int16, left int64) {
	rising := t.rises && t.risen < fadeSamples
	if t.gain.left == 0 && !rising && left > int64(len(dst))+fadeSamples {
		t.gain.apply(dst)
		return
	}
	for i, v := range dst {
		g := t.gain.next() * ramp(left-int64(i)-1)
		if rising {
			g *= ramp(t.risen + int64(i))
		}
		dst[i] = saturate(float64(v) * g)
	}
}

// dry: no samples. At its end the item ends and the next follows in the same block;
// otherwise there is a hole.
func (s *stream) dry(t *track, m moment, err error) int {
	switch {
	case err == io.EOF:
		s.finish(t, m.at, Complete, "")
		return 0
	case err != nil:
		s.finishErr(t, m.at, err)
		return 0
	case t.stop:
		s.finish(t, m.at, Stopped, "")
		return 0
	case t.waited > patience || t.waited > shortPatience && s.obstructs(m):
		s.finish(t, m.at, Source, "its audio came too slowly")
		return 0
	}
	if !t.dried {
		t.holes++
		t.dried, t.rises, t.risen = true, true, 0
	}
	t.waited += int64(m.left)
	return m.left
}

func (s *stream) finishErr(t *track, at int64, err error) {
	switch {
	case err == io.EOF: // ended before its first sample was needed
		s.finish(t, at, Passed, "")
	case isSource(err):
		s.finish(t, at, Source, err.Error())
	default:
		s.finish(t, at, Decode, err.Error())
	}
}

// finish ends an item at a stream sample; the caller holds mu.
func (s *stream) finish(t *track, at int64, reason Reason, text string) {
	if t.ended {
		return
	}
	t.ended, t.reason, t.text = true, reason, text
	if t.placed {
		t.end, s.last = at, at
	} else { // told at once, there is nothing to sound first
		s.marks = append(s.marks, t)
	}
	t.cancel()
}

// prune forgets the ended in the queue; the caller holds mu.
func (s *stream) prune() {
	s.queue = slices.DeleteFunc(s.queue, func(t *track) bool { return t.ended })
}

// ramp is the factor of a fade with k samples to its silent end: 1 far from it.
func ramp(k int64) float64 {
	if k >= fadeSamples {
		return 1
	}
	return float64(k) / fadeSamples
}

// saturate rounds half away from zero, as math.Round does, which takes several times
// longer. No gain carries a sample out of an int32.
func saturate(v float64) int16 {
	// The largest number below a half: a half itself would carry the one below it to one.
	const half = 0.5 - 1.0/(1<<54)
	n := int32(v + math.Copysign(half, v))
	return int16(max(min(n, math.MaxInt16), math.MinInt16))
}
