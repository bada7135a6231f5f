package clock

import (
	"context"
	"errors"
	"math/rand/v2"
	gosync "sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
)

// memMemory outlives a System, as the journal does.
type memMemory struct {
	mu   gosync.Mutex
	kept map[string][]byte
	n    int
}

func (m *memMemory) Keep(_ context.Context, name string, v []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[string][]byte{}
	}
	m.kept[name] = v
	m.n++
	return nil
}

func (m *memMemory) Kept(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.kept[name]; ok {
		return v, nil
	}
	return nil, radio.ErrNotFound
}

// hand sets the clock as a person would.
func hand(t *testing.T, s *System, at time.Time) {
	t.Helper()
	if err := s.SetByHand(at); err != nil {
		t.Fatal(err)
	}
}

func modemSays(t *testing.T, s *System, at time.Time, accuracy time.Duration) {
	t.Helper()
	if err := s.fromModem(at, accuracy, s.Mono(), s.Mono()); err != nil {
		t.Fatal(err)
	}
}

const day = 24 * time.Hour

// TestSourcesAndStates is the table of the package comment: every source in every state.
func TestSourcesAndStates(t *testing.T) {
	type look struct {
		after time.Duration
		state State
		bound time.Duration // 0: not looked at
	}
	for name, c := range map[string]struct {
		opts   Options
		begin  func(t *testing.T, s *System, b *bench)
		source Source
		looks  []look
	}{
		"assumed": {opts: Options{Assumed: true}, source: SourceAssumed,
			looks: []look{{0, Trusted, 0}, {400 * day, Trusted, 0}}},
		"kernel": {begin: func(t *testing.T, s *System, b *bench) {
			b.setSync(true, 10*time.Millisecond)
			want(t, s, Trusted, SourceKernel)
		}, source: SourceKernel, looks: []look{{0, Trusted, 10 * time.Millisecond}, {10 * time.Hour, Holdover, 3610 * time.Millisecond},
			{6 * day, Holdover, 0}, {day, Untrusted, 0}}},
		"centre": {begin: func(t *testing.T, s *System, _ *bench) { learn(t, s, noon, 2*time.Second) }, source: SourceCentre,
			looks: []look{{23 * time.Hour, Trusted, 0}, {2 * time.Hour, Holdover, 10 * time.Second}, {5 * day, Holdover, 0}, {day, Untrusted, 0}}},
		"modem": {begin: func(t *testing.T, s *System, _ *bench) { modemSays(t, s, noon, 2*time.Second) }, source: SourceModem,
			looks: []look{{0, Trusted, 2 * time.Second}, {23 * time.Hour, Trusted, 0}, {2 * time.Hour, Holdover, 0}, {6 * day, Untrusted, 0}}},
		"rtc": {opts: Options{RTC: "rtc0"}, begin: func(_ *testing.T, s *System, b *bench) {
			s.hardware.record = hardwareRecord{Showed: radio.At(noon.Add(-day)), At: radio.At(noon.Add(-day)), BoundMS: 1000}
			b.setRTC(noon)
			s.watchRTC(context.Background())
		}, source: SourceRTC, looks: []look{{0, Holdover, 2*time.Second + 8640*time.Millisecond + 50*time.Microsecond}, {5 * day, Holdover, 0}, {day, Untrusted, 0}}},
		"manual": {begin: func(t *testing.T, s *System, _ *bench) { hand(t, s, noon) }, source: SourceManual,
			looks: []look{{0, Holdover, 30 * time.Second}, {3 * day, Holdover, 0}, {12 * time.Hour, Untrusted, 0}}},
		"none": {source: SourceNone, looks: []look{{0, Untrusted, 0}, {400 * day, Untrusted, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			s, b := newBench(t, noon, c.opts)
			if c.begin != nil {
				c.begin(t, s, b)
			}
			for i, l := range c.looks {
				b.pass(l.after)
				source := c.source
				if l.state == Untrusted {
					source = SourceNone
				}
				r := want(t, s, l.state, source)
				if l.bound != 0 && (r.Bound-l.bound).Abs() > time.Millisecond {
					t.Errorf("look %d: bound %s, want %s", i, r.Bound, l.bound)
				}
			}
			// Whatever the source: below the floor nothing is believed.
			s, b = newBench(t, noon, c.opts)
			if c.begin != nil {
				c.begin(t, s, b)
			}
			s.AtLeast(noon.Add(10*365*day), "")
			if r := s.State(); r.State != Untrusted || s.Now().Before(noon.Add(10*365*day)) {
				t.Errorf("below the floor: %s, shows %s", r.State, s.Now())
			}
			// And a step nobody vouches for takes the word of all but the assumed.
			s, b = newBench(t, noon, c.opts)
			if c.begin != nil {
				c.begin(t, s, b)
			}
			b.setSync(false, 0)
			b.step(6 * time.Second)
			if r := s.State(); r.Usable() && r.Source != SourceAssumed {
				t.Errorf("after a step: %s by %s", r.State, r.Source)
			}
		})
	}
}

func TestSetByHand(t *testing.T) {
	for name, test := range map[string]func(t *testing.T){
		"at 1970": func(t *testing.T) {
			s, b := newBench(t, y1970, Options{BuildTime: built})
			want(t, s, Untrusted, SourceNone)
			hand(t, s, noon)
			want(t, s, Holdover, SourceManual)
			b.pass(time.Minute)
			if got := s.Now(); !got.Equal(noon.Add(time.Minute)) {
				t.Errorf("now %s", got)
			}
		},
		"again, a little better": func(t *testing.T) {
			s, _ := newBench(t, y1970, Options{BuildTime: built})
			hand(t, s, noon)
			hand(t, s, noon.Add(time.Hour)) // the first was an error
			if r := want(t, s, Holdover, SourceManual); !s.Now().Equal(noon.Add(time.Hour)) || r.Bound != manualBound {
				t.Errorf("now %s, bound %s", s.Now(), r.Bound)
			}
		},
		"gives way to whoever knows better": func(t *testing.T) {
			for source, better := range map[Source]func(s *System, b *bench){
				SourceKernel: func(_ *System, b *bench) {
					b.step(noon.Sub(y1970))
					b.setSync(true, time.Millisecond)
				},
				SourceCentre: func(s *System, _ *bench) { learn(t, s, noon, time.Second) },
				SourceModem:  func(s *System, _ *bench) { modemSays(t, s, noon, time.Second) },
			} {
				s, b := newBench(t, y1970, Options{BuildTime: built})
				hand(t, s, noon.Add(2*time.Hour))
				better(s, b)
				if want(t, s, Trusted, source); !s.Now().Equal(noon) {
					t.Errorf("%s: now %s", source, s.Now())
				}
			}
		},
		"not against a better source": func(t *testing.T) {
			s, b := newBench(t, noon, Options{})
			learn(t, s, noon, time.Second)
			if err := s.SetByHand(noon.Add(time.Hour)); !errors.Is(err, radio.ErrConflict) {
				t.Errorf("while trusted: %v", err)
			}
			b.pass(30 * time.Hour)
			want(t, s, Holdover, SourceCentre)
			if err := s.SetByHand(s.Now().Add(time.Hour)); !errors.Is(err, radio.ErrConflict) {
				t.Errorf("an hour off the centre's time of yesterday: %v", err)
			}
			hand(t, s, s.Now().Add(20*time.Second)) // as watches go
			want(t, s, Holdover, SourceCentre)
		},
		"against a hardware clock with a new battery": func(t *testing.T) {
			s, b := newBench(t, noon, Options{RTC: "rtc0"})
			s.hardware.record = hardwareRecord{Showed: radio.At(noon.Add(-day)), At: radio.At(noon.Add(-day)), BoundMS: 1}
			b.setRTC(noon.Add(5 * time.Hour)) // set wrong by somebody
			s.watchRTC(t.Context())
			want(t, s, Holdover, SourceRTC)
			hand(t, s, noon)
			want(t, s, Holdover, SourceManual)
			b.pass(4 * day) // the person's word is used up
			want(t, s, Untrusted, SourceNone)
			s.watchRTC(t.Context())
			want(t, s, Untrusted, SourceNone)
		},
		"what cannot be": func(t *testing.T) {
			s, _ := newBench(t, y1970, Options{BuildTime: built})
			for _, at := range []time.Time{built.Add(-time.Hour), y1970, noon.AddDate(100, 0, 0)} {
				if err := s.SetByHand(at); !errors.Is(err, radio.ErrInvalid) {
					t.Errorf("%s: %v", at, err)
				}
			}
			assumed, _ := newBench(t, noon, Options{Assumed: true})
			if err := assumed.SetByHand(noon); !errors.Is(err, radio.ErrConflict) {
				t.Errorf("assumed: %v", err)
			}
		},
		"a typed year leaves no floor for years": func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &memFloor{t: noon}
				s, _ := newBench(t, y1970, Options{Floor: f})
				s.loadFloor(t.Context())
				hand(t, s, noon.AddDate(30, 0, 0))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := s.Run(ctx); err != nil {
					t.Fatal(err)
				}
				if f.t.After(noon.Add(unproven)) {
					t.Errorf("floor %s", f.t)
				}
			})
		},
	} {
		t.Run(name, test)
	}
}

