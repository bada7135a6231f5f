package clock

import (
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// anchor is the best moment a source was right: from it on, the bound grows with
// the drift of the crystal.
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
// somewhere between, so half of the round trip is the error bound. kid has signed it.
func (s *System) FromCentre(centre time.Time, kid string, sent, got time.Duration) error {
	trip := got - sent
	s.mu.Lock()
	defer s.mu.Unlock()
	if kid != "" && s.isDisowned(kid) {
		return fmt.Errorf("%w: key %s is revoked", radio.ErrForbidden, kid)
	}
	if !slices.Contains(s.spoke, kid) {
		s.spoke = append(s.spoke, kid)
	}
	if trip >= 0 {
		s.answered.take(centre.Add(trip), got, s.rate())
		s.word = word{held: true, mono: got, at: centre, trip: trip}
	}
	if trip < 0 || trip >= maxRoundTrip {
		return fmt.Errorf("%w: welcome took %v, its time counts only below %v", radio.ErrInvalid, trip, maxRoundTrip)
	}
	if floor := s.lowest(); centre.Before(floor.Add(-MaxBound)) {
		return fmt.Errorf("%w: centre says %s, but %s has passed already", radio.ErrInvalid,
			centre.UTC().Format(time.RFC3339), floor.Format(time.RFC3339))
	}
	s.vouch(centre, kid)
	now := s.look()
	fresh := now.anchor(centre, sent+trip/2, trip/2)
	s.learn(&s.centre, fresh, now)
	if s.centre == fresh {
		s.centreKID = kid
	}
	return nil
}

// anchor says how far the wall clock was from t at an instant of Mono.
func (i instant) anchor(t time.Time, mono, bound time.Duration) anchor {
	return anchor{held: true, mono: mono, bound: bound, offset: t.Sub(i.wall.Add(mono - i.mono))}
}

// learn takes a new anchor of a source that tells the time again and again. A vague one
// does not replace a better one that is still fresh. The caller holds mu.
func (s *System) learn(source *anchor, fresh anchor, now instant) {
	s.measure(fresh)
	if old := *source; old.held && now.mono-old.mono < freshFor &&
		old.boundAt(now.mono, s.rate()) < fresh.boundAt(now.mono, s.rate()) {
		return
	}
	*source = fresh
	s.judge(now)
}

// answer is the latest that the centre's time can have been in its welcome to a hello of
// this boot, however long that took. Unlike an anchor it stands on Mono alone: no step of
// the wall clock takes it away.
type answer struct {
	held bool
	mono time.Duration
	at   time.Time
}

// take keeps whichever answer says the least: each is an upper bound.
func (a *answer) take(latest time.Time, mono time.Duration, drift float64) {
	if !a.held || latest.Before(a.latest(mono, drift)) {
		*a = answer{held: true, mono: mono, at: latest}
	}
}

func (a answer) latest(mono time.Duration, drift float64) time.Time {
	gone := mono - a.mono
	return a.at.Add(gone + time.Duration(float64(gone)*drift)).UTC()
}

// word is the last answer, whole: its time was true somewhere within the round trip.
type word struct {
	held bool
	mono time.Duration
	at   time.Time
	trip time.Duration
}

// against is how far t, at an instant of Mono, lies outside of it.
func (w word) against(t time.Time, mono time.Duration, drift float64) time.Duration {
	if !w.held {
		return 0
	}
	gone := mono - w.mono
	wander := time.Duration(float64(gone) * drift)
	least := w.at.Add(gone - wander)
	most := w.at.Add(gone + w.trip + wander)
	switch {
	case t.Before(least):
		return t.Sub(least)
	case t.After(most):
		return t.Sub(most)
	}
	return 0
}

// ProvenThisBoot is the latest it can be by the centre's answer to a hello of this run
// of the agent, which nobody can have kept from before. It judges the expiry of an alert
// while State is untrusted (design §5): one that may have expired does not sound. ok is
// false while there was no answer.
func (s *System) ProvenThisBoot() (now time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.answered.held {
		return time.Time{}, false
	}
	return s.answered.latest(s.machine.read().mono, s.rate()), true
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
		s.kernel, s.centre, s.modem, s.rtc, s.manual = anchor{}, anchor{}, anchor{}, anchor{}, anchor{}
		s.raised, s.drift.base = 0, anchor{}
		s.judge(now)
		s.notify()
	}
	return now
}

// lowest is the floor: the instant below which no true clock is, as far as anybody says
// who is believed.
func (s *System) lowest() time.Time {
	lowest := s.certain()
	for _, v := range s.vouched {
		if upto := v.Upto.Time(); v.Upto > 0 && upto.After(lowest) {
			lowest = upto
		}
	}
	return lowest
}

// certain is the part of the floor that does not stand on a key of the centre alone.
func (s *System) certain() time.Time {
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
	r.Offset = s.raise(now, r)
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

// raise keeps what an untrusted clock shows at or above the floor: it goes on from
// there, for no true clock shows less.
func (s *System) raise(now instant, r Reading) time.Duration {
	if r.State != Untrusted {
		s.raised = 0
		return r.Offset
	}
	if up := s.lowest().Sub(now.wall); up > r.Offset {
		s.raised = max(s.raised, up)
	}
	if s.raised > 0 {
		return max(r.Offset, s.raised)
	}
	return r.Offset
}

// choose takes the best source there is; see the table of the package.
func (s *System) choose(now instant) Reading {
	if s.opts.Assumed {
		return Reading{State: Trusted, Source: SourceAssumed, Offset: s.opts.Offset}
	}
	k := s.machine.kernel()
	if k.synced && k.bound < MaxBound {
		// The kernel grows its bound by 500 ppm; the anchor stays where it was last
		// disciplined, because our own assumption grows more slowly.
		if !s.kernel.held || k.bound <= s.kernel.boundAt(now.mono, s.rate()) {
			s.kernel = anchor{held: true, mono: now.mono, bound: k.bound}
		}
		bound := s.kernel.boundAt(now.mono, s.rate())
		// The crystal runs free from here on, should this be the last time.
		s.drift.base = anchor{held: true, mono: now.mono, bound: bound}
		return Reading{State: Trusted, Source: SourceKernel, Bound: bound}
	}
	best := Reading{State: Untrusted, Source: SourceNone, Bound: MaxBound}
	for _, c := range []struct {
		anchor
		source Source
		fresh  time.Duration // so long it is trusted
	}{
		{s.kernel, SourceKernel, 0}, {s.centre, SourceCentre, freshFor}, {s.modem, SourceModem, freshFor},
		{s.rtc, SourceRTC, 0}, {s.manual, SourceManual, 0},
	} {
		bound := c.boundAt(now.mono, s.rate())
		if !c.held || bound >= best.Bound {
			continue
		}
		best = Reading{State: Holdover, Source: c.source, Bound: bound, Offset: c.offset}
		if now.mono-c.mono < c.fresh {
			best.State = Trusted
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
