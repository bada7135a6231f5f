package clock

import (
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// anchor is the best moment a source was right: from it on, the bound grows with
// the assumed drift.
type anchor struct {
	held   bool
	mono   time.Duration
	bound  time.Duration
	offset time.Duration
}

func (a anchor) boundAt(mono time.Duration, drift float64) time.Duration {
	return a.bound + time.Duration(float64(mono-a.mono)*drift)
}

// FromCentre takes the centre's time out of a signed welcome whose nonce matched
// our hello. sent and got are Mono when hello left and welcome came; the truth lies
// somewhere between, so half of the round trip is the error bound.
func (s *System) FromCentre(centre time.Time, sent, got time.Duration) error {
	trip := got - sent
	if trip < 0 || trip >= maxRoundTrip {
		return fmt.Errorf("%w: welcome took %v, its time counts only below %v", radio.ErrInvalid, trip, maxRoundTrip)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if floor := s.lowest(); centre.Before(floor.Add(-MaxBound)) {
		return fmt.Errorf("%w: centre says %s, but %s has passed already", radio.ErrInvalid,
			centre.UTC().Format(time.RFC3339), floor.Format(time.RFC3339))
	}
	s.prove(centre)
	now := s.look()
	middle := sent + trip/2
	wallThen := now.wall.Add(middle - now.mono)
	fresh := anchor{held: true, mono: middle, bound: trip / 2, offset: centre.Sub(wallThen)}
	// A slow answer does not replace a better bound that is still fresh.
	if old := s.centre; old.held && now.mono-old.mono < centreFresh &&
		old.boundAt(now.mono, s.opts.Drift) < fresh.boundAt(now.mono, s.opts.Drift) {
		return nil
	}
	s.centre = fresh
	s.judge(now)
	return nil
}

// look reads the machine and notices steps; the caller holds mu.
func (s *System) look() instant {
	now := s.machine.read()
	jump := now.delta() - s.last.delta()
	first := !s.seen
	s.seen, s.last = true, now
	switch {
	case first:
		s.judge(now)
	case jump.Abs() > stepTolerance:
		// Whoever set the clock, what was known about it is void. If it was the time
		// service, the kernel says so and is believed again at once.
		s.log.Warn("wall clock stepped", "by", jump.String(), "source", string(s.reading.Source))
		s.kernel, s.centre = anchor{}, anchor{}
		s.judge(now)
		s.notify()
	}
	return now
}

// lowest is the instant below which no true clock is.
func (s *System) lowest() time.Time {
	if s.opts.BuildTime.After(s.floor) {
		return s.opts.BuildTime.UTC()
	}
	return s.floor
}

// judge decides state, source, bound and offset; the caller holds mu.
func (s *System) judge(now instant) {
	r := s.choose(now)
	// The margin is what a clock may be wrong by while it counts as usable, so that
	// a message stamped by a centre a second ahead does not silence the device.
	if !s.loaded || now.wall.Add(r.Offset).Before(s.lowest().Add(-MaxBound)) {
		r.State = Untrusted
	}
	old := s.reading
	s.reading = r
	if old.State == r.State && old.Source == r.Source {
		if (old.Offset - r.Offset).Abs() > stepTolerance {
			s.notify()
		}
		return
	}
	s.since = now.mono
	if old.State != "" {
		s.log.Info("clock", "state", string(r.State), "source", string(r.Source),
			"bound", r.Bound.String(), "offset", r.Offset.String())
		s.notify()
	}
}

// choose takes the best source there is.
func (s *System) choose(now instant) Reading {
	if s.opts.Assumed {
		return Reading{State: Trusted, Source: SourceAssumed, Offset: s.opts.Offset}
	}
	k := s.machine.kernel()
	if k.synced && k.bound < MaxBound {
		// The kernel grows its bound by 500 ppm; the anchor stays where it was last
		// disciplined, because our own assumption grows more slowly.
		if !s.kernel.held || k.bound <= s.kernel.boundAt(now.mono, s.opts.Drift) {
			s.kernel = anchor{held: true, mono: now.mono, bound: k.bound}
		}
		return Reading{State: Trusted, Source: SourceKernel, Bound: s.kernel.boundAt(now.mono, s.opts.Drift)}
	}
	best := Reading{State: Untrusted, Source: SourceNone, Bound: MaxBound}
	if s.kernel.held {
		if bound := s.kernel.boundAt(now.mono, s.opts.Drift); bound < best.Bound {
			best = Reading{State: Holdover, Source: SourceKernel, Bound: bound}
		}
	}
	if s.centre.held {
		if bound := s.centre.boundAt(now.mono, s.opts.Drift); bound < best.Bound {
			best = Reading{State: Holdover, Source: SourceCentre, Bound: bound, Offset: s.centre.offset}
			if now.mono-s.centre.mono < centreFresh {
				best.State = Trusted
			}
		}
	}
	if best.Source == SourceNone {
		best.Bound = 0
	}
	return best
}

// notify wakes every Wait; the caller holds mu.
func (s *System) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}
