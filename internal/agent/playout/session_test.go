package playout_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

func TestDefaultPolicyIsSilentAtNight(t *testing.T) {
	bubble(t, at(3, 0, 0), func(w *world) {
		w.plan.prog = one("15 3 * * *", 60)
		w.start()
		w.run(at(4, 0, 0))
		w.want("news 03:15 refused:policy")
		w.wantSounds()
		if w.player.opened != 0 {
			t.Error("the output was opened for what may not sound")
		}
		w.stop()
	})
}

// A board without a battery boots at 1970; its clock is set 20 minutes later.
func TestBootAt1970(t *testing.T) {
	bubble(t, time.Unix(30, 0), func(w *world) {
		w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
		// 06:00 passed with the power off, 07:00 while the clock was wrong.
		w.plan.prog = programme(1, issued, slot{cron: "0 6,7,8 * * *", items: []item{{"news", 60}}})
		w.lastSeen = radio.At(at(5, 30, 0))
		w.start()
		w.run(time.Unix(30, 0).Add(20 * time.Minute))
		w.wantSounds()
		w.clk.Step(at(7, 10, 0).Sub(w.clk.Now()))
		w.clk.SetState(clock.Trusted, clock.SourceKernel, time.Millisecond)
		w.run(at(8, 5, 0))
		w.want("news 06:00 missed:off", "news 07:00 missed:clock", "news 08:00 aired")
		w.wantSounds("news 08:00:00.000")
		if told := w.faults.told(); !slices.Equal(told, []string{"+clock", "-clock"}) {
			t.Errorf("faults %v, want the clock's once", told)
		}
		w.stop()
	})
}

func TestThirtyDaysOffline(t *testing.T) {
	bubble(t, at(7, 0, 0), func(w *world) {
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"news", 60}}})
		w.start()
		w.run(at(7, 0, 0).AddDate(0, 0, 40))
		results := w.journal.results()
		if len(results) != 40 {
			t.Fatalf("%d results in 40 days", len(results))
		}
		for i, c := range results {
			// Issued two days before: valid for 33 days more.
			want := radio.Aired
			if i >= 33 {
				want = radio.Refused
			}
			if c.Outcome != want || want == radio.Refused && c.Reason != radio.ReasonExpired {
				t.Errorf("day %d: %s %s", i, c.Outcome, c.Reason)
			}
		}
		if len(w.player.sounds) != 33 {
			t.Errorf("%d sounds", len(w.player.sounds))
		}
		w.stop()
	})
}

func TestPowerCutInAnAiring(t *testing.T) {
	bubble(t, at(7, 50, 0), func(w *world) {
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 60}}})
		w.start()
		w.run(at(8, 0, 35))
		w.powerCut()
		w.clk.Advance(40 * time.Second) // 08:01:15, b should have begun at 08:01
		w.start()
		w.run(at(8, 3, 0))
		w.want("a 08:00 partial:off", "b 08:01 partial:late")
		r := w.journal.results()
		if !r[0].AtLeast || r[0].Consumed < 29*radio.SampleRate || r[0].Consumed > 35*radio.SampleRate {
			t.Errorf("the cut airing %+v, want at least what the last checkpoint said", r[0])
		}
		if r[1].AtLeast || r[1].Skipped+r[1].Consumed != r[1].Expected || r[1].Skipped < 15*radio.SampleRate || r[1].Skipped > 17*radio.SampleRate {
			t.Errorf("the joined airing %+v, want it joined where it would be", r[1])
		}
		w.stop()
	})
}

func TestMissedWhileOff(t *testing.T) {
	bubble(t, at(7, 50, 0), func(w *world) {
		w.plan.prog = one("0 * * * *", 60)
		w.lastSeen = radio.At(at(4, 30, 0))
		w.start()
		w.run(at(8, 5, 0))
		w.want("news 05:00 missed:off", "news 06:00 missed:off", "news 07:00 missed:off", "news 08:00 aired")
		w.stop()
		// Once more: nothing is told twice.
		w.lastSeen = radio.At(at(4, 30, 0))
		w.start()
		w.run(at(8, 30, 0))
		if n := len(w.journal.results()); n != 4 {
			t.Errorf("%d results after a second start", n)
		}
		w.stop()
	})
}

