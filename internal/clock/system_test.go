package clock

import (
	"context"
	"errors"
	"log/slog"
	gosync "sync"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
)

var (
	y1970  = time.Unix(30, 0).UTC()
	noon   = time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC)
	built  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	silent = slog.New(slog.DiscardHandler)
)

// bench is a machine whose clocks the test moves.
type bench struct {
	mu   gosync.Mutex
	at   instant
	sync sync
	armd []time.Time
	rtc  time.Time // zero: none
}

func (b *bench) machine() machine {
	return machine{
		rtc:    b.readRTC,
		read:   func() instant { b.mu.Lock(); defer b.mu.Unlock(); return b.at },
		kernel: func() sync { b.mu.Lock(); defer b.mu.Unlock(); return b.sync },
		arm: func(until time.Time) timer {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.armd = append(b.armd, until)
			return idleTimer{}
		},
	}
}

// pass lets d go by; step sets the wall clock.
func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at.wall, b.at.mono = b.at.wall.Add(d), b.at.mono+d
	if b.sync.synced {
		b.sync.bound += d / 2000 // the kernel's own 500 ppm
		b.sync.synced = b.sync.bound < 16*time.Second
	}
}

func (b *bench) step(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at.wall = b.at.wall.Add(d)
}

func (b *bench) setSync(synced bool, bound time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sync = sync{synced: synced, bound: bound}
}

// idleTimer never fires by itself.
type idleTimer struct{}

func (idleTimer) close() error { return nil }
func (idleTimer) wait(ctx context.Context, changed <-chan struct{}) (Woke, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-changed:
		return Stepped, nil
	}
}

type memFloor struct {
	mu     gosync.Mutex
	t      time.Time
	err    error
	stores []time.Time
}

func (f *memFloor) Load(context.Context) (time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.t, f.err
}

func (f *memFloor) Store(_ context.Context, t time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stores = append(f.stores, t)
	if f.err == nil {
		f.t = t
	}
	return f.err
}

func newBench(t *testing.T, start time.Time, opts Options) (*System, *bench) {
	t.Helper()
	s, err := New(opts, silent)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{at: instant{wall: start, mono: 20 * time.Second}}
	s.machine = b.machine()
	return s, b
}

func want(t *testing.T, s *System, state State, source Source) Reading {
	t.Helper()
	r := s.State()
	if r.State != state || r.Source != source {
		t.Fatalf("state %s from %s, want %s from %s", r.State, r.Source, state, source)
	}
	return r
}

func learn(t *testing.T, s *System, centre time.Time, trip time.Duration) {
	t.Helper()
	got := s.Mono()
	if err := s.FromCentre(centre.Add(-trip/2), "centre", got-trip, got); err != nil {
		t.Fatal(err)
	}
}

