package clock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"loaxa/internal/radio"
)

const (
	// driftSpan is the shortest time between two readings that measure the crystal.
	driftSpan = 6 * time.Hour
	// vaguest measurement that says more than the assumption does.
	vaguest = 50e-6
	// wander of a crystal over the seasons under a tin roof, on top of what was measured.
	wander = 10e-6
	// insane: no crystal is so wrong; one of the readings was.
	insane = 1e-3
	// driftStale: so old a measurement gives way to a vaguer one.
	driftStale = 90 * 24 * time.Hour
)

// Memory keeps small values across reboots (agent/journal).
type Memory interface {
	Keep(ctx context.Context, name string, value []byte) error
	// Kept is an error of kind ErrNotFound when nothing was kept under the name.
	Kept(name string) ([]byte, error)
}

// Names of what is kept.
const (
	keptDrift = "clock_drift"
	keptRTC   = "clock_rtc"
)

// drift is what is known of the crystal behind Mono while nobody steers it.
type drift struct {
	// base is the reading from which the next measurement counts.
	base     anchor
	measured measurement
	unkept   bool
}

// measurement of a crystal: by how much it is too slow (positive) or too fast, and how
// far that may be wrong.
type measurement struct {
	PPM         float64      `json:"ppm"`
	Uncertainty float64      `json:"uncertainty_ppm"`
	SpanMS      int64        `json:"span_ms"`
	At          radio.Millis `json:"at"`
}

func (m measurement) known() bool { return m.SpanMS > 0 }

// sane refuses what no measurement of ours can have left.
func (m measurement) sane() bool {
	return m.SpanMS >= driftSpan.Milliseconds() && math.Abs(m.PPM) <= insane*1e6 &&
		m.Uncertainty >= 0 && m.Uncertainty <= vaguest*1e6
}

// rate is what a bound grows by: measured, or assumed before that. The caller holds mu.
func (s *System) rate() float64 {
	m := s.drift.measured
	if !m.known() {
		return s.opts.Drift
	}
	return (math.Abs(m.PPM)+m.Uncertainty)/1e6 + wander
}

// measure compares a new reading with an older one: the crystal ran free between them,
// for the kernel was not synchronised (it would have moved the base) and nobody has
// stepped the clock. The caller holds mu.
func (s *System) measure(fresh anchor) {
	d := &s.drift
	span := fresh.mono - d.base.mono
	if !d.base.held || fresh.bound < d.base.bound/2 && span < driftSpan {
		d.base = fresh
		return
	}
	if span < driftSpan {
		return
	}
	m := measurement{
		PPM:         float64(fresh.offset-d.base.offset) / float64(span) * 1e6,
		Uncertainty: float64(fresh.bound+d.base.bound) / float64(span) * 1e6,
		SpanMS:      span.Milliseconds(),
		At:          radio.At(s.last.wall.Add(fresh.offset)),
	}
	if m.Uncertainty > vaguest*1e6 {
		return // a later reading measures over a longer span
	}
	d.base = fresh
	if !m.sane() {
		s.log.Warn("readings of the clock contradict each other", "ppm", m.PPM, "span", span.String())
		return
	}
	if d.replacedBy(m) {
		d.measured, d.unkept = m, true
		s.log.Info("crystal measured", "ppm", math.Round(m.PPM*10)/10, "uncertainty_ppm", math.Round(m.Uncertainty*10)/10, "span", span.String())
	}
}

// replacedBy: a sharper measurement counts, one that contradicts, and any after a season.
func (d *drift) replacedBy(m measurement) bool {
	old := d.measured
	return !old.known() || m.Uncertainty <= old.Uncertainty ||
		math.Abs(m.PPM-old.PPM) > m.Uncertainty+old.Uncertainty+wander*1e6 ||
		m.At.Time().Sub(old.At.Time()).Abs() > driftStale
}

// remember reads what was kept; without it the assumptions hold.
func (s *System) remember() {
	if s.opts.Memory == nil {
		return
	}
	var m measurement
	var h hardwareRecord
	var words []vouched
	err := errors.Join(s.recall(keptDrift, &m), s.recall(keptRTC, &h), s.recall(keptVouched, &words))
	if err != nil {
		s.log.Warn("what was known of the clocks is lost", "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.sane() {
		s.drift.measured = m
	}
	s.recallVouched(words)
	if h.sane() && !s.isDisowned(h.KID) {
		s.hardware.record = h
	}
}

// recall reads one value; none is no error.
func (s *System) recall(name string, into any) error {
	b, err := s.opts.Memory.Kept(name)
	if errors.Is(err, radio.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return fmt.Errorf("recall %s: %w", name, err)
	}
	return nil
}

func (s *System) keep(ctx context.Context, name string, v any) {
	if s.opts.Memory == nil {
		return
	}
	b, err := json.Marshal(v)
	if err == nil {
		err = s.opts.Memory.Keep(context.WithoutCancel(ctx), name, b)
	}
	if err != nil {
		s.log.Warn("not kept", "what", name, "error", err)
	}
}

// keepDrift writes a new measurement once.
func (s *System) keepDrift(ctx context.Context) {
	s.mu.Lock()
	m, unkept := s.drift.measured, s.drift.unkept
	s.drift.unkept = false
	s.mu.Unlock()
	if unkept {
		s.keep(ctx, keptDrift, m)
	}
}