func TestBacklogIsBoundedAndDelaysNoSound(t *testing.T) {
	bubble(t, at(7, 59, 50), func(w *world) {
		w.plan.policy.Windows = []radio.Window{{From: 0, To: 24 * 60}}
		w.plan.prog = one("*/5 * * * *", 5)
		w.plan.prog.IssuedAt = radio.At(day.AddDate(0, 0, -34))
		w.lastSeen = radio.At(day.AddDate(0, 0, -60))
		w.start()
		w.run(at(8, 1, 0))
		results := w.journal.results()
		if n := len(results); n < 5000 || n > 5002 {
			t.Errorf("%d results, want the newest 5000 and one aired", n)
		}
		w.wantSounds("news 08:00:00.000")
		w.stop()
	})
}

func TestStopFadesAndWritesDown(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 60}}})
		w.start()
		w.run(at(8, 0, 58)) // a sounds, b is handed over
		w.stop()
		w.want("a 08:00 partial:stopped", "b 08:01 cancelled:stopped")
		if w.player.stream != nil {
			t.Error("the player was left running")
		}
	})
}

func TestStopWhenThePlayerHangs(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.prog = one("0 8 * * *", 60)
		w.start()
		w.run(at(8, 0, 30))
		w.player.hang()
		w.cancel()
		if err := <-w.done; err != nil { // ends by its own limit, in the bubble's time
			t.Fatal(err)
		}
		w.want("news 08:00 partial:stopped")
		if w.player.stream != nil {
			t.Error("the player was left running")
		}
	})
}

func TestSoundIsBackWithinFiveSeconds(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 30}}})
		w.start()
		w.run(at(8, 0, 20))
		w.player.crash("device lost")
		w.run(at(8, 2, 0))
		w.want("a 08:00 partial:output", "b 08:01 aired")
		s := w.player.sounds
		if len(s) != 3 || s[1].wall.Sub(s[0].wallEnd) > 5*time.Second {
			t.Fatalf("sounds %v", s)
		}
		// What sounds after it is where it would have been.
		a := w.journal.results()[0]
		if a.Consumed+a.Skipped != a.Expected || a.Consumed < 58*radio.SampleRate {
			t.Errorf("confirmation %+v", a)
		}
		if told := w.faults.told(); !slices.Equal(told, []string{"+output", "-output"}) {
			t.Errorf("faults %v, want one opened and closed", told)
		}
		w.stop()
	})
}

func TestFaultsOpenOnce(t *testing.T) {
	bubble(t, at(7, 50, 0), func(w *world) {
		w.plan.prog = one("0,5,10 8 * * *", 60)
		w.player.openErr = errors.New("no such device")
		w.start()
		w.run(at(8, 8, 0))
		w.player.setOpenErr(nil)
		w.run(at(8, 12, 0))
		w.want("news 08:00 failed:output", "news 08:05 failed:output", "news 08:10 aired")
		if told := w.faults.told(); !slices.Equal(told, []string{"+output", "-output"}) {
			t.Errorf("faults %v", told)
		}
		w.stop()
	})
}

// A time service that is lied to moves the permitted hours with the clock. The device
// cannot know who is right, but it does not keep it to itself.
func TestTheCentreContradictsTheClock(t *testing.T) {
	bubble(t, at(7, 0, 0), func(w *world) {
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}}})
		w.start()
		w.clk.Contradict(30 * time.Second)
		w.run(at(7, 10, 0))
		w.clk.Contradict(-5 * time.Hour)
		w.run(at(8, 10, 0))
		w.clk.Contradict(0)
		w.run(at(8, 20, 0))
		w.stop()
		if got := w.faults.told(); !slices.Equal(got, []string{"+clock", "-clock"}) {
			t.Errorf("faults %q", got)
		}
		w.want("a 08:00 aired")
	})
}

