package playout_test

import (
	"testing"

	"loaxa/internal/radio"
)

// An airing that begins with the first moment of the permitted hours lies with the player
// three seconds before; whatever wakes the device then (a beat of every minute, a new
// document) must not take it back as outside the hours. Found by random rule sets
// (e2e/rules): one wake in those seconds refused a bulletin of 05:00 in hours from 05:00.
func TestWakeBeforeTheHoursOpen(t *testing.T) {
	bubble(t, at(6, 0, 0), func(w *world) {
		w.plan.prog = programme(1, at(0, 0, 0), slot{cron: "0 7 * * *", items: []item{{"opening", 60}}})
		w.plan.policy.Windows = []radio.Window{{From: 7 * 60, To: 8 * 60}}
		w.start()
		w.run(at(6, 59, 58))
		w.plan.set(func(*fakePlan) {})
		w.run(at(6, 59, 59))
		w.plan.set(func(*fakePlan) {})
		w.run(at(7, 2, 0))
		w.stop()
		w.want("opening 07:00 aired")
		w.wantSounds("opening 07:00:00.000")
	})
}
