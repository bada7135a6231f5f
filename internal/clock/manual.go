package clock

import (
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// manualBound is what a time typed from somebody's telephone may be wrong by.
const manualBound = 30 * time.Second

// lastYear no device of ours will see; a typing error is more likely.
const lastYear = 2100

// SetByHand takes the time from a person who stands at the device and has shown that it
// is theirs to set (agent/pin). It is a holdover of 30 s, and only where nothing better
// is known: an error of kind ErrConflict says what is, ErrInvalid that it cannot be.
func (s *System) SetByHand(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.look()
	s.judge(now)
	floor := s.certain()
	switch {
	case s.opts.Assumed || s.reading.State == Trusted:
		return fmt.Errorf("%w: the time is known by %s; nothing is set by hand", radio.ErrConflict, s.reading.Source)
	case !s.loaded:
		return fmt.Errorf("%w: the clock has not begun", radio.ErrUnavailable)
	case t.Before(floor.Add(-MaxBound)):
		return fmt.Errorf("%w: %s has passed already, it is at least %s", radio.ErrInvalid,
			t.UTC().Format(time.RFC3339), floor.Format(time.RFC3339))
	case t.Year() >= lastYear:
		return fmt.Errorf("%w: the year %d", radio.ErrInvalid, t.Year())
	}
	fresh := now.anchor(t, now.mono, manualBound)
	for _, known := range []struct {
		anchor
		source Source
	}{{s.kernel, SourceKernel}, {s.centre, SourceCentre}, {s.modem, SourceModem}} {
		bound := known.boundAt(now.mono, s.rate())
		if known.held && bound < MaxBound && (known.offset-fresh.offset).Abs() > bound+manualBound {
			return fmt.Errorf("%w: the device has kept the time of %s and is wrong by at most %s", radio.ErrConflict,
				known.source, bound.Round(time.Second))
		}
	}
	if bound := s.rtc.boundAt(now.mono, s.rate()); s.rtc.held && (s.rtc.offset-fresh.offset).Abs() > bound+manualBound {
		// Somebody may have set it wrong, or changed its battery: a person outranks it
		// until the time is trusted again.
		s.log.Warn("hardware clock contradicts the time set by hand; not used any more", "by", (s.rtc.offset - fresh.offset).String())
		s.rtc, s.hardware.denied = anchor{}, true
	}
	s.manual = fresh
	// What only the centre's keys have said, the person outranks.
	s.vouched = slices.DeleteFunc(s.vouched, func(v vouched) bool { return v.Upto.Time().After(t.Add(MaxBound)) })
	s.log.Info("clock set by hand", "time", t.UTC().Format(time.RFC3339))
	s.judge(now)
	return nil
}
