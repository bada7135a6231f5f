package playout_test

import (
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// allDay permits every hour, so that only caps refuse.
func allDay(sessions, minutes int) radio.Policy {
	return radio.Policy{Zone: "UTC", Revision: 1, Windows: []radio.Window{{From: 0, To: 24 * 60}}, MaxSessions: sessions, MaxMinutes: minutes}
}

func TestCaps(t *testing.T) {
	cases := []struct {
		name   string
		policy radio.Policy
		slots  []slot
		want   []string
	}{
		{"two sessions, a third is refused", allDay(2, 0), []slot{
			{cron: "0 6 * * *", items: []item{{"a", 60}, {"b", 60}}},
			{cron: "0 7 * * *", items: []item{{"c", 60}}},
			{cron: "0 8 * * *", items: []item{{"d", 60}}},
		}, []string{"a 06:00 aired", "b 06:01 aired", "c 07:00 aired", "d 08:00 refused:policy"}},
		{"slots that touch are one session", allDay(1, 0), []slot{
			{cron: "0 6 * * *", items: []item{{"a", 56}}},
			{cron: "1 6 * * *", items: []item{{"b", 10}}},
			{cron: "2 6 * * *", items: []item{{"c", 10}}},
		}, []string{"a 06:00 aired", "b 06:01 aired", "c 06:02 refused:policy"}},
		{"a gap of five seconds makes two", allDay(1, 0), []slot{
			{cron: "0 6 * * *", items: []item{{"a", 55}}},
			{cron: "1 6 * * *", items: []item{{"b", 10}}},
		}, []string{"a 06:00 aired", "b 06:01 refused:policy"}},
		{"minutes reached exactly", allDay(0, 3), []slot{
			{cron: "0 6 * * *", items: []item{{"a", 60}, {"b", 60}}},
			{cron: "0 7 * * *", items: []item{{"c", 60}}},
			{cron: "0 8 * * *", items: []item{{"d", 1}}},
		}, []string{"a 06:00 aired", "b 06:01 aired", "c 07:00 aired", "d 08:00 refused:policy"}},
		{"one that would pass the minutes does not start, a shorter one does", allDay(0, 3), []slot{
			{cron: "0 6 * * *", items: []item{{"a", 120}, {"b", 61}}},
			{cron: "0 7 * * *", items: []item{{"c", 60}}},
		}, []string{"a 06:00 aired", "b 06:02 refused:policy", "c 07:00 aired"}},
		{"no caps", allDay(0, 0), []slot{
			{cron: "0 6 * * *", items: []item{{"a", 600}}},
			{cron: "0 7 * * *", items: []item{{"b", 600}}},
		}, []string{"a 06:00 aired", "b 07:00 aired"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, at(5, 0, 0), func(w *world) {
				w.plan.policy, w.plan.prog = c.policy, programme(1, issued, c.slots...)
				w.start()
				w.run(at(9, 0, 0))
				w.stop()
				w.want(c.want...)
			})
		})
	}
}

// What an output did not take does not count, and a session stays one when an item of
// it fails.
func TestCapsCountWhatSounded(t *testing.T) {
	bubble(t, at(5, 0, 0), func(w *world) {
		w.plan.policy = allDay(1, 2)
		w.plan.prog = programme(1, issued, slot{cron: "0 6 * * *", items: []item{{"a", 60}, {"b", 60}, {"c", 60}, {"d", 1}}})
		w.audio.missing[hashOf("b")] = true
		w.start()
		w.run(at(7, 0, 0))
		w.stop()
		w.want("a 06:00 aired", "b 06:01 missed:no_audio", "c 06:02 aired", "d 06:03 refused:policy")
	})
}

