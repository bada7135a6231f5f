package playout_test

import (
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// What sounds follows the volume of the hour, and is not left at that of its start.
func TestVolumeOfTheHourWhileItSounds(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		w.plan.policy.Volume = []radio.VolumeSpan{{From: 480, To: 481, GainDB: -6}, {From: 481, To: 482, GainDB: -12}}
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"long", 150}}})
		w.start()
		w.run(at(8, 0, 59))
		if len(w.player.gains) != 0 {
			t.Fatalf("moved before the hour: %v", w.player.gains)
		}
		w.run(at(8, 1, 1))
		if want := []float64{-12}; !slices.Equal(w.player.gains, want) {
			t.Fatalf("gains moved %v, want %v", w.player.gains, want)
		}
		w.obey(radio.CommandVolume, func(c *radio.Command) { c.GainDB = -5 })
		w.run(at(8, 5, 0))
		if want := []float64{-12, -17, -5}; !slices.Equal(w.player.gains, want) {
			t.Errorf("gains moved %v, want %v", w.player.gains, want)
		}
		w.stop()
	})
}

// Rules that were held before their first day count from local midnight on, with nobody to
// tell the device: what the old ones permitted does not sound, and what the new ones permit does.
func TestRulesChangeAtMidnightWithoutALink(t *testing.T) {
	bubble(t, at(7, 59, 0), func(w *world) {
		tomorrow := radio.DateOf(at(7, 59, 0).In(zoneOf(t, w.plan.policy.Zone)).AddDate(0, 0, 1))
		w.plan.policy.Windows = []radio.Window{{From: 7 * 60, To: 9 * 60}}
		w.plan.policy.Coming = []radio.PolicyStage{{From: tomorrow, Label: "mới", Windows: []radio.Window{{From: 10 * 60, To: 11 * 60}}, Quiet: []radio.Window{{From: 630, To: 660}}}}
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"early", 30}}}, slot{cron: "0 10 * * *", items: []item{{"late", 30}}}, slot{cron: "40 10 * * *", items: []item{{"lesson", 30}}})
		w.start()
		w.run(at(11, 0, 0))
		first := len(w.journal.results())
		w.run(at(11, 0, 0).Add(24 * time.Hour))
		want := map[string]int{"today aired": 1, "today refused": 2, "tomorrow aired": 1, "tomorrow refused": 2}
		count := map[string]int{}
		for i, r := range w.journal.results() {
			day := "today "
			if i >= first {
				day = "tomorrow "
			}
			count[day+string(r.Outcome)]++
			start := r.Start.Time().In(zoneOf(t, w.plan.policy.Zone)).Hour()
			if open := map[string]int{"today ": 8, "tomorrow ": 10}[day]; r.Outcome == radio.Aired && start != open {
				t.Errorf("%s: sounded at %d o'clock", day, start)
			}
		}
		for k, n := range want {
			if count[k] != n {
				t.Errorf("%s: %d, want %d", k, count[k], n)
			}
		}
		w.stop()
	})
}

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}
