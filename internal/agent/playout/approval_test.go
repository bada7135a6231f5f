package playout_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/raced"
	"loaxa/internal/radio"
)

// What nobody has approved never sounds; the rest of its slot does, and follows at once.
// What sounds when its approval ends falls silent, by whatever clock.
func TestUnapproved(t *testing.T) {
	slots := []slot{{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 30}, {"c", 10}}}, {cron: "3 8 * * *", items: []item{{"d", 10}}}}
	for name, c := range map[string]struct {
		play  func(w *world)
		heard []string
		want  []string
	}{
		"the first": {play: func(w *world) { w.plan.disown("a", true); w.run(at(7, 59, 0)) },
			heard: []string{"b 08:00:00.5", "c 08:00:30.5", "d 08:03:00.0"}, want: []string{"a refused:signature", "b aired", "c aired", "d aired"}},
		"the second": {play: func(w *world) { w.plan.disown("b", true) },
			heard: []string{"a 08:00:00.0", "c 08:01:00.5", "d 08:03:00.0"}, want: []string{"a aired", "b refused:signature", "c aired", "d aired"}},
		"all": {play: func(w *world) {
			for _, n := range []string{"a", "b", "c", "d"} {
				w.plan.disown(n, true)
			}
		}, want: []string{"a refused:signature", "b refused:signature", "c refused:signature", "d refused:signature"}},
		"approved before its instant": {play: func(w *world) {
			w.plan.disown("a", true)
			w.run(at(7, 59, 58))
			w.plan.disown("a", false)
		}, heard: []string{"a 08:00:00.0", "b 08:01:00.0", "c 08:01:30.0", "d 08:03:00.0"}, want: []string{"a aired", "b aired", "c aired", "d aired"}},
		"disowned when it is with the player": {play: func(w *world) {
			w.run(at(7, 59, 58))
			w.plan.disown("a", true)
		}, heard: []string{"b 07:59:58.5", "c 08:00:28.5", "d 08:03:00.0"}, want: []string{"a refused:signature", "b aired", "c aired", "d aired"}},
		"disowned while it sounds": {play: func(w *world) {
			w.run(at(8, 0, 20))
			w.plan.disown("a", true)
		}, heard: []string{"a 08:00:00.0", "b 08:00:20.5", "c 08:00:50.5", "d 08:03:00.0"}, want: []string{"a partial:signature", "b aired", "c aired", "d aired"}},
		"disowned while it sounds on a clock that is not trusted any more": {play: func(w *world) {
			w.run(at(8, 0, 20))
			w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
			w.run(at(8, 0, 25))
			w.plan.disown("a", true)
			w.run(at(8, 0, 26))
			if n := w.player.sounds[0].consumed; n > 26*radio.SampleRate {
				w.t.Errorf("%d samples of it sounded", n)
			}
			w.clk.SetState(clock.Trusted, clock.SourceKernel, 0)
		}, heard: []string{"a 08:00:00.0", "b 08:00:26.5", "c 08:00:56.5", "d 08:03:00.0"}, want: []string{"a partial:signature", "b aired", "c aired", "d aired"}},
		"disowned while an alert has cut it": {play: func(w *world) {
			w.run(at(8, 0, 20))
			w.order(1, sirenS)
			w.run(at(8, 0, 24))
			w.plan.disown("a", true)
		}, heard: []string{"a 08:00:00.0", "alert 08:00:20.0", "b 08:00:29.0", "c 08:00:59.0", "d 08:03:00.0"}, want: []string{"alert aired", "a partial:signature", "b aired", "c aired", "d aired"}},
		"disowned while an older version of it sounds": {play: func(w *world) {
			w.run(at(8, 0, 20))
			p := programme(2, issued, slots...)
			p.Audio[0].Version, p.Slots[0].Items[0].Version = 2, 2
			p.Audio[0].Renditions[0].SHA256 = hashOf("a, second version")
			w.plan.set(func(f *fakePlan) { f.prog = p })
			w.run(at(8, 0, 30))
			w.plan.disown("a", true)
		}, heard: []string{"a 08:00:00.0", "b 08:00:30.5", "c 08:01:00.5", "d 08:03:00.0"}, want: []string{"a partial:signature", "b aired", "c aired", "d aired"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, at(7, 55, 0), func(w *world) {
				w.plan.prog = programme(1, issued, slots...)
				w.start()
				c.play(w)
				w.run(at(8, 10, 0))
				if got := w.heard(); !slices.EqualFunc(got, c.heard, near) {
					t.Errorf("sounds\n got %q\nwant %q", got, c.heard)
				}
				var got []string
				for _, r := range w.journal.results() {
					s := w.name(r.ID)
					if s == string(r.ID) {
						s = "alert"
					}
					s += " " + string(r.Outcome)
					if r.Reason != "" {
						s += ":" + string(r.Reason)
					}
					got = append(got, s)
				}
				slices.Sort(got)
				slices.Sort(c.want)
				if !slices.Equal(got, c.want) {
					t.Errorf("results\n got %q\nwant %q", got, c.want)
				}
				w.stop()
			})
		})
	}
}

