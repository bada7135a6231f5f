package playout_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/agent/playout"
	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// world is one device on a fake clock. Its methods run inside a synctest bubble.
type world struct {
	t       *testing.T
	clk     *clock.Fake
	plan    *fakePlan
	audio   *fakeAudio
	journal *fakeJournal
	faults  *fakeFaults
	player  *fakePlayer
	alerts  *fakeAlerts
	room    playout.Alerts // in place of alerts, if set
	// documents stand in place of plan, if set.
	documents playout.Plan
	desk      *playout.Playout
	amp       *fakeAmplifier // nil: no switch

	lastSeen radio.Millis
	cancel   context.CancelFunc
	done     chan error
}

// day is a Monday; times of the tests are in UTC, so that they read as they stand.
var day = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func at(h, m, s int) time.Time { return day.Add(time.Duration(h*3600+m*60+s) * time.Second) }

func newWorld(t *testing.T, start time.Time) *world {
	clk := clock.NewFake(start)
	w := &world{t: t, clk: clk, journal: newJournal(clk),
		plan: &fakePlan{policy: radio.DefaultPolicy("UTC"), changed: make(chan struct{}),
			settings: radio.Settings{Rendition: 64}},
		audio:  &fakeAudio{missing: map[radio.SHA256]bool{}, broken: map[radio.SHA256]bool{}, rotten: map[radio.SHA256]bool{}, changed: make(chan struct{})},
		faults: &fakeFaults{open: map[string]bool{}},
		player: &fakePlayer{clk: clk}, alerts: &fakeAlerts{clk: clk, changed: make(chan struct{})}}
	return w
}

