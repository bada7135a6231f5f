package rules

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/agent/playout"
	"loaxa/internal/central/programme"
	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// TestPreviewIsWhatTheAgentDoes: the centre's preview of a random plan against the
// agent's own playout, which runs through the same days on a fake clock with a player
// that does what it is told. Every airing ends as it was previewed, at the sample.
func TestPreviewIsWhatTheAgentDoes(t *testing.T) {
	var kinds sync.Map
	for seed := range 20 {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { livePreview(t, rand.New(rand.NewPCG(uint64(seed), 23)), &kinds) })
		})
	}
	for _, want := range []string{"aired", "aired shifted", "missed overlap", "refused policy", "refused expired", "refused not_yet", "refused unsupported",
		string(radio.VetoSessions), string(radio.VetoMinutes), string(radio.VetoException), string(radio.VetoQuiet)} {
		if _, ok := kinds.Load(want); !ok {
			t.Errorf("no plan had %q: they are too tame", want)
		}
	}
}

func livePreview(t *testing.T, r *rand.Rand, kinds *sync.Map) {
	begin := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(7)) // midnight in Hanoi
	end := begin.AddDate(0, 0, 2)
	place, schedules, bulletins, rules := randomPlan(r, begin)
	var resolver programme.Resolver
	prog, left, err := resolver.Programme(place, schedules, radio.Decided{}, bulletins, nil, begin)
	if err != nil || len(left) > 0 {
		t.Fatal(err, left)
	}
	policy, err := resolver.Policy(rules, place, begin)
	if err != nil {
		t.Fatal(err)
	}
	if r.IntN(2) == 0 { // its own offset, and a stagger against its neighbours
		place.Device.Setup = radio.Setup{OffsetMS: r.IntN(40_000) - 20_000, StaggerMS: r.IntN(radio.MaxShiftMS)}
	}
	settings := resolver.Settings(place)
	own := radio.Millis(settings.OffsetMS + settings.StaggerMS)
	// One that begins at the very end would still sound after it: not looked at.
	told, err := resolver.Preview(prog, policy, settings, begin, end)
	if err != nil {
		t.Fatal(err)
	}
	prog.Revision, prog.IssuedAt, prog.NotAfter = 1, radio.At(begin.Add(-time.Hour)), radio.At(begin.AddDate(0, 0, 35))
	policy.Revision, settings.Revision = 1, 1

	d := &idealDevice{clk: clock.NewFake(begin.Add(-time.Minute)), prog: prog, policy: policy, settings: settings,
		unchanged: make(chan struct{}), ended: map[radio.AiringID]radio.Confirmation{}}
	d.live(t, end.Add(2*time.Hour))
	for _, a := range told {
		c, ok := d.ended[a.ID]
		want, reason := a.Outcome, a.Reason
		if want == "" {
			want = radio.Aired
		}
		if !ok || c.Outcome != want || c.Reason != reason || c.Start != a.Start || c.Expected != a.Samples {
			t.Errorf("%s at %s: previewed %s %s, the agent did %+v", a.Title, a.Start.Time(), want, reason, c)
		}
		if off := c.StartedAt - a.Start - own; want == radio.Aired && (off > 2 || off < -2) {
			t.Errorf("%s: previewed at %s, sounded at %s, of which %d ms are its own", a.Title, a.Start.Time(), c.StartedAt.Time(), own)
		}
		kind := string(want)
		if reason != "" {
			kind += " " + string(reason)
		} else if a.ShiftMS > 0 {
			kind += " shifted"
		}
		kinds.Store(kind, true)
		kinds.Store(string(a.Veto), true)
		delete(d.ended, a.ID)
	}
	for _, c := range d.ended {
		if at := c.Start.Time(); !at.Before(begin) && at.Before(end) {
			t.Errorf("the agent did what was not previewed: %+v", c)
		}
	}
}

