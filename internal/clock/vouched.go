package clock

import (
	"cmp"
	"context"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// What only a key of the centre has said of the time is kept apart from what another source
// says too (the time service, the modem, a person): such a key can be stolen.
//
//   - One word takes the floor up by 45 days at most, unless a source of
//     the device's own agrees.
//   - It bounds the clock from below, and certificates are judged by it, but it is no instant
//     that has passed for certain (Passed): an alert does not expire by it.
//   - A person at the device may set the clock below it.
//   - When the key is revoked (Distrust) it is gone, and with it what the key has taught the
//     clock: the floor is the one from before, or of the other keys.
const (
	// With what the device's own clock goes on from there (unproven) it is 45 days.
	vouchStep = 45*24*time.Hour - unproven
	// maxVouched bounds the keys whose words are kept; a keyring has fewer.
	maxVouched = 8
	// keptVouched is the name of these among the kept values.
	keptVouched = "clock_vouched"
)

// vouched is the latest instant that has passed by the word of one key, and how far this
// device's clock has gone on from there by the time of that key.
type vouched struct {
	KID  string       `json:"kid"`
	Said radio.Millis `json:"said"`
	Upto radio.Millis `json:"upto,omitempty"`
}

func (v vouched) sane() bool { return v.KID != "" && v.Said >= 0 && v.Upto >= 0 }

// vouch notes that a key says that t has passed, and gives what counts of it; the caller
// holds mu.
func (s *System) vouch(t time.Time, by string) time.Time {
	if by == "" {
		s.prove(t)
		return t
	}
	lowest := s.lowest()
	if most := lowest.Add(vouchStep); !lowest.IsZero() && t.After(most) && !s.agrees(t) {
		t = most
	}
	v := s.vouchedOf(by)
	v.Said = max(v.Said, radio.At(t))
	return t
}

// vouchedOf gives the entry of a key; the caller holds mu.
func (s *System) vouchedOf(kid string) *vouched {
	i := slices.IndexFunc(s.vouched, func(v vouched) bool { return v.KID == kid })
	if i >= 0 {
		return &s.vouched[i]
	}
	if len(s.vouched) >= maxVouched { // the one that says the least
		slices.SortFunc(s.vouched, func(a, b vouched) int { return cmp.Compare(b.Said, a.Said) })
		s.vouched = s.vouched[:maxVouched-1]
	}
	s.vouched = append(s.vouched, vouched{KID: kid})
	return &s.vouched[len(s.vouched)-1]
}

// agrees says whether a source of the device's own tells nearly the same; the caller
// holds mu.
func (s *System) agrees(t time.Time) bool {
	now := s.look()
	return s.reading.Usable() && s.learnedFrom() == "" && now.wall.Add(s.reading.Offset).Sub(t).Abs() <= unproven
}

// learnedFrom is the key of the centre by which the clock goes; "" when it goes by another
// source. The caller holds mu.
func (s *System) learnedFrom() string {
	switch s.reading.Source {
	case SourceCentre:
		return s.centreKID
	case SourceRTC:
		return s.hardware.record.KID
	}
	return ""
}

// Distrust is told which keys are revoked: all that are, every time.
func (s *System) Distrust(ctx context.Context, kids []string) {
	s.mu.Lock()
	s.disowned = slices.Clone(kids)
	before := len(s.vouched)
	s.dropDisowned()
	changed := len(s.vouched) != before
	if slices.ContainsFunc(s.spoke, s.isDisowned) {
		// Which of its words made which reading is not kept; the centre says it again.
		s.centre, s.centreKID, s.answered, s.word, s.drift.base, s.spoke = anchor{}, "", answer{}, word{}, anchor{}, nil
		changed = true
	}
	forget := s.isDisowned(s.hardware.record.KID)
	if forget {
		s.hardware.record, s.rtc = hardwareRecord{}, anchor{}
	}
	if changed || forget {
		s.log.Warn("a key that has told the time is revoked; what it said is forgotten", "floor", s.lowest().Format(time.RFC3339))
		s.raised = 0
		s.judge(s.look())
		s.notify()
	}
	kept := slices.Clone(s.vouched)
	s.mu.Unlock()
	if changed {
		s.keep(ctx, keptVouched, kept)
	}
	if forget {
		s.keep(ctx, keptRTC, hardwareRecord{})
	}
}

func (s *System) isDisowned(kid string) bool { return slices.Contains(s.disowned, kid) }

// recallVouched takes what was kept; the caller holds mu.
func (s *System) recallVouched(kept []vouched) {
	s.kept = kept
	for _, k := range kept[:min(len(kept), maxVouched)] {
		v := s.vouchedOf(k.KID)
		v.Said, v.Upto = max(v.Said, k.Said), max(v.Upto, k.Upto)
	}
	s.dropDisowned()
}

func (s *System) dropDisowned() {
	s.vouched = slices.DeleteFunc(s.vouched, func(v vouched) bool { return !v.sane() || s.isDisowned(v.KID) })
}