func TestTrust(t *testing.T) {
	tests := map[string]func(t *testing.T){
		"boot at 1970 without any source": func(t *testing.T) {
			s, _ := newBench(t, y1970, Options{BuildTime: built})
			want(t, s, Untrusted, SourceNone)
			if got := s.Latest(); !got.Equal(built) {
				t.Fatalf("Latest %v, want the build time", got)
			}
		},
		// A battery clock that runs ahead must not expire an alert; certificates are judged
		// on the later time all the same (design §5).
		"boot years ahead without any source": func(t *testing.T) {
			s, b := newBench(t, noon.AddDate(70, 0, 0), Options{BuildTime: built})
			want(t, s, Untrusted, SourceNone)
			if got := s.Passed(); !got.Equal(built) {
				t.Errorf("Passed %v, want the build time", got)
			}
			if got := s.Latest(); !got.Equal(noon.AddDate(70, 0, 0)) {
				t.Errorf("Latest %v, want what the clock shows", got)
			}
			s.AtLeast(noon, "")
			if got := s.Passed(); !got.Equal(noon) {
				t.Errorf("Passed %v, want the floor", got)
			}
			learn(t, s, noon.Add(time.Hour), time.Second)
			b.pass(time.Minute)
			if got := s.Passed(); !got.Equal(s.Now()) || got.Sub(noon) < time.Hour {
				t.Errorf("Passed %v, want now", got)
			}
		},
		"the time service and the centre contradict each other": func(t *testing.T) {
			s, b := newBench(t, noon, Options{BuildTime: built})
			b.setSync(true, time.Millisecond)
			if r := want(t, s, Trusted, SourceKernel); r.Against != 0 {
				t.Errorf("before any word: %s", r.Against)
			}
			learn(t, s, noon.Add(time.Second), 4*time.Second) // within its round trip
			if r := want(t, s, Trusted, SourceKernel); r.Against != 0 {
				t.Errorf("in step: %s", r.Against)
			}
			b.step(5 * time.Hour)
			b.pass(time.Hour)
			b.setSync(true, time.Millisecond)
			if r := want(t, s, Trusted, SourceKernel); (r.Against - 5*time.Hour).Abs() > 10*time.Second {
				t.Errorf("five hours ahead: %s", r.Against)
			}
			b.step(-10 * time.Hour)
			b.setSync(true, time.Millisecond)
			if r := s.State(); (r.Against + 5*time.Hour).Abs() > 10*time.Second {
				t.Errorf("five hours behind: %s", r.Against)
			}
			learn(t, s, s.Now(), time.Second) // the centre was wrong, and is mended
			if r := s.State(); r.Against != 0 {
				t.Errorf("mended: %s", r.Against)
			}
		},
		"boot at 1970, the kernel thinks it is synced": func(t *testing.T) {
			s, b := newBench(t, y1970, Options{BuildTime: built})
			b.setSync(true, time.Millisecond)
			want(t, s, Untrusted, SourceKernel)
		},
		"boot at 1970, welcome, then the time service steps": func(t *testing.T) {
			s, b := newBench(t, y1970, Options{BuildTime: built})
			learn(t, s, noon, 400*time.Millisecond)
			r := want(t, s, Trusted, SourceCentre)
			if r.Bound.Truncate(time.Millisecond) != 200*time.Millisecond || !s.Now().Equal(noon) {
				t.Fatalf("bound %v, now %v", r.Bound, s.Now())
			}
			b.step(noon.Sub(y1970)) // the service sets the clock first ...
			want(t, s, Untrusted, SourceNone)
			b.setSync(true, 30*time.Millisecond) // ... and says so a moment later
			want(t, s, Trusted, SourceKernel)
			if !s.Now().Equal(noon) || s.State().Offset != 0 {
				t.Fatalf("now %v, offset %v", s.Now(), s.State().Offset)
			}
		},
		"wall wrong by 2 h, kernel silent, centre right": func(t *testing.T) {
			s, b := newBench(t, noon.Add(2*time.Hour), Options{})
			learn(t, s, noon, time.Second)
			if !s.Now().Equal(noon) {
				t.Fatalf("now %v, want %v", s.Now(), noon)
			}
			b.pass(time.Hour)
			if got := s.WallToMono(noon.Add(time.Hour + time.Minute)); got != s.Mono()+time.Minute {
				t.Fatalf("WallToMono %v, want a minute after %v", got, s.Mono())
			}
		},
		"unexplained steps void the centre's offset": func(t *testing.T) {
			for _, d := range []time.Duration{6 * time.Second, 2 * time.Hour, -4 * time.Second} {
				s, b := newBench(t, noon, Options{})
				learn(t, s, noon, time.Second)
				want(t, s, Trusted, SourceCentre)
				b.step(d)
				want(t, s, Untrusted, SourceNone)
				learn(t, s, noon, time.Second)
				if r := want(t, s, Trusted, SourceCentre); r.Offset != -d {
					t.Fatalf("offset %v after a step of %v", r.Offset, d)
				}
			}
		},
		"a step by hand voids holdover": func(t *testing.T) {
			s, b := newBench(t, noon, Options{})
			b.setSync(true, time.Millisecond)
			want(t, s, Trusted, SourceKernel)
			b.setSync(false, 0)
			want(t, s, Holdover, SourceKernel)
			b.step(6 * time.Second)
			want(t, s, Untrusted, SourceNone)
		},
		"a step the kernel vouches for keeps trust": func(t *testing.T) {
			s, b := newBench(t, noon, Options{})
			b.setSync(true, time.Millisecond)
			want(t, s, Trusted, SourceKernel)
			b.step(-4 * time.Second)
			b.setSync(true, 5*time.Millisecond)
			if r := want(t, s, Trusted, SourceKernel); r.Bound != 5*time.Millisecond {
				t.Fatalf("bound %v after the step", r.Bound)
			}
		},
		"slewing is no step": func(t *testing.T) {
			s, b := newBench(t, noon, Options{})
			learn(t, s, noon, time.Second)
			for range 100 {
				b.pass(time.Second)
				b.step(400 * time.Microsecond)
				want(t, s, Trusted, SourceCentre)
			}
		},
		"kernel lost: holdover with our drift, then untrusted": func(t *testing.T) {
			s, b := newBench(t, noon, Options{})
			b.setSync(true, 10*time.Millisecond)
			want(t, s, Trusted, SourceKernel)
			b.pass(10 * time.Hour) // the kernel's own bound passes 16 s: it gives up
			r := want(t, s, Holdover, SourceKernel)
			if limit := 10*time.Millisecond + 3600*time.Millisecond; r.Bound != limit {
				t.Fatalf("bound %v, want %v (100 ppm)", r.Bound, limit)
			}
			b.pass(6 * 24 * time.Hour)
			want(t, s, Holdover, SourceKernel)
			b.pass(24 * time.Hour)
			want(t, s, Untrusted, SourceNone)
		},
		"30 days offline after a welcome": func(t *testing.T) {
			s, b := newBench(t, noon, Options{})
			learn(t, s, noon, time.Second)
			b.pass(23 * time.Hour)
			want(t, s, Trusted, SourceCentre)
			b.pass(2 * time.Hour)
			want(t, s, Holdover, SourceCentre)
			b.pass(30 * 24 * time.Hour)
			want(t, s, Untrusted, SourceNone)
		},
		"the kernel beats the centre": func(t *testing.T) {
			s, b := newBench(t, noon, Options{})
			learn(t, s, noon.Add(time.Minute), time.Second)
			b.setSync(true, time.Millisecond)
			if r := want(t, s, Trusted, SourceKernel); r.Offset != 0 {
				t.Fatalf("offset %v", r.Offset)
			}
		},
		"a slow welcome does not replace a quick one": func(t *testing.T) {
			s, _ := newBench(t, noon, Options{})
			learn(t, s, noon, time.Second)
			learn(t, s, noon.Add(3*time.Second), 8*time.Second)
			if r := s.State(); r.Bound.Truncate(time.Millisecond) != 500*time.Millisecond || r.Offset != 0 {
				t.Fatalf("bound %v, offset %v", r.Bound, r.Offset)
			}
		},
		"a welcome of 10 s tells no time": func(t *testing.T) {
			s, _ := newBench(t, noon, Options{})
			for _, trip := range []time.Duration{10 * time.Second, -time.Second} {
				if err := s.FromCentre(noon, "centre", s.Mono()-trip, s.Mono()); !errors.Is(err, radio.ErrInvalid) {
					t.Fatalf("%v: error %v", trip, err)
				}
			}
			want(t, s, Untrusted, SourceNone)
		},
		"a centre before the floor is not believed": func(t *testing.T) {
			s, _ := newBench(t, y1970, Options{BuildTime: built})
			if err := s.FromCentre(built.Add(-time.Hour), "centre", s.Mono(), s.Mono()); !errors.Is(err, radio.ErrInvalid) {
				t.Fatalf("error %v", err)
			}
		},
		"a message's time is a lower bound": func(t *testing.T) {
			s, b := newBench(t, noon, Options{})
			b.setSync(true, time.Millisecond)
			s.AtLeast(noon.Add(30*time.Second), "") // within what a usable clock may be wrong
			want(t, s, Trusted, SourceKernel)
			s.AtLeast(noon.Add(2*time.Hour), "")
			want(t, s, Untrusted, SourceKernel)
			if got := s.Latest(); !got.Equal(noon.Add(2 * time.Hour)) {
				t.Fatalf("Latest %v", got)
			}
			s.AtLeast(noon, "") // never back
			want(t, s, Untrusted, SourceKernel)
			b.pass(2 * time.Hour)
			want(t, s, Trusted, SourceKernel)
		},
		"assumed with an offset": func(t *testing.T) {
			s, b := newBench(t, noon, Options{Assumed: true, Offset: 26 * time.Hour})
			b.setSync(true, time.Millisecond)
			want(t, s, Trusted, SourceAssumed)
			learn(t, s, noon, time.Second)
			want(t, s, Trusted, SourceAssumed)
			if !s.Now().Equal(noon.Add(26 * time.Hour)) {
				t.Fatalf("now %v", s.Now())
			}
		},
		"since tells when trust began, on the present clock": func(t *testing.T) {
			s, b := newBench(t, y1970, Options{})
			want(t, s, Untrusted, SourceNone)
			b.pass(time.Minute)
			learn(t, s, noon, 0)
			b.pass(time.Hour)
			if r := s.State(); !r.Since.Equal(noon) {
				t.Fatalf("since %v, want %v", r.Since, noon)
			}
		},
	}
	for name, test := range tests {
		t.Run(name, test)
	}
}

