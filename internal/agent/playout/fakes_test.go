package playout_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"loaxa/internal/agent/playout"
	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// fakePlan hands out what the test lays down.
type fakePlan struct {
	mu       sync.Mutex
	prog     *radio.Programme
	policy   radio.Policy
	settings radio.Settings
	changed  chan struct{}
}

func (f *fakePlan) Programme() (*radio.Programme, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.prog, f.prog != nil
}

func (f *fakePlan) Policy() radio.Policy {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.policy
}

func (f *fakePlan) Settings() radio.Settings {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settings
}

func (f *fakePlan) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *fakePlan) set(change func(*fakePlan)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
	close(f.changed)
	f.changed = make(chan struct{})
}

// fakeAudio knows which hashes are ready.
type fakeAudio struct {
	mu      sync.Mutex
	missing map[radio.SHA256]bool
	broken  map[radio.SHA256]bool // ready, but cannot be opened
	changed chan struct{}
}

func (f *fakeAudio) Ready(h radio.SHA256) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.missing[h]
}

func (f *fakeAudio) Open(h radio.SHA256) (playout.AudioReader, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.missing[h] || f.broken[h] {
		return nil, radio.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(nil)), nil
}

func (f *fakeAudio) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *fakeAudio) set(h radio.SHA256, ready bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.missing[h] = !ready
	close(f.changed)
	f.changed = make(chan struct{})
}

// fakeJournal outlives a run, as the file does.
type fakeJournal struct {
	mu      sync.Mutex
	clk     *clock.Fake
	records []radio.Record
	begun   map[radio.AiringID]bool
	full    bool // the disk
}

func newJournal(clk *clock.Fake) *fakeJournal {
	return &fakeJournal{clk: clk, begun: map[radio.AiringID]bool{}}
}

func (f *fakeJournal) Append(_ context.Context, r radio.Record) (radio.Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return r, errors.New("no space left on device")
	}
	r.Seq, r.At = uint64(len(f.records)+1), radio.At(f.clk.Now())
	if err := r.Check(); err != nil {
		return r, err
	}
	f.records = append(f.records, r)
	if r.Airing != nil {
		f.begun[r.Airing.ID] = true
	}
	if r.Result != nil {
		f.begun[r.Result.ID] = true
	}
	return r, nil
}

func (f *fakeJournal) Begun(id radio.AiringID) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.begun[id], nil
}

func (f *fakeJournal) Unfinished(context.Context) ([]radio.AiringRecord, map[radio.AiringID]int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	open, consumed := map[radio.AiringID]radio.AiringRecord{}, map[radio.AiringID]int64{}
	for _, r := range f.records {
		switch {
		case r.Airing != nil:
			open[r.Airing.ID] = *r.Airing
		case r.Progress != nil:
			consumed[r.Progress.ID] = r.Progress.Consumed
		case r.Result != nil:
			delete(open, r.Result.ID)
		}
	}
	var list []radio.AiringRecord
	for _, a := range open {
		list = append(list, a)
	}
	return list, consumed, nil
}

func (f *fakeJournal) results() []radio.Confirmation {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []radio.Confirmation
	for _, r := range f.records {
		if r.Result != nil {
			out = append(out, *r.Result)
		}
	}
	return out
}

func (f *fakeJournal) kinds(id radio.AiringID) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, r := range f.records {
		switch {
		case r.Airing != nil && r.Airing.ID == id:
			out = append(out, "airing")
		case r.Progress != nil && r.Progress.ID == id:
			out = append(out, "progress")
		case r.Result != nil && r.Result.ID == id:
			out = append(out, "result")
		}
	}
	return out
}

func (f *fakeJournal) setFull(full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full = full
}

// fakeFaults records openings and closings.
type fakeFaults struct {
	mu   sync.Mutex
	open map[string]bool
	log  []string
}

func (f *fakeFaults) Raise(_ context.Context, code, _ string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open[code] {
		f.open[code] = true
		f.log = append(f.log, "+"+code)
	}
}

func (f *fakeFaults) Clear(_ context.Context, code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[code] {
		delete(f.open, code)
		f.log = append(f.log, "-"+code)
	}
}

func (f *fakeFaults) told() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.log)
}

// fakePlayer is a player made of the fake clock's Mono: it plays exactly at its
// place, and the test moves it on with tick.
type fakePlayer struct {
	mu      sync.Mutex
	clk     *clock.Fake
	stream  *fakeStream
	openErr error
	opened  int
	sounds  []sound
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
		s.events <- playout.Event{Kind: playout.Ended, ID: it.ID, At: mono, Consumed: consumed, Ending: ending}
		return true
	}
	if !it.playing {
		switch {
		case it.stopped:
			return over(radio.EndStopped, 0)
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
		s.events <- playout.Event{Kind: playout.Progress, ID: it.ID, At: mono, Consumed: consumed}
	}
	return false
}

// busy says that something waits for its place or sounds.
func (p *fakePlayer) next() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream == nil || p.stream.hung || len(p.stream.queue) == 0 {
		return 0, false
	}
	mono := p.clk.Mono()
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

func hashOf(name string) radio.SHA256 {
	sum := sha256.Sum256([]byte(name))
	return radio.SHA256(hex.EncodeToString(sum[:]))
}

func idOf[T ~string](name string) T {
	sum := sha256.Sum256([]byte(name))
	return radio.IDFromBytes[T]([16]byte(sum[:16]))
}

func (s sound) String() string {
	return fmt.Sprintf("%s %s skip %d consumed %d", s.id, s.wall.Format("15:04:05.000"), s.skip, s.consumed)
}
