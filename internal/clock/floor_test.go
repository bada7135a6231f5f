package clock

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A time service that is wrong, or lied to, must not leave a floor behind that refuses
// the right time, and every certificate, for years after it was mended.
func TestWrongTimeServiceLeavesNoFloorForYears(t *testing.T) {
	cases := map[string]struct {
		opts   Options
		wrong  time.Duration
		synced bool
	}{
		"time service 24 years ahead": {Options{}, 24 * 365 * 24 * time.Hour, true},
		"assumed with an offset":      {Options{Assumed: true, Offset: 60 * 24 * time.Hour}, 0, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &memFloor{t: noon.Add(-time.Hour)}
				c.opts.Floor = f
				s, b := newBench(t, noon, c.opts)
				run := func(d time.Duration) {
					ctx, cancel := context.WithTimeout(t.Context(), d)
					defer cancel()
					if err := s.Run(ctx); err != nil {
						t.Fatal(err)
					}
				}
				run(time.Minute)
				learn(t, s, noon, time.Second)
				b.setSync(c.synced, time.Millisecond)
				b.step(c.wrong)
				for range 5 { // also over restarts of the agent
					run(3 * time.Hour)
					s, _ = newBench(t, noon, s.opts)
					s.machine = b.machine()
				}
				if most := noon.Add(unproven); f.t.After(most) {
					t.Fatalf("floor %s, want at most %s", f.t, most)
				}
				// Mended: a day later at most it is right again.
				b.step(-c.wrong)
				b.pass(25 * time.Hour)
				b.setSync(true, time.Millisecond)
				s, _ = newBench(t, noon, Options{Floor: f})
				s.machine = b.machine()
				run(time.Minute)
				want(t, s, Trusted, SourceKernel)
				if late := s.Latest().Sub(s.Now()); late > time.Second {
					t.Errorf("certificates are judged %s ahead of now", late)
				}
			})
		})
	}
}