// start runs the agent's playout; power ends it as a power cut would.
func (w *world) start() {
	rooms := playout.Rooms{Clock: w.clk, Plan: w.plan, Audio: w.audio, Journal: w.journal,
		Player: w.player, Faults: w.faults, Alerts: w.alerts, LastSeen: w.lastSeen}
	if w.room != nil {
		rooms.Alerts = w.room
	}
	if w.documents != nil {
		rooms.Plan = w.documents
	}
	if w.amp != nil {
		rooms.Amplifier = w.amp
	}
	w.desk = playout.New(rooms, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(w.t.Context())
	w.cancel, w.done = cancel, make(chan error, 1)
	go func() { w.done <- w.desk.Run(ctx) }()
	synctest.Wait()
}

// stop ends the agent in good order.
func (w *world) stop() {
	w.cancel()
	for range 10 {
		synctest.Wait()
		w.player.tick()
		w.clk.Advance(10 * time.Millisecond)
	}
	if err := <-w.done; err != nil {
		w.t.Fatal(err)
	}
}

// powerCut ends the agent without a word: what it would write at its stop is lost.
func (w *world) powerCut() {
	w.player.crash("power")
	w.player.setOpenErr(fmt.Errorf("no power"))
	w.journal.mu.Lock()
	kept, begun := slices.Clone(w.journal.records), w.journal.begun
	w.journal.begun = map[radio.AiringID]bool{}
	for id := range begun {
		w.journal.begun[id] = true
	}
	saved, alerts := w.journal.begun, maps.Clone(w.journal.alerts)
	w.journal.mu.Unlock()
	w.cancel()
	<-w.done
	w.journal.mu.Lock()
	w.journal.records, w.journal.begun, w.journal.alerts = kept, saved, alerts
	w.journal.mu.Unlock()
	w.player.setOpenErr(nil)
	w.lastSeen = radio.At(w.clk.Now())
}

// run lets time pass until the wall clock shows the instant.
func (w *world) run(until time.Time) {
	for {
		w.player.tick()
		synctest.Wait()
		now := w.clk.Now()
		if !now.Before(until) {
			return
		}
		next := until
		for _, waiter := range w.clk.Waiters() {
			if waiter.Before(next) {
				next = waiter
			}
		}
		if mono, ok := w.player.next(); ok {
			if wall := now.Add(mono - w.clk.Mono()); wall.Before(next) {
				next = wall
			}
		}
		w.clk.Advance(max(next.Sub(now), time.Microsecond))
	}
}

// item of a test's programme.
type item struct {
	name    string
	seconds int
}

// slot of a test's programme.
type slot struct {
	cron     string
	items    []item
	priority radio.Priority
	grace    int // seconds; 0 means 120
	until    time.Time
}

func rendition(name string, seconds int) radio.Rendition {
	samples := int64(seconds) * radio.SampleRate
	frames := int((samples + 1105 + 1151) / 1152)
	return radio.Rendition{SHA256: hashOf(name), Kbps: 64, Bytes: int64(frames) * 208, Frames: frames,
		Samples: samples, Head: 1105, Tail: int(int64(frames)*1152 - samples - 1105)}
}

var device = idOf[radio.DeviceID]("device")

// programme builds one; slots and entries are named by their place, so that they
// keep their ids over revisions.
func programme(revision int64, issued time.Time, slots ...slot) *radio.Programme {
	p := &radio.Programme{Device: device, Revision: revision, IssuedAt: radio.At(issued),
		NotAfter: radio.At(issued.Add(35 * 24 * time.Hour)), Zone: "UTC"}
	known := map[string]bool{}
	for i, s := range slots {
		ps := radio.ProgrammeSlot{Schedule: idOf[radio.ScheduleID]("schedule"), Slot: idOf[radio.SlotID](fmt.Sprint("slot", i)),
			Priority: radio.Normal, Cron: s.cron, GraceSeconds: 120}
		if s.priority != "" {
			ps.Priority = s.priority
		}
		if s.grace != 0 {
			ps.GraceSeconds = s.grace
		}
		for j, it := range s.items {
			b := idOf[radio.BulletinID](it.name)
			ps.Items = append(ps.Items, radio.Item{Entry: idOf[radio.EntryID](fmt.Sprint("entry", i, j)),
				Kind: radio.KindAudio, Bulletin: b, Version: 1, Repeat: 1})
			if !known[it.name] {
				known[it.name] = true
				a := radio.ProgrammeAudio{Bulletin: b, Version: 1, Title: it.name,
					Renditions: []radio.Rendition{rendition(it.name, it.seconds)}}
				if !s.until.IsZero() {
					a.ValidUntil = radio.At(s.until)
				}
				p.Audio = append(p.Audio, a)
			}
		}
		p.Slots = append(p.Slots, ps)
	}
	return p
}

// told gives the results of the journal, by name of the bulletin, in order.
func (w *world) told() []string {
	var out []string
	for _, c := range w.journal.results() {
		s := fmt.Sprintf("%s %s %s", w.name(c.ID), c.Start.Time().Format("15:04"), c.Outcome)
		if c.Reason != "" {
			s += ":" + string(c.Reason)
		}
		out = append(out, s)
	}
	return out
}

func (w *world) name(id radio.AiringID) string {
	w.t.Helper()
	prog, ok := w.plan.Programme()
	if !ok {
		return string(id)
	}
	for _, p := range []*radio.Programme{prog} {
		table, err := timetable.New(p)
		if err != nil {
			w.t.Fatal(err)
		}
		all, err := table.Airings(day.Add(-40*24*time.Hour), day.Add(40*24*time.Hour))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, a := range all {
			if a.ID == id {
				return a.Title
			}
		}
	}
	return string(id)
}

func (w *world) want(lines ...string) {
	w.t.Helper()
	if got := w.told(); !slices.Equal(got, lines) {
		w.t.Errorf("results\n got %q\nwant %q\nsounds %v", got, lines, w.player.sounds)
	}
}

// sounded gives what came out, as "name 15:04:05.000".
func (w *world) sounded() []string {
	var out []string
	for _, s := range w.player.sounds {
		out = append(out, fmt.Sprintf("%s %s", w.name(s.id), s.wall.Format("15:04:05.000")))
	}
	return out
}

func (w *world) wantSounds(lines ...string) {
	w.t.Helper()
	if got := w.sounded(); !slices.Equal(got, lines) {
		w.t.Errorf("sounds\n got %q\nwant %q", got, lines)
	}
}

// bubble runs a test on a fake world.
func bubble(t *testing.T, start time.Time, fn func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		fn(newWorld(t, start))
	})
}
