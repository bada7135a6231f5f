package clock

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// run starts the clock until ok, on the real scheduler.
func run(t *testing.T, s *System, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Error("waited in vain")
			cancel()
			<-done
			return
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// crystal is a machine whose Mono, and with it its wall clock, runs wrong.
type crystal struct {
	*bench
	s     *System
	ppm   float64
	truth time.Time
}

func (c *crystal) wait(d time.Duration) {
	c.truth = c.truth.Add(d)
	c.pass(d - time.Duration(float64(d)*c.ppm/1e6)) // a slow one counts less
}

func newCrystal(t *testing.T, ppm float64, opts Options) *crystal {
	s, b := newBench(t, noon, opts)
	s.loaded = true
	return &crystal{bench: b, s: s, ppm: ppm, truth: noon}
}

// within checks the promise of the bound itself: the truth lies inside.
func (c *crystal) within(t *testing.T) Reading {
	t.Helper()
	r := c.s.State()
	if off := c.s.Now().Sub(c.truth).Abs(); r.Usable() && off > r.Bound {
		t.Errorf("wrong by %s, bound %s (%s by %s)", off, r.Bound, r.State, r.Source)
	}
	return r
}

func TestDriftIsMeasured(t *testing.T) {
	for name, c := range map[string]struct {
		ppm  float64
		trip time.Duration
		wait time.Duration
		rate float64 // after it, at most
		same bool    // nothing was learned
	}{
		"a good crystal":          {4, 100 * time.Millisecond, 24 * time.Hour, 20e-6, false},
		"a fast one":              {-30, 100 * time.Millisecond, 24 * time.Hour, 45e-6, false},
		"a bad one counts as bad": {300, 100 * time.Millisecond, 24 * time.Hour, 315e-6, false},
		"readings too close":      {4, 100 * time.Millisecond, 5 * time.Hour, 0, true},
		"readings too vague":      {4, 9 * time.Second, 24 * time.Hour, 0, true},
		"no crystal is so wrong":  {5000, 100 * time.Millisecond, 24 * time.Hour, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			k := newCrystal(t, c.ppm, Options{})
			learn(t, k.s, k.truth, c.trip)
			k.wait(c.wait)
			learn(t, k.s, k.truth, c.trip)
			if rate := k.s.rate(); c.same != (rate == defaultDrift) || !c.same && (rate > c.rate || rate < math.Abs(c.ppm)/1e6) {
				t.Errorf("rate %g after %s", rate, c.wait)
			}
			if c.same {
				return
			}
			for range 60 {
				k.wait(12 * time.Hour)
				if r := k.within(t); !r.Usable() {
					break
				}
			}
		})
	}
}

func TestDriftOfALongHoldover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := &memMemory{}
		k := newCrystal(t, 5, Options{Memory: mem})
		k.setSync(true, 5*time.Millisecond)
		want(t, k.s, Trusted, SourceKernel)
		k.setSync(false, 0)
		k.wait(2 * day)
		k.within(t)
		learn(t, k.s, k.truth, 200*time.Millisecond) // measured from the kernel's last moment
		m := k.s.drift.measured
		if math.Abs(m.PPM-5) > m.Uncertainty || m.Uncertainty > 1.5 {
			t.Fatalf("measured %+v", m)
		}
		look(t, k.s, time.Second)
		// After a restart the measurement still holds: weeks instead of one.
		delete(mem.kept, keptVouched) // it begins at the same instant
		again := newCrystal(t, 5, Options{Memory: mem})
		look(t, again.s, time.Second)
		learn(t, again.s, again.truth, 200*time.Millisecond)
		again.wait(30 * day)
		if r := again.within(t); r.State != Holdover {
			t.Errorf("%s after 30 days with a crystal of 5 ppm", r.State)
		}
		// A synchronised kernel steers Mono: what is measured over that says nothing.
		steered := newCrystal(t, 0, Options{})
		learn(t, steered.s, steered.truth, 200*time.Millisecond)
		steered.wait(day / 2)
		steered.setSync(true, time.Millisecond)
		want(t, steered.s, Trusted, SourceKernel)
		steered.setSync(false, 0)
		steered.wait(time.Hour)
		learn(t, steered.s, steered.truth, 200*time.Millisecond)
		if steered.s.drift.measured.known() {
			t.Errorf("measured over steered hours: %+v", steered.s.drift.measured)
		}
	})
}

func TestDriftThatIsDamagedOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, text := range []string{"", "{", `{"ppm":0,"uncertainty_ppm":0,"span_ms":1}`, `{"ppm":1e9,"span_ms":99999999999}`, `{"ppm":1,"uncertainty_ppm":-5,"span_ms":99999999999}`} {
			mem := &memMemory{kept: map[string][]byte{keptDrift: []byte(text), keptRTC: []byte(text)}}
			s, _ := newBench(t, noon, Options{Memory: mem})
			look(t, s, time.Second)
			if s.rate() != defaultDrift || s.hardware.record.sane() {
				t.Errorf("%q: rate %g, hardware %+v", text, s.rate(), s.hardware.record)
			}
		}
	})
}
