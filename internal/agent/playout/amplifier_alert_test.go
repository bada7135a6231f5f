package playout_test

import (
	"slices"
	"testing"
	"time"

	"loaxa/internal/clock"
)

func TestAmplifierOfAnAlert(t *testing.T) {
	for name, c := range map[string]struct {
		start time.Time
		slots []slot
		do    func(w *world)
		amp   []string
		heard []string
	}{
		"at night, with an untrusted clock: on at once, and the siren's head is kept": {start: at(3, 0, 0), do: func(w *world) {
			w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
			w.order(1, sirenS)
			w.run(at(3, 1, 0))
		}, amp: []string{"on 03:00:00.000", "off 03:00:11.500"}, heard: []string{"alert 03:00:01.5"}},
		"a slow switch": {start: at(3, 0, 0), do: func(w *world) {
			w.amp.takes = time.Second
			w.order(1, sirenS)
			w.run(at(3, 1, 0))
		}, amp: []string{"on 03:00:01.000", "off 03:00:13.500"}, heard: []string{"alert 03:00:02.5"}},
		"a switch that fails keeps no alert back": {start: at(3, 0, 0), do: func(w *world) {
			w.amp.fails = true
			w.order(1, sirenS)
			w.run(at(3, 1, 0))
		}, amp: []string{"on failed 03:00:00.000", "off failed 03:00:10.000"}, heard: []string{"alert 03:00:00.0"}},
		"in a session it is warm already": {start: at(9, 0, 0), slots: []slot{{cron: "0 10 * * *", items: []item{{"a", 60}}}}, do: func(w *world) {
			w.run(at(10, 0, 30))
			w.order(1, sirenS)
			w.run(at(10, 3, 0))
		}, amp: []string{"on 09:59:56.500", "off 10:01:12.021"}, heard: []string{"a 10:00:00.0", "alert 10:00:30.0", "a 10:00:38.0"}},
		"between two cycles it is off, and on in time for the next": {start: at(9, 0, 0), do: func(w *world) {
			w.alerts.set(func(f *fakeAlerts) { f.hold, f.wake = true, w.clk.Mono()+time.Minute })
			w.order(1, sirenS)
			w.run(at(9, 1, 0))
			w.order(2, sirenS)
			w.alerts.set(func(f *fakeAlerts) { f.hold, f.wake = false, 0 })
			w.run(at(9, 2, 0))
		}, amp: []string{"on 09:00:00.000", "off 09:00:11.500", "on 09:00:56.500", "off 09:01:10.000"}, heard: []string{"alert 09:00:01.5", "alert 09:01:00.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, c.start, func(w *world) {
				withAmplifier(w, 1500*time.Millisecond)
				w.plan.prog = programme(1, issued, c.slots...)
				w.start()
				c.do(w)
				w.stop()
				w.amp.wantTold(c.amp...)
				if got := w.heard(); !slices.Equal(got, c.heard) {
					t.Errorf("heard %q, want %q", got, c.heard)
				}
			})
		})
	}
}

// A test tone announces itself: the words must be heard from the first on.
func TestAmplifierOfATone(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		amp   []string
		heard []string
	}{
		"a quick switch": {0, []string{"on 09:00:00.000", "off 09:00:11.500"}, []string{"alert 09:00:01.5"}},
		"a slow one":     {time.Second, []string{"on 09:00:01.000", "off 09:00:13.500"}, []string{"alert 09:00:02.5"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, at(8, 59, 0), func(w *world) {
				withAmplifier(w, 1500*time.Millisecond).takes = c.takes
				w.plan.prog = programme(1, issued)
				w.start()
				w.run(at(9, 0, 0))
				if why, _ := w.toneOf(); why != "" {
					t.Fatal(why)
				}
				w.run(at(9, 1, 0))
				w.stop()
				w.amp.wantTold(c.amp...)
				if got := w.heard(); !slices.Equal(got, c.heard) {
					t.Errorf("heard %q, want %q", got, c.heard)
				}
			})
		})
	}
}