// randomPlan makes schedules that meet often, some at night, of bulletins some of which
// run out.
func randomPlan(r *rand.Rand, begin time.Time) (radio.Place, []radio.Schedule, map[radio.BulletinID]radio.Bulletin, []radio.PolicyRule) {
	province := radio.Area{ID: radio.NewID[radio.AreaID](), Kind: radio.Province, Zone: zone}
	place := radio.Place{Device: radio.Device{ID: radio.NewID[radio.DeviceID](), Rendition: radio.MainKbps}, Chain: []radio.Area{province}}
	bulletins := map[radio.BulletinID]radio.Bulletin{}
	var ids []radio.BulletinID
	for n := range 5 {
		samples := int64(radio.SampleRate*5 + r.IntN(radio.SampleRate*400))
		frames := int((samples + radio.FrameSamples - 1) / radio.FrameSamples)
		b := radio.Bulletin{ID: radio.NewID[radio.BulletinID](), Version: 1, Title: fmt.Sprint("tin ", n), State: radio.Approved,
			Renditions: []radio.Rendition{{SHA256: radio.SHA256(fmt.Sprintf("%064x", n+1)), Kbps: radio.MainKbps, Bytes: int64(frames) * 209, Frames: frames,
				Samples: samples, Tail: int(int64(frames)*radio.FrameSamples - samples)}},
			Area: province.ID, Signed: &radio.ApprovalRow{Area: province.ID, SignedApproval: radio.SignedApproval{Protected: "header", At: 1, Signature: "signature"}}}
		switch n {
		case 0:
			b.ValidUntil = radio.At(begin.Add(time.Duration(r.IntN(48*3600)) * time.Second))
		case 1:
			b.ValidFrom = radio.At(begin.Add(time.Duration(r.IntN(48*3600)) * time.Second))
		}
		bulletins[b.ID] = b
		ids = append(ids, b.ID)
	}
	var schedules []radio.Schedule
	for n := range 4 {
		s := radio.Schedule{ID: radio.NewID[radio.ScheduleID](), Code: fmt.Sprint("lich-", n), Version: 1, Priority: radio.Normal,
			Targets: []radio.Target{{Area: province.ID}}, Zone: zone, GraceSeconds: r.IntN(400)}
		if r.IntN(3) == 0 {
			s.Priority = radio.Prior
		}
		for k := range 1 + r.IntN(3) {
			sl := radio.Slot{ID: radio.NewID[radio.SlotID](), Code: fmt.Sprint("khung-", k), Cron: fmt.Sprintf("%d %d * * *", r.IntN(12), []int{3, 5, 5, 17, 20}[r.IntN(5)])}
			for range 1 + r.IntN(3) {
				e := radio.Entry{ID: radio.NewID[radio.EntryID](), Kind: radio.KindAudio, Bulletin: ids[r.IntN(len(ids))], Repeat: 1 + r.IntN(2), GapMS: r.IntN(4000)}
				if r.IntN(12) == 0 {
					e = radio.Entry{ID: e.ID, Kind: radio.KindRelay, Repeat: 1}
				}
				sl.Items = append(sl.Items, e)
			}
			s.Slots = append(s.Slots, sl)
		}
		schedules = append(schedules, s)
	}
	rule := radio.PolicyRule{ID: radio.NewID[radio.PolicyID](), Target: radio.Target{Area: province.ID}, Zone: zone,
		Windows: []radio.Window{{From: 5*60 + 2, To: 17*60 + 10}, {From: 17*60 + 12, To: radio.TimeOfDay(20*60 + r.IntN(20))}}}
	// Some days are exceptions or of mourning, and some rules have caps.
	date := func(n int) radio.Date { return radio.DateOf(begin.Add(7*time.Hour).AddDate(0, 0, n)) }
	switch r.IntN(4) {
	case 0:
		rule.Exceptions = []radio.PolicyException{{From: date(0), Until: date(0), Label: "lễ", Windows: []radio.Window{{From: 5*60 + 4, To: 5*60 + 30}}}}
	case 1:
		rule.Mourning = []radio.Date{date(1)}
	}
	if r.IntN(2) == 0 {
		rule.MaxSessions = 1 + r.IntN(3)
	}
	if r.IntN(2) == 0 {
		rule.MaxMinutes = 5 + r.IntN(40)
	}
	rules := []radio.PolicyRule{rule}
	// Some rules give way to others at a midnight, and some devices stand near a school.
	if r.IntN(3) == 0 {
		next := rule
		next.Version, next.From, next.MaxSessions, next.Mourning = rule.Version+1, date(1), r.IntN(3), nil
		next.Windows = []radio.Window{{From: 5*60 + 6, To: 20 * 60}}
		rules = append(rules, next)
	}
	if r.IntN(3) == 0 {
		from := radio.TimeOfDay(17*60 + r.IntN(6))
		rules = append(rules, radio.PolicyRule{ID: radio.NewID[radio.PolicyID](), Target: radio.Target{Device: place.Device.ID}, Zone: zone, Profile: true, Label: "trường",
			Quiet: []radio.Window{{From: from, To: from + 5}}, Volume: []radio.VolumeSpan{{From: 5 * 60, To: 5*60 + 8, GainDB: -12}}})
	}
	return place, schedules, bulletins, rules
}