// The page says beforehand what will not sound.
func TestUnapprovedIsShownBeforehand(t *testing.T) {
	bubble(t, at(7, 55, 0), func(w *world) {
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 30}}})
		w.plan.disown("b", true)
		w.start()
		var s radio.Status
		w.desk.Fill(&s)
		if len(s.Next) < 2 || s.Next[0].Excluded != "" || s.Next[1].Excluded != radio.ReasonSignature {
			t.Errorf("%+v", s.Next)
		}
		w.stop()
	})
}

// Whatever is approved and disowned in whatever order, with crashes, alerts and pauses of
// the clock's trust between: nothing begins to sound without an approval, what sounds ends
// within a second of losing it, and every airing has its one result.
func TestNothingSoundsWithoutApproval(t *testing.T) {
	seeds := raced.Some(30)
	if testing.Short() {
		seeds = 6
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, at(6, 0, 0), func(w *world) { randomApprovals(w, rand.New(rand.NewPCG(uint64(seed), 23))) })
		})
	}
}

func randomApprovals(w *world, r *rand.Rand) {
	var slots []slot
	var names []string
	for i := range 1 + r.IntN(3) {
		s := slot{cron: fmt.Sprintf("%d,%d 6-7 * * *", r.IntN(30), 30+r.IntN(30)), grace: 1 + r.IntN(300)}
		if r.IntN(3) == 0 {
			s.priority = radio.Prior
		}
		for j := range 1 + r.IntN(4) {
			names = append(names, fmt.Sprint("item", i, j))
			s.items = append(s.items, item{names[len(names)-1], 20 + r.IntN(400)})
		}
		slots = append(slots, s)
	}
	prog := programme(1, issued, slots...)
	w.plan.prog = prog
	w.plan.policy.Windows = []radio.Window{{From: 0, To: 24 * 60}}
	w.plan.unapproved = map[radio.BulletinID]bool{}
	lost := map[radio.BulletinID]time.Duration{} // since when, on Mono
	disown := func(name string, gone bool) {
		w.plan.disown(name, gone)
		b := idOf[radio.BulletinID](name)
		if delete(lost, b); gone {
			lost[b] = w.clk.Mono()
		}
	}
	for _, n := range names {
		if r.IntN(3) == 0 {
			disown(n, true)
		}
	}
	known := map[radio.AiringID]string{} // finding a name walks the timetable
	bulletin := func(id radio.AiringID) (radio.BulletinID, bool) {
		name, ok := known[id]
		if !ok {
			name = w.name(id)
			known[id] = name
		}
		return idOf[radio.BulletinID](name), name != string(id)
	}
	w.player.heard = func(id radio.AiringID) {
		b, planned := bulletin(id)
		if since, gone := lost[b]; planned && gone && w.clk.Mono() > since {
			w.t.Errorf("%s begins at %s, disowned %s before", w.name(id), w.clk.Now(), w.clk.Mono()-since)
		}
	}
	w.start()
	for w.clk.Now().Before(at(8, 0, 0)) {
		w.run(w.clk.Now().Add(time.Duration(r.IntN(240)) * time.Second))
		switch r.IntN(8) {
		case 0, 1, 2:
			disown(names[r.IntN(len(names))], true)
			w.run(w.clk.Now().Add(time.Second))
			w.player.mu.Lock()
			if s := w.player.stream; s != nil {
				for _, it := range s.queue {
					if b, planned := bulletin(it.ID); planned && lost[b] > 0 {
						w.t.Errorf("%s is still with the player a second after", w.name(it.ID))
					}
				}
			}
			w.player.mu.Unlock()
		case 3, 4:
			disown(names[r.IntN(len(names))], false)
		case 5:
			w.player.crash("random")
		case 6:
			w.order(1, sirenS)
			w.run(w.clk.Now().Add(4 * time.Second))
		case 7:
			w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
			w.run(w.clk.Now().Add(time.Duration(r.IntN(100)) * time.Second))
			disown(names[r.IntN(len(names))], r.IntN(2) == 0)
			w.run(w.clk.Now().Add(time.Second))
			w.clk.SetState(clock.Trusted, clock.SourceKernel, 0)
		}
	}
	w.run(at(11, 0, 0))
	w.stop()
	checkLife(w, prog)
	for _, s := range w.player.sounds {
		if b, planned := bulletin(s.id); planned && lost[b] > 0 && s.mono > lost[b] {
			w.t.Errorf("%s sounded after it was disowned for good", w.name(s.id))
		}
	}
}