func TestJournalOutOfOrder(t *testing.T) {
	bubble(t, at(7, 50, 0), func(w *world) {
		w.plan.prog = one("0 8 * * *", 30)
		w.start()
		w.run(at(7, 55, 0))
		w.journal.setFull(true)
		w.run(at(8, 5, 0))
		w.want()
		w.journal.setFull(false)
		w.run(at(8, 6, 0))
		w.want("news 08:00 aired")
		id := w.journal.results()[0].ID
		if kinds := w.journal.kinds(id); !slices.Equal(kinds, []string{"airing", "result"}) {
			t.Errorf("records %v, want them in order", kinds)
		}
		if told := w.faults.told(); !slices.Equal(told, []string{"+journal", "-journal"}) {
			t.Errorf("faults %v", told)
		}
		w.stop()
	})
}

// The programme changes while the clock is not trusted: what fell due under the old
// one is still told, what both hold is joined.
func TestProgrammeChangesWhileClockIsUnknown(t *testing.T) {
	bubble(t, at(7, 50, 0), func(w *world) {
		old := programme(1, issued, slot{cron: "0 8,9 * * *", items: []item{{"news", 60}}})
		w.plan.prog = old
		w.start()
		w.run(at(7, 55, 0))
		w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
		w.run(at(8, 30, 0))
		w.plan.set(func(p *fakePlan) {
			p.prog = programme(2, at(8, 29, 0), slot{cron: "0 9 * * *", items: []item{{"news", 60}}})
		})
		w.run(at(9, 0, 20))
		w.clk.SetState(clock.Trusted, clock.SourceKernel, 0)
		w.run(at(9, 5, 0))
		w.plan.set(func(p *fakePlan) { p.prog = old })
		w.want("news 08:00 missed:clock", "news 09:00 partial:late")
		w.stop()
	})
}

// A new revision puts a priority airing where a normal one still sounds: it cuts that
// on its second, and the normal one goes on behind it.
func TestPriorityCutsWhatIsInItsWay(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"long", 120}}})
		w.start()
		w.run(at(8, 0, 30))
		next := programme(2, at(8, 0, 29), slot{cron: "0 8 * * *", items: []item{{"long", 120}}},
			slot{cron: "1 8 * * *", items: []item{{"first", 90}}, priority: radio.Prior})
		w.plan.set(func(p *fakePlan) { p.prog = next })
		w.run(at(8, 5, 0))
		w.want("first 08:01 aired", "long 08:00 aired")
		w.wantSounds("long 08:00:00.000", "first 08:01:00.000", "long 08:02:30.000")
		if long := w.journal.results()[1]; long.Interrupted != 1 || long.Consumed != long.Expected {
			t.Errorf("the cut one %+v", long)
		}
		w.stop()
	})
}

func TestFileOfManyShortItems(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		var items []item
		var want []string
		for _, n := range strings.Split("a b c d e f g h", " ") {
			items = append(items, item{n, 1})
			want = append(want, n+" 08:00 aired")
		}
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: items})
		w.start()
		w.run(at(8, 1, 0))
		w.want(want...)
		w.stop()
	})
}

func TestOffsetMovesTheSoundNotThePlan(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.settings.OffsetMS = 250
		w.plan.prog = one("0 8 * * *", 10)
		w.start()
		w.run(at(8, 1, 0))
		w.want("news 08:00 aired")
		w.wantSounds("news 08:00:00.250")
		w.stop()
	})
}

func TestFill(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 60}}})
		w.audio.missing[hashOf("b")] = true
		w.start()
		w.run(at(8, 0, 30))
		var v radio.Status
		w.desk.Fill(&v)
		if v.Sounding == nil || v.Sounding.Title != "a" || v.Sounding.Consumed < 28*radio.SampleRate {
			t.Errorf("sounding %+v", v.Sounding)
		}
		if len(v.Next) != 3 || v.Next[0].Title != "b" || v.Next[0].Ready || v.Next[1].Title != "a" || !v.Next[1].Ready {
			t.Errorf("next %+v", v.Next)
		}
		if v.Output.State != "open" || v.Output.Driver != "fake" {
			t.Errorf("output %+v", v.Output)
		}
		w.stop()
		synctest.Wait()
	})
}
