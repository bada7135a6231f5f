package clock

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"loaxa/internal/radio"
)

const (
	// rtcEvery: so often the hardware clock is compared, or asked.
	rtcEvery = time.Minute
	// rtcKept: so often a comparison is written, if it says nothing new.
	rtcKept = time.Hour
	// rtcTick: it counts whole seconds.
	rtcTick = time.Second
	// rtcSet: under a synchronised kernel the hardware clock is set to the right time
	// sooner or later. One that is further off may be set right after it was compared;
	// its error is then not worth keeping.
	rtcSet = 2 * time.Second
	// rtcOldest: longer than any bound lasts.
	rtcOldest = 2 * 365 * 24 * time.Hour
)

// hardware is what is known of the hardware clock.
type hardware struct {
	record hardwareRecord
	looked time.Duration // Mono of the last look; 0: never
	denied bool          // a person has contradicted it
	absent bool          // told once
}

// hardwareRecord is how the hardware clock stood when the time was trusted.
type hardwareRecord struct {
	Showed  radio.Millis `json:"showed"` // by itself
	At      radio.Millis `json:"at"`     // in truth
	BoundMS int64        `json:"bound_ms"`
	// KID is the key of the centre that told the time; "" when another source did.
	KID string `json:"kid,omitempty"`
}

func (h hardwareRecord) sane() bool {
	return h.Showed > 0 && h.At > 0 && h.BoundMS >= 0 && h.BoundMS < MaxBound.Milliseconds()
}

var rtcForm = regexp.MustCompile(`^(rtc[0-9]{1,2})?$`)

func checkRTC(name string) error {
	if !rtcForm.MatchString(name) {
		return fmt.Errorf("%w: hardware clock %.20q, want a name as rtc0, or nothing", radio.ErrInvalid, name)
	}
	return nil
}

// watchRTC compares the hardware clock while the time is trusted, and asks it while
// there is none. It belongs to Run's goroutine.
func (s *System) watchRTC(ctx context.Context) {
	r, mono := s.State(), s.Mono()
	h := &s.hardware
	if s.opts.RTC == "" || s.opts.Assumed || h.looked != 0 && mono-h.looked < rtcEvery || r.State == Holdover {
		return
	}
	h.looked = mono
	showed, err := s.machine.rtc(s.opts.RTC)
	if err != nil {
		if !h.absent {
			s.log.Info("no hardware clock", "name", s.opts.RTC, "error", err)
		}
		h.absent = true
		return
	}
	h.absent = false
	showed = showed.Add(rtcTick / 2)
	if r.State == Trusted {
		s.compareRTC(ctx, showed, r)
	} else if forget := s.trustRTC(showed); forget {
		s.keep(ctx, keptRTC, hardwareRecord{})
	}
}

// compareRTC keeps how the hardware clock stands against the trusted time.
func (s *System) compareRTC(ctx context.Context, showed time.Time, r Reading) {
	now := s.Now()
	fresh := hardwareRecord{Showed: radio.At(showed), At: radio.At(now), BoundMS: (r.Bound + rtcTick).Milliseconds()}
	s.mu.Lock()
	old := s.hardware.record
	s.hardware.denied = false
	if r.Source == SourceCentre {
		fresh.KID = s.centreKID
	}
	if off := now.Sub(showed); r.Source == SourceKernel && off.Abs() > rtcSet {
		fresh = hardwareRecord{}
	}
	moved := time.Duration((fresh.At-fresh.Showed)-(old.At-old.Showed)) * time.Millisecond
	news := fresh.sane() != old.sane() || fresh.KID != old.KID || fresh.sane() && (moved.Abs() > rtcTick || now.Sub(old.At.Time()).Abs() >= rtcKept)
	if news {
		s.hardware.record = fresh
	}
	s.mu.Unlock()
	if news {
		s.keep(ctx, keptRTC, fresh)
	}
}

// trustRTC takes the hardware clock for the time, if its error was known once and it
// has run since. What was known of one that has not is to be forgotten.
func (s *System) trustRTC(showed time.Time) (forget bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &s.hardware
	if !h.record.sane() || h.denied || !s.loaded {
		return false
	}
	gone := showed.Sub(h.record.Showed.Time())
	if gone < -rtcSet || gone > rtcOldest {
		s.log.Warn("hardware clock has been set or was without power; not used", "shows", showed.UTC().Format(time.RFC3339))
		h.record = hardwareRecord{}
		return true
	}
	t := h.record.At.Time().Add(gone)
	bound := time.Duration(h.record.BoundMS)*time.Millisecond + rtcTick + time.Duration(float64(max(gone, 0))*s.opts.RTCDrift)
	if bound >= MaxBound || t.Before(s.lowest().Add(-MaxBound)) {
		return false
	}
	now := s.look()
	s.rtc = now.anchor(t, now.mono, bound)
	s.judge(now)
	return false
}
