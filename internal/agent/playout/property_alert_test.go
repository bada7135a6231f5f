package playout_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"loaxa/internal/agent/emergency"
	"loaxa/internal/agent/playout"
	"loaxa/internal/clock"
	"loaxa/internal/raced"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// storms is the room of emergencies as the agent has it, among the fakes of playout.
type storms struct {
	*emergency.Room
	w     *world
	known map[radio.AiringID]radio.AlertID // cycles, by the ids of their airings
}

type stormClock struct{ *clock.Fake }

func (c stormClock) Passed() time.Time {
	if c.State().Usable() {
		return c.Now()
	}
	return time.Time{}
}

type stormAudio struct{ *fakeAudio }

func (stormAudio) Begin(radio.SHA256, int64) (int64, error) { return 0, radio.ErrUnavailable }
func (stormAudio) Put(radio.SHA256, []byte) error           { return radio.ErrUnavailable }
func (stormAudio) Commit(radio.SHA256) error                { return radio.ErrUnavailable }
func (stormAudio) Delete(radio.SHA256) error                { return radio.ErrUnavailable }

type stormPlan struct{}

func (stormPlan) Settings() radio.Settings {
	return radio.Settings{Emergency: []radio.EmergencyAudio{{Role: radio.RoleSiren, Rendition: sirenS}, {Role: radio.RoleLeadIn, Rendition: leadS}}}
}
func (stormPlan) Drills(radio.SHA256) bool { return false }

func (stormPlan) Vouched(radio.SHA256) bool { return true }

// boot makes the room anew from what the journal holds.
func (s *storms) boot() {
	room, err := emergency.New(emergency.Options{Device: device, Journal: s.w.journal, Clock: stormClock{s.w.clk}, Audio: stormAudio{s.w.audio},
		Plan: stormPlan{}, Proven: func() (time.Time, bool) { return time.Time{}, false }, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = room.Load(s.w.t.Context())
	}
	if err != nil {
		s.w.t.Fatal(err)
	}
	s.Room = room
	s.w.room = s
}

// Duty notes which cycle belongs to which alert.
func (s *storms) Duty() radio.Duty {
	d := s.Room.Duty()
	if d.Cycle != nil {
		s.known[d.Cycle.ID] = radio.AlertID(d.Cycle.Key.Schedule)
	}
	return d
}

var _ playout.Alerts = (*storms)(nil)

// Random programmes, alerts, tombstones in any order, power cuts and dead players: every
// airing and every cycle has exactly one result, nothing of a cancelled or expired alert
// begins, a tombstone wins whatever the order, and while an alert holds the loudspeaker
// nothing planned begins.
func TestAlertsOutrankEverything(t *testing.T) {
	seeds := raced.Some(60)
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, at(6, 0, 0), func(w *world) { stormyLife(w, rand.New(rand.NewPCG(uint64(seed), 11))) })
		})
	}
}

