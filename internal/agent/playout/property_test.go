package playout_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/raced"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// A random programme and a random row of mishaps: whatever falls due ends in
// exactly one result, nothing begins outside the hours or on a clock that is not
// trusted, nothing sounds twice and never two things at once.
func TestEveryAiringEndsOnce(t *testing.T) {
	seeds := raced.Some(40)
	if testing.Short() {
		seeds = 6
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, at(6, 0, 0), func(w *world) { randomLife(w, rand.New(rand.NewPCG(uint64(seed), 7))) })
		})
	}
}

func randomLife(w *world, r *rand.Rand) {
	var slots []slot
	for i := range 1 + r.IntN(4) {
		s := slot{cron: fmt.Sprintf("%d,%d %d-8 * * *", r.IntN(30), 30+r.IntN(30), 6+r.IntN(2)), grace: 1 + r.IntN(300)}
		if r.IntN(3) == 0 {
			s.priority = radio.Prior
		}
		for j := range 1 + r.IntN(4) {
			s.items = append(s.items, item{fmt.Sprint("item", i, j), 5 + r.IntN(600)})
		}
		slots = append(slots, s)
	}
	prog := programme(1, issued, slots...)
	w.plan.prog = prog
	w.plan.policy.Windows = []radio.Window{{From: 5 * 60, To: radio.TimeOfDay(8*60 + r.IntN(120))}}
	hours, err := timetable.NewHours(w.plan.policy)
	if err != nil {
		w.t.Fatal(err)
	}
	trusted := true
	w.player.heard = func(id radio.AiringID) {
		if ok, _ := hours.Permits(w.clk.Now(), w.clk.Now()); !ok {
			w.t.Errorf("%s began at %s, outside the hours", id, w.clk.Now())
		}
		if !trusted {
			w.t.Errorf("%s began at %s on a clock that was not trusted", id, w.clk.Now())
		}
	}
	w.start()
	var steps time.Duration
	for w.clk.Now().Before(at(8, 30, 0)) {
		w.run(w.clk.Now().Add(time.Duration(r.IntN(1200)) * time.Second / 2))
		switch r.IntN(9) {
		case 0:
			w.player.crash("random")
		case 1:
			w.player.hang()
		case 2:
			w.player.setOpenErr(errors.New("random"))
		case 3, 4:
			w.player.setOpenErr(nil)
		case 5:
			if steps.Abs() < time.Hour {
				d := time.Duration(r.IntN(1200)-600) * time.Second
				steps += d
				w.clk.Step(d)
			}
		case 6:
			trusted = false
			w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
			w.run(w.clk.Now().Add(time.Duration(r.IntN(900)) * time.Second))
			trusted = true
			w.clk.SetState(clock.Trusted, clock.SourceKernel, 0)
		case 7:
			// What a full disk kept in memory a power cut loses; not this test's matter.
			w.journal.setFull(false)
			w.run(w.clk.Now().Add(10 * time.Second))
			w.powerCut()
			w.clk.Advance(time.Duration(r.IntN(600)) * time.Second)
			w.start()
		case 8:
			w.journal.setFull(r.IntN(2) == 0)
		}
	}
	w.journal.setFull(false)
	w.run(at(11, 0, 0)) // all slots are over by then
	w.stop()
	checkLife(w, prog)
}

func checkLife(w *world, prog *radio.Programme) {
	results := map[radio.AiringID]radio.Confirmation{}
	for _, c := range w.journal.results() {
		if other, twice := results[c.ID]; twice {
			w.t.Errorf("two results: %+v and %+v", other, c)
		}
		results[c.ID] = c
	}
	table, err := timetable.New(prog)
	if err != nil {
		w.t.Fatal(err)
	}
	all, err := table.Airings(at(6, 0, 0), at(11, 0, 0))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range all {
		c, ok := results[a.ID]
		if !ok {
			w.t.Errorf("%s at %s (%s) has no result", a.Title, a.Start().Format("15:04:05"), a.Excluded)
			continue
		}
		if c.Consumed > c.Expected || c.Consumed < 0 || c.Skipped < 0 || !c.AtLeast && c.Consumed+c.Skipped > c.Expected {
			w.t.Errorf("%s: consumed %d, skipped %d of %d", a.Title, c.Consumed, c.Skipped, c.Expected)
		}
	}
	checkSounds(w, results)
}

// checkSounds compares what came out of the loudspeaker with what was told.
func checkSounds(w *world, results map[radio.AiringID]radio.Confirmation) {
	consumed := map[radio.AiringID]int64{}
	var last sound
	var lastEnd time.Duration
	for _, s := range w.player.sounds {
		if s.mono < lastEnd-time.Millisecond {
			w.t.Errorf("%v began while %v sounded", s, last)
		}
		if consumed[s.id] > 3*radio.SampleRate && s.skip == 0 { // what was cut goes on two seconds before
			w.t.Errorf("%v sounded from its beginning a second time", s)
		}
		consumed[s.id] += s.consumed
		last, lastEnd = s, s.mono+radio.SamplesDuration(s.consumed)
	}
	for id, n := range consumed {
		c, planned := results[id]
		if !planned {
			continue // a sound of an alert
		}
		// A checkpoint says less than sounded; a dead player up to a second less.
		twice := int64(c.Interrupted) * (2*radio.SampleRate + radio.FrameSamples)
		if c.Consumed > n || !c.AtLeast && n-c.Consumed > 8*radio.SampleRate+twice {
			w.t.Errorf("%s: told %d samples of %d that sounded (%s %s)", id, c.Consumed, n, c.Outcome, c.Reason)
		}
	}
}