func TestOptions(t *testing.T) {
	for name, opts := range map[string]Options{
		"offset without assumed":   {Offset: time.Hour},
		"drift of a stopped clock": {Drift: 1},
		"negative drift":           {Drift: -1e-4},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(opts, silent); !errors.Is(err, radio.ErrInvalid) {
				t.Fatalf("error %v", err)
			}
		})
	}
}

func TestFloor(t *testing.T) {
	run := func(t *testing.T, s *System, d time.Duration, each func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		for range d / time.Minute {
			time.Sleep(time.Minute) // in the bubble
			each()
		}
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	t.Run("untrusted until the floor is read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &memFloor{t: noon.Add(time.Hour)}
			s, b := newBench(t, noon.Add(2*time.Hour), Options{Floor: f})
			b.setSync(true, time.Millisecond)
			want(t, s, Untrusted, SourceKernel)
			run(t, s, time.Minute, func() { want(t, s, Trusted, SourceKernel) })
		})
	})
	t.Run("a clock before the floor stays untrusted and stores nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &memFloor{t: noon}
			s, b := newBench(t, noon.Add(-2*time.Hour), Options{Floor: f})
			b.setSync(true, time.Millisecond)
			run(t, s, time.Minute, func() { want(t, s, Untrusted, SourceKernel) })
			if len(f.stores) != 0 {
				t.Fatalf("stored %v", f.stores)
			}
		})
	})
	t.Run("stored hourly and at the end, never back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &memFloor{t: noon.Add(-time.Hour)}
			s, b := newBench(t, noon, Options{Floor: f})
			minutes := 0
			b.setSync(true, time.Millisecond)
			learn(t, s, noon, time.Second)
			run(t, s, 3*time.Hour+30*time.Minute, func() {
				b.pass(time.Minute)
				b.setSync(true, time.Millisecond)
				if minutes++; minutes == 90 {
					b.step(-40 * time.Second)
				}
			})
			if len(f.stores) < 4 || len(f.stores) > 6 {
				t.Fatalf("%d writes in 3.5 h: %v", len(f.stores), f.stores)
			}
			for i := 1; i < len(f.stores); i++ {
				if !f.stores[i].After(f.stores[i-1]) {
					t.Fatalf("floor went back: %v", f.stores)
				}
			}
			if !f.t.Equal(s.Now()) {
				t.Fatalf("last floor %v, want %v", f.t, s.Now())
			}
		})
	})
	t.Run("an unreadable floor does not silence", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &memFloor{err: errors.New("page damaged")}
			s, b := newBench(t, noon, Options{Floor: f, BuildTime: built})
			b.setSync(true, time.Millisecond)
			run(t, s, time.Minute, func() { want(t, s, Trusted, SourceKernel) })
			if len(f.stores) > 2 {
				t.Fatalf("%d writes to a broken floor in a minute", len(f.stores))
			}
		})
	})
}

