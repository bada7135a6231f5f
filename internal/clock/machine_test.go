package clock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// The real machine: nobody here may set its clock, so only what waits is tried.
func TestRealMachine(t *testing.T) {
	s, err := New(Options{Assumed: true}, silent)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("due", func(t *testing.T) {
		until := s.Now().Add(30 * time.Millisecond)
		if w, err := s.Wait(t.Context(), until); w != Due || err != nil {
			t.Fatalf("%v, %v", w, err)
		}
		if now := s.Now(); now.Before(until) {
			t.Fatalf("woke at %v, before %v", now, until)
		}
	})
	t.Run("ctx ends", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := s.Wait(ctx, s.Now().Add(time.Hour)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v", err)
		}
	})
	t.Run("woken", func(t *testing.T) {
		timer := realMachine().arm(s.Now().Add(time.Hour))
		changed := make(chan struct{})
		time.AfterFunc(10*time.Millisecond, func() { close(changed) })
		if w, err := timer.wait(t.Context(), changed); w != Stepped || err != nil {
			t.Fatalf("%v, %v", w, err)
		}
		if err := timer.close(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("mono and wall agree", func(t *testing.T) {
		at := s.WallToMono(s.Now().Add(time.Minute)) - s.Mono()
		if at > time.Minute+time.Millisecond || at < time.Minute-time.Second {
			t.Fatalf("a minute from now is %v away on Mono", at)
		}
		if before := s.Mono(); s.Mono() < before || before <= 0 {
			t.Fatal("Mono went back")
		}
	})
}

func TestTickTimer(t *testing.T) {
	arm := func(b *bench, until time.Time) tickTimer {
		start := time.Now()
		read := func() instant { // the bench's clocks plus the bubble's
			gone := time.Since(start)
			at := b.machine().read()
			return instant{wall: at.wall.Add(gone), mono: at.mono + gone}
		}
		return tickTimer{until: until, read: read, tick: maxTick}
	}
	tests := map[string]struct {
		step  time.Duration
		woke  Woke
		after time.Duration // at most
	}{
		"no step":   {0, Due, 10 * time.Second},
		"forward":   {2 * time.Hour, Stepped, 4 * time.Second},
		"+6 s":      {6 * time.Second, Stepped, 4 * time.Second},
		"backwards": {-4 * time.Second, Stepped, 4 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bench{at: instant{wall: noon, mono: time.Minute}}
				start := time.Now()
				timer := arm(b, noon.Add(10*time.Second))
				if test.step != 0 {
					time.AfterFunc(2500*time.Millisecond, func() { b.step(test.step) })
				}
				w, err := timer.wait(t.Context(), nil)
				if w != test.woke || err != nil || time.Since(start) > test.after {
					t.Fatalf("%v, %v after %v", w, err, time.Since(start))
				}
			})
		})
	}
	t.Run("ctx and changed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &bench{at: instant{wall: noon, mono: time.Minute}}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := arm(b, noon.Add(time.Hour)).wait(ctx, nil); !errors.Is(err, context.Canceled) {
				t.Fatalf("error %v", err)
			}
			changed := make(chan struct{})
			close(changed)
			if w, err := arm(b, noon.Add(time.Hour)).wait(t.Context(), changed); w != Stepped || err != nil {
				t.Fatalf("%v, %v", w, err)
			}
		})
	})
}
