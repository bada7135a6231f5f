package playout_test

import (
	"slices"
	"testing"
)

// TestAlertsAreNeverStaggered: the device's own offset and stagger move what is planned,
// never an alert: sirens of neighbours sound together, at once, with and without a
// bulletin to cut; and the bulletin goes on behind it as if there were no stagger.
func TestAlertsAreNeverStaggered(t *testing.T) {
	for name, c := range map[string]struct{ offset, stagger int }{
		"neither": {0, 0}, "a stagger": {0, 2500}, "the longest one": {0, 60_000}, "both": {-700, 2500},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, at(7, 59, 0), func(w *world) {
				w.plan.settings.OffsetMS, w.plan.settings.StaggerMS = c.offset, c.stagger
				w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 120}}})
				w.start()
				w.run(at(7, 59, 20))
				w.order(1, sirenS, leadS)
				w.run(at(8, 1, 30))
				w.order(2, sirenS, leadS)
				w.run(at(8, 5, 0))
				var alerts []string
				for _, s := range w.heard() {
					if s[:5] == "alert" {
						alerts = append(alerts, s)
					}
				}
				if want := []string{"alert 07:59:20.0", "alert 07:59:28.0", "alert 08:01:30.0", "alert 08:01:38.0"}; !slices.Equal(alerts, want) {
					t.Errorf("alerts\n got %q\nwant %q", alerts, want)
				}
				begun := at(8, 0, 0).UnixMilli() + int64(c.offset+c.stagger)
				i := slices.IndexFunc(w.heard(), func(s string) bool { return s[:1] == "a" && s[:5] != "alert" })
				if got := w.player.sounds[i].wall.UnixMilli(); got != begun {
					t.Errorf("the bulletin began %d ms off", got-begun)
				}
				w.stop()
			})
		})
	}
}