// idealDevice is everything around the agent's playout, without any fault: all audio is
// there, the clock is trusted, and the player plays what it gets where it belongs.
type idealDevice struct {
	clk       *clock.Fake
	prog      radio.Programme
	policy    radio.Policy
	settings  radio.Settings
	unchanged chan struct{}
	// instants, in order: between them, while nothing sounds, the device is not woken. nil
	// wakes it whenever it wants to be.
	instants []time.Time

	mu     sync.Mutex
	seq    uint64
	begun  map[radio.AiringID]bool
	ended  map[radio.AiringID]radio.Confirmation
	stream *idealStream
}

func (d *idealDevice) Programme() (*radio.Programme, bool) { return &d.prog, true }
func (d *idealDevice) Policy() radio.Policy                { return d.policy }
func (d *idealDevice) Settings() radio.Settings            { return d.settings }
func (d *idealDevice) Changed() <-chan struct{}            { return d.unchanged }

// CheckApproval: everything in the programme is approved.
func (d *idealDevice) CheckApproval(*radio.Programme, radio.BulletinID, int) error { return nil }

func (d *idealDevice) Ready(radio.SHA256) bool   { return true }
func (d *idealDevice) Verify(radio.SHA256) error { return nil }
func (d *idealDevice) Raise(context.Context, string, string) {
}
func (d *idealDevice) Clear(context.Context, string) {}

// Audio has an Open of its own.
type idealAudio struct{ *idealDevice }

func (idealAudio) Open(radio.SHA256) (playout.AudioReader, error) {
	return io.NopCloser(bytes.NewReader(nil)), nil
}

func (d *idealDevice) Append(_ context.Context, r radio.Record) (radio.Record, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seq++
	r.Seq, r.At = d.seq, radio.At(d.clk.Now())
	if r.Airing != nil {
		d.begun[r.Airing.ID] = true
	}
	if r.Result != nil {
		d.begun[r.Result.ID] = true
		d.ended[r.Result.ID] = *r.Result
	}
	return r, nil
}

func (d *idealDevice) Begun(id radio.AiringID) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begun[id], nil
}

func (d *idealDevice) Unfinished(context.Context) ([]radio.AiringRecord, map[radio.AiringID]int64, error) {
	return nil, nil, nil
}

func (d *idealDevice) Sounded(context.Context, int) ([]radio.Sounded, error) { return nil, nil }

// Open is the player's.
func (d *idealDevice) Open(context.Context) (playout.Stream, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stream = &idealStream{d: d, events: make(chan playout.Event, 1<<13)}
	return d.stream, nil
}