// A power cut in the middle of the day's only session neither gives the day back nor
// ends the session; minutes go on from the last checkpoint.
func TestCapsSurviveAPowerCut(t *testing.T) {
	bubble(t, at(5, 0, 0), func(w *world) {
		w.plan.policy = allDay(1, 8)
		w.plan.prog = programme(1, issued,
			slot{cron: "0 6 * * *", items: []item{{"a", 300}, {"b", 120}, {"c", 120}}},
			slot{cron: "0 7 * * *", items: []item{{"d", 10}}})
		w.start()
		w.run(at(6, 3, 5))
		w.powerCut()
		w.clk.Advance(20 * time.Second)
		w.start()
		w.run(at(6, 8, 30))
		w.stop()
		w.start() // and once more, in good order
		w.run(at(8, 0, 0))
		w.stop()
		// At least 175 s of a, all of b, and what the stop left of c are counted.
		w.want("a 06:00 partial:off", "b 06:05 aired", "c 06:07 partial:stopped", "d 07:00 refused:policy")
		var sum int64
		list, err := w.journal.Sounded(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			sum += s.Samples
		}
		var heard int64
		for _, s := range w.player.sounds {
			heard += s.consumed
		}
		if lost := heard - sum; lost < 0 || lost > 10*radio.SampleRate+radio.SampleRate {
			t.Errorf("%d samples sounded, %d are counted after the restarts", heard, sum)
		}
	})
}

func TestCapsAndTheDay(t *testing.T) {
	bubble(t, at(22, 0, 0), func(w *world) {
		w.plan.policy = allDay(1, 10)
		w.plan.prog = programme(1, issued,
			// One session over midnight counts, whole, to the day on which it began.
			slot{cron: "55 23 * * *", items: []item{{"a", 240}, {"b", 300}, {"c", 120}}},
			slot{cron: "30 0 * * *", items: []item{{"d", 60}}},
			slot{cron: "40 0 * * *", items: []item{{"e", 60}}})
		w.start()
		w.run(at(25, 0, 0))
		w.stop()
		w.want("a 23:55 aired", "b 23:59 aired", "c 00:04 refused:policy", "d 00:30 aired", "e 00:40 refused:policy")
	})
}

// A clock that is set does not give a day back: neither the same one, nor one it
// returns to.
func TestCapsAndTheClock(t *testing.T) {
	bubble(t, at(5, 0, 0), func(w *world) {
		w.plan.policy = allDay(1, 0)
		w.plan.prog = programme(1, issued, slot{cron: "0 6 * * *", items: []item{{"a", 60}}}, slot{cron: "0 9 * * *", items: []item{{"b", 60}}},
			slot{cron: "0 12 * * *", items: []item{{"c", 60}}})
		w.start()
		w.run(at(7, 0, 0))
		w.clk.Step(24 * time.Hour)
		w.run(at(31, 30, 0))
		w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
		w.run(at(31, 40, 0))
		w.clk.Step(-24 * time.Hour)
		w.clk.SetState(clock.Trusted, clock.SourceKernel, 0)
		w.run(at(10, 0, 0))
		w.clk.Step(-2 * time.Hour)
		w.run(at(13, 0, 0))
		w.stop()
		for _, line := range w.told() {
			if line == "b 09:00 aired" || line == "c 12:00 aired" {
				t.Errorf("a second session on one day: %q", w.told())
			}
		}
	})
}

// A policy that comes during the day finds what the day has had already.
func TestCapsOfANewPolicy(t *testing.T) {
	bubble(t, at(5, 0, 0), func(w *world) {
		w.plan.policy = allDay(0, 0)
		w.plan.prog = programme(1, issued, slot{cron: "0 6 * * *", items: []item{{"a", 60}}}, slot{cron: "0 7 * * *", items: []item{{"b", 60}}},
			slot{cron: "0 8 * * *", items: []item{{"c", 60}}})
		w.start()
		w.run(at(7, 0, 30))
		w.plan.set(func(p *fakePlan) { p.policy = allDay(1, 1); p.policy.Revision = 2 })
		w.run(at(9, 0, 0))
		w.stop()
		w.want("a 06:00 aired", "b 07:00 aired", "c 08:00 refused:policy") // b had begun
	})
}
