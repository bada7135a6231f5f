package clock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
)

// told has a key of the centre say what time it is.
func told(t *testing.T, s *System, kid string, at time.Time) error {
	t.Helper()
	return s.FromCentre(at, kid, s.Mono()-time.Second, s.Mono())
}

func runFor(t *testing.T, s *System, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// A welcome signed with a stolen key takes the clock 300 days ahead, in a run or in the one
// before. When the key is revoked, the right time is believed at once, and nothing that is
// valid by it has expired for certain.
func TestARevokedKeyLeavesNoFloor(t *testing.T) {
	floor := noon.Add(-time.Hour)
	for name, c := range map[string]struct {
		before  func(t *testing.T, s *System, b *bench)
		restart bool
		least   time.Time // what stays of the floor
	}{
		"in this run":       {least: floor},
		"in the run before": {restart: true, least: floor},
		"another key has said more than the floor": {before: func(t *testing.T, s *System, _ *bench) {
			if err := told(t, s, "good", noon); err != nil {
				t.Fatal(err)
			}
			runFor(t, s, time.Minute)
		}, restart: true, least: noon},
		"the time service had said so too": {before: func(t *testing.T, s *System, b *bench) {
			b.setSync(true, time.Millisecond)
			if err := told(t, s, "stolen", noon); err != nil { // when it was not stolen yet
				t.Fatal(err)
			}
			runFor(t, s, time.Minute)
			b.setSync(false, 0)
			b.step(time.Second) // what was known is void
		}, least: noon},
		"and the hardware clock has learned it": {before: func(t *testing.T, s *System, b *bench) {
			b.setRTC(noon)
		}, restart: true, least: floor},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, mem := &memFloor{t: floor}, &memMemory{}
				opts := Options{Floor: f, Memory: mem, RTC: "rtc0"}
				s, b := newBench(t, noon, opts)
				runFor(t, s, time.Second)
				if c.before != nil {
					c.before(t, s, b)
				}
				if err := told(t, s, "stolen", noon.AddDate(0, 0, 300)); err != nil {
					t.Fatal(err)
				}
				runFor(t, s, 3*time.Hour)
				if f.t.After(noon.Add(time.Hour)) || s.lowest().After(noon.AddDate(0, 0, 45).Add(time.Hour)) {
					t.Errorf("one word raises the floor to %s, what is certain of it to %s", s.lowest(), f.t)
				}
				if c.restart {
					s, _ = newBench(t, noon, opts)
					s.machine = b.machine()
				}
				s.Distrust(t.Context(), []string{"elder", "stolen"}) // before Run has read anything
				runFor(t, s, time.Minute)
				if r := s.State(); r.Usable() {
					t.Errorf("%s by %s after the revocation", r.State, r.Source)
				}
				if _, ok := s.ProvenThisBoot(); ok {
					t.Error("its answer still proves what time it is")
				}
				if l := s.lowest(); l.Before(c.least) || l.After(noon.Add(time.Minute)) {
					t.Errorf("floor %s, want %s", l, c.least)
				}
				if err := told(t, s, "stolen", noon.AddDate(0, 0, 300)); !errors.Is(err, radio.ErrForbidden) {
					t.Error("once more:", err)
				}
				s.AtLeast(noon.AddDate(0, 0, 30), "stolen")
				b.pass(time.Minute)
				if err := told(t, s, "new", noon.Add(5*time.Minute)); err != nil {
					t.Fatal("the right time:", err)
				}
				want(t, s, Trusted, SourceCentre)
				if p := s.Passed(); p.After(noon.Add(time.Hour)) {
					t.Errorf("for certain it is after %s", p)
				}
			})
		})
	}
}

// Step by step a stolen key comes as far as it likes, and falls back as far.
func TestOneWordRaisesTheFloorByASpan(t *testing.T) {
	s, _ := newBench(t, y1970, Options{BuildTime: built})
	s.AtLeast(built.AddDate(1, 0, 0), "k")
	if got := s.Latest(); !got.Equal(built.Add(vouchStep)) {
		t.Errorf("floor %s, want %s later than the build", got, vouchStep)
	}
	if got := s.Passed(); !got.Equal(built) {
		t.Errorf("for certain it is after %s; only a key has said so", got)
	}
	s.AtLeast(built.AddDate(1, 0, 0), "k")
	if got := s.Latest(); !got.Equal(built.Add(2 * vouchStep)) {
		t.Errorf("floor %s after a second word", got)
	}
	s.Distrust(t.Context(), []string{"k"})
	if got := s.Latest(); !got.Equal(built) {
		t.Errorf("floor %s after the revocation", got)
	}
}

// Where a source of the device's own agrees, the floor follows at once, and stays.
func TestTwoSourcesRaiseTheFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &memFloor{t: noon.AddDate(-1, 0, 0)}
		s, b := newBench(t, noon, Options{Floor: f, Memory: &memMemory{}})
		b.setSync(true, time.Millisecond)
		runFor(t, s, time.Second)
		if err := told(t, s, "k", noon); err != nil {
			t.Fatal(err)
		}
		runFor(t, s, time.Minute)
		s.Distrust(t.Context(), []string{"k"})
		if f.t.Before(noon) || s.Passed().Before(noon) {
			t.Errorf("floor %s", f.t)
		}
		want(t, s, Trusted, SourceKernel)
	})
}

// A person at the device outranks what only the centre's keys have said, and it does not
// come back after a restart.
func TestByHandBelowWhatAKeyHasSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := Options{BuildTime: noon.AddDate(0, -1, 0), Floor: &memFloor{}, Memory: &memMemory{}}
		s, b := newBench(t, y1970, opts)
		if err := told(t, s, "k", noon.AddDate(0, 0, 40)); err != nil {
			t.Fatal(err)
		}
		runFor(t, s, time.Minute)
		s, _ = newBench(t, y1970, opts)
		s.machine = b.machine()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go s.Run(ctx)
		time.Sleep(time.Second) // in the bubble
		if got := s.Latest(); got.Before(noon) {
			t.Fatalf("floor %s, it should have been kept", got)
		}
		if err := s.SetByHand(opts.BuildTime.Add(-time.Hour)); !errors.Is(err, radio.ErrInvalid) {
			t.Error("below what is certain:", err)
		}
		if err := s.SetByHand(noon); err != nil {
			t.Fatal(err)
		}
		want(t, s, Holdover, SourceManual)
		time.Sleep(time.Minute)
		stop()
		synctest.Wait()
		s, _ = newBench(t, y1970, opts)
		s.machine = b.machine()
		runFor(t, s, time.Second)
		if got := s.Latest(); got.After(noon.Add(time.Hour)) {
			t.Errorf("floor %s again", got)
		}
	})
}
