package playout_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"loaxa/internal/agent/playout"
	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// fakePlayer is a player made of the fake clock's Mono: it plays exactly at its
// place, and the test moves it on with tick.
type fakePlayer struct {
	mu      sync.Mutex
	clk     *clock.Fake
	stream  *fakeStream
	openErr error
	mute    bool // what it plays is digital silence
	opened  int
	sounds  []sound
	gains   []float64               // moved while something was with the player
	heard   func(id radio.AiringID) // called when an item begins to sound
}

// sound is one stretch that came out of the loudspeaker.
type sound struct {
	id       radio.AiringID
	wall     time.Time     // when it began
	skip     int           // frames
	mono     time.Duration // when it began
	consumed int64
	wallEnd  time.Time
}

func (p *fakePlayer) Open(context.Context) (playout.Stream, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened++
	if p.openErr != nil {
		return nil, p.openErr
	}
	if p.stream != nil {
		return nil, errors.New("two streams at once")
	}
	p.stream = &fakeStream{p: p, events: make(chan playout.Event, 10000)}
	return p.stream, nil
}

type fakeStream struct {
	p      *fakePlayer
	events chan playout.Event
	queue  []*fakeItem
	closed bool // asked to go
	hung   bool
	err    error
}

type fakeItem struct {
	playout.Item
	total    int64 // samples from SkipFrames on
	began    time.Duration
	playing  bool
	stopped  bool
	told     time.Duration
	index    int // in sounds
	decodeAt int64
	unread   bool // its audio cannot be read
}

func (s *fakeStream) Info() playout.StreamInfo {
	return playout.StreamInfo{Driver: "fake", Device: "loudspeaker", Proof: "consumed"}
}
func (s *fakeStream) Events() <-chan playout.Event { return s.events }
func (s *fakeStream) Err() error                   { return s.err }

func (s *fakeStream) Play(it playout.Item) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.p.stream != s || s.closed {
		return errors.New("stream is closed")
	}
	skipped := max(int64(it.SkipFrames)*radio.FrameSamples-int64(it.Rendition.Head), 0)
	s.queue = append(s.queue, &fakeItem{Item: it, total: it.Rendition.Samples - skipped})
	return it.Audio.Close()
}

func (s *fakeStream) Stop(id radio.AiringID) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	for _, it := range s.queue {
		if it.ID == id {
			it.stopped = true
		}
	}
	return nil
}

func (s *fakeStream) Gain(id radio.AiringID, db float64) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.gains = append(s.p.gains, db)
	for _, it := range s.queue {
		if it.ID == id {
			it.GainDB = db
		}
	}
	return nil
}

func (s *fakeStream) Close() error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.closed = true
	return nil
}

func (s *fakeStream) Kill() error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.die(errors.New("killed"))
	return nil
}

// die ends the process; mu is held.
func (s *fakeStream) die(err error) {
	if s.p.stream == s {
		s.p.stream, s.err = nil, err
		close(s.events)
	}
}

// crash kills the child from outside.
func (p *fakePlayer) crash(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream != nil {
		p.stream.die(errors.New(why))
	}
}

// hang makes the child say nothing any more.
func (p *fakePlayer) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream != nil {
		p.stream.hung = true
	}
}

func (p *fakePlayer) setOpenErr(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.openErr = err
}

// tick plays on to this moment.
func (p *fakePlayer) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stream
	if s == nil || s.hung {
		return
	}
	mono := p.clk.Mono()
	for len(s.queue) > 0 && s.play(s.queue[0], mono) {
		s.queue = s.queue[1:]
	}
	// What was taken back behind it ends too.
	s.queue = slices.DeleteFunc(s.queue, func(it *fakeItem) bool {
		if it.stopped && !it.playing {
			s.events <- playout.Event{Kind: playout.Ended, ID: it.ID, At: mono, Ending: radio.EndStopped}
			return true
		}
		return false
	})
	if s.closed && len(s.queue) == 0 {
		s.die(nil)
	}
}

// play moves the first item on and says whether it is over.
func (s *fakeStream) play(it *fakeItem, mono time.Duration) bool {
	over := func(ending radio.Ending, consumed int64) bool {
		if it.playing {
			snd := &s.p.sounds[it.index]
			snd.consumed, snd.wallEnd = consumed, s.p.clk.Now()
		}
		s.events <- playout.Event{Kind: playout.Ended, ID: it.ID, At: mono, Consumed: consumed, Silent: consumed * s.p.muted(), Ending: ending}
		return true
	}
	if !it.playing {
		switch {
		case it.stopped:
			return over(radio.EndStopped, 0)
		case it.unread:
			return over(radio.EndAudio, 0)
		case mono < it.At:
			return false
		}
		it.playing, it.began = true, mono
		it.index = len(s.p.sounds)
		s.p.sounds = append(s.p.sounds, sound{id: it.ID, wall: s.p.clk.Now(), mono: mono, skip: it.SkipFrames})
		s.events <- playout.Event{Kind: playout.Started, ID: it.ID, At: mono}
		if s.p.heard != nil {
			s.p.heard(it.ID)
		}
	}
	consumed := min(radio.DurationSamples(mono-it.began), it.total)
	s.p.sounds[it.index].consumed, s.p.sounds[it.index].wallEnd = consumed, s.p.clk.Now()
	switch {
	case consumed == it.total:
		return over(radio.EndComplete, consumed)
	case it.stopped:
		return over(radio.EndStopped, consumed)
	case it.EndBy > 0 && mono >= it.EndBy:
		return over(radio.EndPolicy, consumed)
	case it.decodeAt > 0 && consumed >= it.decodeAt:
		return over(radio.EndDecoder, consumed)
	}
	if mono-it.told >= 900*time.Millisecond {
		it.told = mono
		s.events <- playout.Event{Kind: playout.Progress, ID: it.ID, At: mono, Consumed: consumed, Silent: consumed * s.p.muted()}
	}
	return false
}

// muted is 1 when all that sounds is digital silence.
func (p *fakePlayer) muted() int64 {
	if p.mute {
		return 1
	}
	return 0
}

// busy says that something waits for its place or sounds.
func (p *fakePlayer) next() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream == nil || p.stream.hung || len(p.stream.queue) == 0 && !p.stream.closed {
		return 0, false
	}
	mono := p.clk.Mono()
	if len(p.stream.queue) == 0 {
		return mono, true // asked to go, with nothing left: it goes now
	}
	if slices.ContainsFunc(p.stream.queue, func(it *fakeItem) bool { return it.stopped }) {
		return mono, true
	}
	it := p.stream.queue[0]
	if !it.playing {
		return max(it.At, mono), true
	}
	end := it.began + radio.SamplesDuration(it.total) + time.Microsecond
	if it.EndBy > 0 {
		end = min(end, it.EndBy)
	}
	return min(end, mono+time.Second), true
}
