// Package clock says what time it is, how far that can be believed, and wakes
// whoever waits for an instant, also when somebody sets the machine's clock in
// between (design §5). It receives the kernel's word on synchronisation, time learned
// from the centre (agent/link) and set by a person (agent/status), asks the hardware
// clock and the modem itself, and keeps a floor, its crystal's drift and the hardware
// clock's error in agent/journal; it hands instants to timetable's callers, playout
// above all, and its own state to records and reports.
//
// What each source is worth (the bound is how far it may be wrong; it grows with the
// measured drift of the crystal, or the assumed one, and at 60 s the source is worth
// nothing):
//
//	source   trusted                      holdover                              untrusted
//	assumed  always                       never                                 never
//	kernel   while it is synchronised     from then on, to 60 s                 after that
//	centre   24 h from a welcome          from then on, to 60 s                 after that
//	modem    24 h from an answer          from then on, to 60 s                 after that
//	rtc      never                        bound at the last trusted moment plus after that
//	                                      drift of the hardware clock, to 60 s
//	manual   never                        30 s and drift, to 60 s               after that
//	none     never                        never                                 always
//
// Assumed stands above all, then a synchronised kernel; of the others the smallest
// bound counts. A time set by hand gives way to any of them, except to a hardware
// clock that contradicts it. A step of the machine's clock that the kernel does not
// vouch for makes every other source worthless. Whatever the source, a clock more than
// 60 s below the floor, or whose floor is not read yet, is untrusted; and what an
// untrusted clock shows is never below the floor. What part of the floor stands on a key of
// the centre alone, and what becomes of it when that is revoked, stands in vouched.go.
package clock

import (
	"context"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// Woke says why a Wait ended.
type Woke int

const (
	// Due: the wall clock has reached the instant.
	Due Woke = iota + 1
	// Stepped: the wall clock was set, or its discipline or its trust changed. The
	// caller plans again from Now and State; the instant may be past or far away.
	Stepped
)

// String names the reason in logs.
func (w Woke) String() string {
	switch w {
	case Due:
		return "due"
	case Stepped:
		return "stepped"
	}
	return fmt.Sprintf("woke %d", int(w))
}

// Clock is what every loop that plans or waits is given: System in the programs,
// Fake in tests.
type Clock interface {
	// Now is the disciplined wall clock, in UTC.
	Now() time.Time
	// Mono is the time since the machine started; never set, and the same in every
	// process of one machine (CLOCK_MONOTONIC on Linux).
	Mono() time.Duration
	// WallToMono says when, on Mono, the wall clock will show t if nobody sets it.
	WallToMono(t time.Time) time.Duration
	// Wait arms one timer for a wall instant. It returns Due at or after the
	// instant, Stepped as soon as the instant has to be thought over, or ctx's error.
	Wait(ctx context.Context, until time.Time) (Woke, error)
	// State says how far Now can be believed at this moment.
	State() Reading
}

// State of trust (design §5).
type State string

const (
	// Trusted: synchronised, and the error bound is known.
	Trusted State = "trusted"
	// Holdover: synchronisation was lost; the bound grows with the assumed drift.
	Holdover State = "holdover"
	// Untrusted: nothing may be planned on this clock; only emergencies sound.
	Untrusted State = "untrusted"
)

// Source of the time.
type Source string

// Sources of design §5.
const (
	SourceNone    Source = "none"
	SourceKernel  Source = "kernel"  // disciplined by the machine's own time service
	SourceCentre  Source = "centre"  // learned from hello and welcome
	SourceModem   Source = "modem"   // asked for by a command: the mobile network's or a satellite's time
	SourceRTC     Source = "rtc"     // the hardware clock, as it was found when the time was trusted
	SourceManual  Source = "manual"  // set by a person at the local page
	SourceAssumed Source = "assumed" // demo and test configuration only; shown in red
)

// MaxBound ends holdover: a clock that may be wrong by more is untrusted.
const MaxBound = 60 * time.Second

// Reading is the state of a clock at one moment.
type Reading struct {
	State  State
	Source Source
	// Bound is how far Now can be from true time; meaningless while the source is none.
	Bound time.Duration
	// Offset is what is added to the machine's wall clock to get Now.
	Offset time.Duration
	// Against is by how much Now lies outside what the centre's last answer in this boot
	// allows, above 0 when Now is ahead; 0 while there was none, or they agree. A time
	// service can be lied to, and a centre can be set wrong: who is right is not known.
	Against time.Duration
	// Since is when this state and source began, on the present wall clock.
	Since time.Time
}

// Usable says whether planned airings may sound on this clock.
func (r Reading) Usable() bool { return r.State == Trusted || r.State == Holdover }

// Stamp is the reading as it stands in a journal record.
func (r Reading) Stamp() radio.ClockStamp {
	bound := r.Bound.Milliseconds()
	if r.Source == SourceNone {
		bound = -1
	}
	return radio.ClockStamp{State: string(r.State), Source: string(r.Source), BoundMS: bound}
}

// Status is the reading as it stands in hello and reported.
func (r Reading) Status() radio.ClockStatus {
	return radio.ClockStatus{ClockStamp: r.Stamp(), OffsetMS: r.Offset.Milliseconds(), Since: radio.At(r.Since)}
}