func TestWaitWakesOnStepAndTrust(t *testing.T) {
	tests := map[string]func(s *System, b *bench){
		"+6 s":             func(_ *System, b *bench) { b.step(6 * time.Second) },
		"+2 h":             func(_ *System, b *bench) { b.step(2 * time.Hour) },
		"-4 s":             func(_ *System, b *bench) { b.step(-4 * time.Second) },
		"kernel is synced": func(_ *System, b *bench) { b.setSync(true, time.Millisecond) },
		"welcome moves the clock": func(s *System, _ *bench) {
			if err := s.FromCentre(noon.Add(time.Hour), "centre", s.Mono(), s.Mono()); err != nil {
				panic(err)
			}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, b := newBench(t, noon, Options{})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- s.Run(ctx) }()
				woke := make(chan Woke, 1)
				go func() {
					w, err := s.Wait(t.Context(), noon.Add(time.Hour))
					if err != nil {
						t.Error(err)
					}
					woke <- w
				}()
				synctest.Wait()
				select {
				case w := <-woke:
					t.Fatalf("woke too early: %v", w)
				default:
				}
				change(s, b)
				if w := <-woke; w != Stepped { // Run looks within a second
					t.Fatalf("woke %v", w)
				}
				cancel()
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestWaitArmsTheMachineClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b := newBench(t, noon, Options{Assumed: true, Offset: 2 * time.Hour})
		if w, err := s.Wait(t.Context(), noon.Add(time.Hour)); w != Due || err != nil {
			t.Fatalf("past instant: %v, %v", w, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Wait(ctx, noon.Add(3*time.Hour)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v", err)
		}
		if _, err := s.Wait(ctx, noon); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("ended ctx: error %v", err)
		}
		if len(b.armd) != 1 || !b.armd[0].Equal(noon.Add(time.Hour)) {
			t.Fatalf("armed %v, want one at 1 h on the machine's clock", b.armd)
		}
	})
}