func stormyLife(w *world, r *rand.Rand) {
	var slots []slot
	for i := range 1 + r.IntN(3) {
		s := slot{cron: fmt.Sprintf("%d,%d %d-7 * * *", r.IntN(30), 30+r.IntN(30), 6), grace: 30 + r.IntN(300)}
		if r.IntN(3) == 0 {
			s.priority = radio.Prior
		}
		for j := range 1 + r.IntN(4) {
			s.items = append(s.items, item{fmt.Sprint("item", i, j), 5 + r.IntN(400)})
		}
		slots = append(slots, s)
	}
	prog := programme(1, issued, slots...)
	w.plan.prog = prog
	w.plan.policy.Windows = []radio.Window{{From: 5 * 60, To: radio.TimeOfDay(7*60 + r.IntN(120))}}
	planned := map[radio.AiringID]bool{}
	table, err := timetable.New(prog)
	if err != nil {
		w.t.Fatal(err)
	}
	all, err := table.Airings(at(6, 0, 0), at(10, 0, 0))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range all {
		planned[a.ID] = true
	}
	s := &storms{w: w, known: map[radio.AiringID]radio.AlertID{}}
	s.boot()
	issuedAlerts := map[radio.AlertID]radio.Alert{}
	dead := map[radio.AlertID]bool{}
	w.player.heard = func(id radio.AiringID) {
		d := s.Room.Duty()
		if planned[id] {
			if d.Hold {
				w.t.Errorf("a planned airing began at %s while an alert holds", w.clk.Now())
			}
			return
		}
		if d.Cycle == nil {
			w.t.Errorf("a sound of an alert began at %s, and none is ordered", w.clk.Now())
			return
		}
		a := issuedAlerts[radio.AlertID(d.Cycle.Key.Schedule)]
		switch at := radio.At(w.clk.Now()); {
		case dead[a.ID]:
			w.t.Errorf("a cancelled alert began at %s", w.clk.Now())
		case at >= a.ExpiresAt.Add(15*time.Second): // a cycle that began before plays to its end
			w.t.Errorf("an expired alert began at %s", w.clk.Now())
		}
	}
	w.start()
	take := func(a radio.Alert) {
		if err := s.Take(w.t.Context(), a, []byte(`{}`)); err != nil {
			w.t.Error(err)
		}
		if a.Cancel {
			dead[a.ID] = true
		}
		// Longer than the desk needs to obey.
		w.run(w.clk.Now().Add(20 * time.Millisecond))
	}
	var names []radio.AlertID
	for w.clk.Now().Before(at(7, 30, 0)) {
		w.run(w.clk.Now().Add(time.Duration(r.IntN(600)) * time.Second / 2))
		switch r.IntN(9) {
		case 0, 1:
			now := radio.At(w.clk.Now())
			a := radio.Alert{ID: idOf[radio.AlertID](fmt.Sprint("alert", len(names))), Area: idOf[radio.AreaID]("area"), IssuedAt: now,
				ExpiresAt: now.Add(time.Duration(1+r.IntN(900)) * time.Second), Headline: "storm", Repeats: 1 + r.IntN(4), IntervalS: r.IntN(120),
				Sounds: []radio.EmergencyRole{radio.RoleSiren, radio.RoleLeadIn}}
			names = append(names, a.ID)
			issuedAlerts[a.ID] = a
			t := radio.Alert{ID: a.ID, Area: a.Area, IssuedAt: a.IssuedAt, ExpiresAt: a.ExpiresAt, Cancel: true}
			if r.IntN(4) == 0 {
				take(t) // before the alert
			}
			take(a)
		case 2:
			if len(names) > 0 {
				a := issuedAlerts[names[r.IntN(len(names))]]
				take(radio.Alert{ID: a.ID, Area: a.Area, IssuedAt: a.IssuedAt, ExpiresAt: a.ExpiresAt, Cancel: true})
			}
		case 3:
			if len(names) > 0 { // the centre says it again
				take(issuedAlerts[names[r.IntN(len(names))]])
			}
		case 4:
			w.player.crash("random")
		case 5:
			w.powerCut()
			w.clk.Advance(time.Duration(r.IntN(300)) * time.Second)
			s.boot()
			w.start()
		case 6:
			w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
			w.run(w.clk.Now().Add(time.Duration(r.IntN(200)) * time.Second))
			w.clk.SetState(clock.Trusted, clock.SourceKernel, 0)
		case 7:
			s.Stop(w.t.Context())
		case 8:
			sl := slots[r.IntN(len(slots))]
			w.audio.set(hashOf(sl.items[r.IntN(len(sl.items))].name), r.IntN(2) == 0)
		}
	}
	w.run(at(10, 0, 0))
	w.stop()
	checkLife(w, prog)
	w.checkCycles(s, planned, dead)
}

func (w *world) checkCycles(s *storms, planned map[radio.AiringID]bool, dead map[radio.AlertID]bool) {
	results := map[radio.AiringID]int{}
	cycles := map[radio.AlertID]int{}
	for _, c := range w.journal.results() {
		if results[c.ID]++; results[c.ID] > 1 {
			w.t.Errorf("%s has %d results", c.ID, results[c.ID])
		}
		if c.Origin == radio.FromAlert {
			cycles[radio.AlertID(c.Key.Schedule)]++
		} else if !planned[c.ID] {
			w.t.Errorf("a result of %s, which nobody planned", c.ID)
		}
	}
	for id := range s.known {
		began := len(w.journal.kinds(id)) > 0
		if began && results[id] != 1 {
			w.t.Errorf("cycle %s has %d results", id, results[id])
		}
	}
	for _, r := range s.Receipts() {
		if !r.State.Final() {
			w.t.Errorf("alert %s stays %s", r.ID, r.State)
		}
		if dead[radio.AlertID(r.ID)] && r.State != radio.ReceiptDone && r.State != radio.ReceiptExpired && r.State != radio.ReceiptFailed {
			w.t.Errorf("cancelled alert %s is %s", r.ID, r.State)
		}
	}
}