func TestProvenThisBoot(t *testing.T) {
	s, b := newBench(t, y1970, Options{BuildTime: built})
	hand(t, s, noon)
	if _, ok := s.ProvenThisBoot(); ok {
		t.Fatal("proven by a person")
	}
	learn(t, s, noon, 4*time.Second)
	b.pass(time.Minute)
	b.step(-3 * time.Hour) // takes the centre's anchor, not what it has proven
	want(t, s, Untrusted, SourceNone)
	// learn lets the centre say noon − 2 s in the middle of 4 s: now it may be noon + 2 s.
	want := func(what string, latest time.Time) {
		t.Helper()
		if now, ok := s.ProvenThisBoot(); !ok || now.Sub(latest).Abs() > 10*time.Millisecond { // drift of a minute
			t.Errorf("%s: %s, %v, want %s", what, now, ok, latest)
		}
	}
	want("a minute later", noon.Add(time.Minute+2*time.Second))
	learn(t, s, noon.Add(time.Minute), 8*time.Second)
	want("after a slower answer", noon.Add(time.Minute+2*time.Second))
	learn(t, s, noon.Add(time.Minute), time.Second)
	want("after a quicker answer", noon.Add(time.Minute+500*time.Millisecond))
	b.pass(time.Minute)
	want("and on", noon.Add(2*time.Minute+500*time.Millisecond))
	// One too slow to set a clock by still proves something, if there is nothing else.
	s, _ = newBench(t, y1970, Options{BuildTime: built})
	if err := s.FromCentre(noon, "centre", s.Mono()-15*time.Second, s.Mono()); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("%v", err)
	}
	want("after 15 s", noon.Add(15*time.Second))
}

