package clock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"loaxa/internal/radio"
)

// setRTC lets the bench have a hardware clock.
func (b *bench) setRTC(t time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rtc = t
}

func (b *bench) moveRTC(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.rtc.IsZero() {
		b.rtc = b.rtc.Add(d)
	}
}

func (b *bench) readRTC(string) (time.Time, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rtc.IsZero() {
		return b.rtc, radio.ErrNotFound
	}
	return b.rtc.Truncate(time.Second), nil
}

// run lets the clock's Run look for a while, in a bubble.
func look(t *testing.T, s *System, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// A board with a battery clock, powered off for two days and without any network.
func TestHardwareClockOverAPowerCut(t *testing.T) {
	for name, c := range map[string]struct {
		shows  time.Duration // the hardware clock, against the truth
		off    time.Duration
		after  time.Duration // what it lost or gained meanwhile
		synced bool          // by the kernel, else by the centre
		drift  float64
		want   Source
		bound  time.Duration // at most
	}{
		"set by the time service":          {0, 2 * day, 0, true, 0, SourceRTC, 21 * time.Second},
		"hours off, and nobody sets it":    {-5 * time.Hour, 2 * day, 0, false, 0, SourceRTC, 22 * time.Second},
		"hours off, about to be set":       {-5 * time.Hour, 2 * day, 0, true, 0, SourceNone, 0},
		"a good one over two months":       {0, 60 * day, 2 * time.Second, true, 3e-6, SourceRTC, 19 * time.Second},
		"a common one over two months":     {0, 60 * day, 0, true, 0, SourceNone, 0},
		"its battery was empty":            {0, 2 * day, -50 * 365 * day, true, 0, SourceNone, 0},
		"set back a day while it was off":  {0, 2 * day, -3 * day, true, 0, SourceNone, 0},
		"years ahead after a new battery":  {0, 2 * day, 30 * 365 * day, true, 0, SourceNone, 0},
		"no more than seconds after a cut": {0, 3 * time.Second, 0, true, 0, SourceRTC, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mem, floor := &memMemory{}, &memFloor{}
				opts := Options{RTC: "rtc0", RTCDrift: c.drift, Memory: mem, Floor: floor}
				s, b := newBench(t, noon, opts)
				b.setRTC(noon.Add(c.shows))
				if c.synced {
					b.setSync(true, time.Millisecond)
				} else {
					learn(t, s, noon, 2*time.Second)
				}
				look(t, s, 2*time.Minute) // the bench's clocks stand still meanwhile
				b.moveRTC(c.off + c.after)
				s, b2 := newBench(t, y1970, opts)
				b2.setRTC(b.rtc)
				look(t, s, 2*time.Second)
				state := Holdover
				if c.want == SourceNone {
					state = Untrusted
				}
				r := want(t, s, state, c.want)
				if c.want != SourceRTC {
					return
				}
				if truth := noon.Add(c.off); s.Now().Sub(truth).Abs() > r.Bound || r.Bound > c.bound {
					t.Errorf("shows %s, true is %s, bound %s", s.Now(), truth, r.Bound)
				}
			})
		})
	}
}

func TestHardwareClockIsWrittenHourly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := &memMemory{}
		s, b := newBench(t, noon, Options{RTC: "rtc0", Memory: mem})
		b.setRTC(noon)
		for range 6 * 60 {
			b.setSync(true, time.Millisecond)
			look(t, s, time.Second)
			b.pass(time.Minute)
			b.moveRTC(time.Minute)
		}
		if mem.n < 5 || mem.n > 8 {
			t.Errorf("%d writes in 6 hours", mem.n)
		}
	})
}

func TestHardwareClockThatIsNotThere(t *testing.T) {
	if _, err := New(Options{RTC: "../mem"}, silent); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("a path: %v", err)
	}
	s, _ := newBench(t, noon, Options{RTC: "rtc0"})
	s.watchRTC(t.Context())
	want(t, s, Untrusted, SourceNone)
	if _, err := readRTC("rtc99"); !errors.Is(err, radio.ErrNotFound) {
		t.Errorf("the real one: %v", err)
	}
}