// live runs the agent's playout until the wall clock shows the instant.
func (d *idealDevice) live(t *testing.T, until time.Time) {
	d.begun = map[radio.AiringID]bool{}
	desk := playout.New(playout.Rooms{Clock: d.clk, Plan: d, Audio: idealAudio{d}, Journal: d, Player: d, Faults: d}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- desk.Run(ctx) }()
	for {
		synctest.Wait()
		d.tick()
		synctest.Wait()
		now := d.clk.Now()
		if !now.Before(until) {
			break
		}
		next := until
		for len(d.instants) > 0 && !now.Before(d.instants[0]) {
			d.instants = d.instants[1:]
		}
		if at, ok := d.asleep(now, until); ok {
			d.clk.Advance(at.Sub(now))
			continue
		}
		for _, w := range append(d.clk.Waiters(), d.due()) {
			if w.Before(next) {
				next = w
			}
		}
		d.clk.Advance(max(next.Sub(now), time.Microsecond))
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// asleep gives when the device is woken next, if nothing is to happen for a while.
func (d *idealDevice) asleep(now, until time.Time) (time.Time, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.instants == nil || d.stream != nil {
		return now, false
	}
	next := until
	if len(d.instants) > 0 {
		next = d.instants[0].Add(-30 * time.Second)
	}
	return next, next.After(now)
}

// due is when the player has to be looked at again.
func (d *idealDevice) due() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clk.Now()
	if d.stream == nil || len(d.stream.queue) == 0 {
		return now.Add(time.Hour)
	}
	it, mono := d.stream.queue[0], d.clk.Mono()
	if it.began < 0 {
		return now.Add(max(it.At-mono, 0))
	}
	return now.Add(min(it.began+radio.SamplesDuration(it.Rendition.Samples)+time.Microsecond-mono, 2*time.Second))
}

// tick plays on to this moment.
func (d *idealDevice) tick() {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, mono := d.stream, d.clk.Mono()
	for s != nil && len(s.queue) > 0 {
		it := s.queue[0]
		if it.began < 0 {
			if mono < it.At {
				break
			}
			it.began = mono
			s.events <- playout.Event{Kind: playout.Started, ID: it.ID, At: mono}
		}
		consumed := min(radio.DurationSamples(mono-it.began), it.Rendition.Samples)
		if consumed < it.Rendition.Samples {
			s.events <- playout.Event{Kind: playout.Progress, ID: it.ID, At: mono, Consumed: consumed}
			break
		}
		s.events <- playout.Event{Kind: playout.Ended, ID: it.ID, At: mono, Consumed: consumed, Ending: radio.EndComplete}
		s.queue = s.queue[1:]
	}
	if s != nil && s.closed && len(s.queue) == 0 {
		close(s.events)
		d.stream = nil
	}
}

type idealStream struct {
	d      *idealDevice
	events chan playout.Event
	queue  []*idealItem
	closed bool
}

type idealItem struct {
	playout.Item
	began time.Duration // −1 before
}

func (s *idealStream) Info() playout.StreamInfo {
	return playout.StreamInfo{Driver: "ideal", Proof: "consumed"}
}
func (s *idealStream) Events() <-chan playout.Event { return s.events }
func (s *idealStream) Err() error                   { return nil }

// Gain is not heard by an ideal device.
func (s *idealStream) Gain(radio.AiringID, float64) error { return nil }

func (s *idealStream) Play(it playout.Item) error {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.queue = append(s.queue, &idealItem{it, -1})
	return it.Audio.Close()
}

func (s *idealStream) Stop(id radio.AiringID) error {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.queue = slices.DeleteFunc(s.queue, func(it *idealItem) bool { return it.ID == id })
	s.events <- playout.Event{Kind: playout.Ended, ID: id, At: s.d.clk.Mono(), Ending: radio.EndStopped}
	return nil
}

func (s *idealStream) Close() error {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.closed = true
	return nil
}

func (s *idealStream) Kill() error {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.d.stream == s {
		close(s.events)
		s.d.stream = nil
	}
	return nil
}