// TestClockProperties walks at random through all that can happen to a clock.
func TestClockProperties(t *testing.T) {
	const seeds, steps = 200, 120
	for seed := range uint64(seeds) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		s, b := newBench(t, y1970, Options{BuildTime: built, RTC: "rtc0"})
		s.loaded = true
		truth := noon // and how long the walk is under way
		floor, before := s.lowest(), s.State()
		for i := range steps {
			d := time.Duration(rnd.Int64N(int64(10 * time.Hour)))
			what := rnd.IntN(9)
			switch what {
			case 0:
				truth = truth.Add(d)
				b.pass(d)
				b.moveRTC(d)
			case 1:
				b.setSync(true, time.Duration(rnd.Int64N(int64(time.Second))))
			case 2:
				b.setSync(false, 0)
			case 3:
				b.step(truth.Sub(b.at.wall) + time.Duration(rnd.Int64N(int64(time.Minute))))
			case 4:
				_ = s.FromCentre(truth, "centre", s.Mono()-time.Duration(rnd.Int64N(int64(12*time.Second))), s.Mono()) // may be refused
			case 5:
				_ = s.fromModem(truth, time.Duration(rnd.Int64N(int64(20*time.Second))), s.Mono(), s.Mono()) // may be refused
			case 6:
				_ = s.SetByHand(truth.Add(time.Duration(rnd.Int64N(int64(time.Hour))))) // may be refused
			case 7:
				s.hardware.looked = 0
				b.setRTC(truth.Add(-time.Duration(rnd.Int64N(int64(3 * time.Second)))))
				s.watchRTC(t.Context())
			case 8:
				s.AtLeast(truth.Add(-time.Duration(rnd.Int64N(int64(day)))), "")
			}
			waited := what == 0 // no source has spoken, and nobody has set the clock
			r, now := s.State(), s.Now()
			if l := s.lowest(); l.Before(floor) {
				t.Fatalf("seed %d, step %d: the floor went back from %s to %s", seed, i, floor, l)
			}
			floor = s.lowest()
			if r.State == Untrusted && now.Before(floor) || now.Before(floor.Add(-MaxBound)) {
				t.Fatalf("seed %d, step %d: %s (%s by %s) is below the floor %s", seed, i, now, r.State, r.Source, floor)
			}
			if r.Usable() && r.Source == SourceNone {
				t.Fatalf("seed %d, step %d: %s without a source", seed, i, r.State)
			}
			if r.State == Trusted && r.Source != SourceKernel && r.Source != SourceCentre && r.Source != SourceModem {
				t.Fatalf("seed %d, step %d: trusted by %s", seed, i, r.Source)
			}
			if r.Usable() && r.Bound >= MaxBound {
				t.Fatalf("seed %d, step %d: usable with %s", seed, i, r.Bound)
			}
			// Time alone never makes a clock better.
			if waited && (r.Source == before.Source && r.Source != SourceNone && r.Bound < before.Bound ||
				before.State == Holdover && r.State == Trusted) {
				t.Fatalf("seed %d, step %d: from %s ≤ %s to %s ≤ %s by waiting", seed, i, before.State, before.Bound, r.State, r.Bound)
			}
			if waited && !before.Usable() && r.Usable() && before.Source == SourceNone {
				t.Fatalf("seed %d, step %d: usable by waiting", seed, i)
			}
			before = r
		}
	}
}
