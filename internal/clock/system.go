package clock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	gosync "sync"
	"time"

	"loaxa/internal/radio"
)

const (
	// defaultDrift is the assumed error of a board's crystal, and of its hardware
	// clock's, until it is measured: 100 ppm, so that a bound of 60 s lasts a week.
	defaultDrift = 100e-6
	// stepTolerance: a change of wall minus Mono beyond this is a step.
	stepTolerance = 50 * time.Millisecond
	// maxRoundTrip of hello and welcome for their time to be believed (design §7).
	maxRoundTrip = 10 * time.Second
	// freshFor: so long one welcome, or one answer of the modem, counts as synchronised;
	// after it, holdover.
	freshFor = 24 * time.Hour
	// lookEvery is how often Run looks for a change nobody asked about.
	lookEvery = time.Second
	// floorEvery bounds the writes to flash for the floor.
	floorEvery = time.Hour
	// unproven is how far this machine's own clock raises the floor above the last
	// instant the centre vouched for. A floor never goes back: one left by a time
	// service that was years ahead would refuse the right time, and by it every
	// certificate, for as long.
	unproven = 24 * time.Hour
)

// Floor keeps the latest instant this device is sure has passed; it outlives a
// reboot. Store is never called with an earlier instant than the last.
type Floor interface {
	Load(ctx context.Context) (time.Time, error)
	Store(ctx context.Context, t time.Time) error
}

// Options of the system clock.
type Options struct {
	// Assumed takes the machine's clock as true (demo and test configuration only).
	Assumed bool
	// Offset shifts the clock for tests; only together with Assumed.
	Offset time.Duration
	// BuildTime of the program: no true clock shows less. Zero when unknown.
	BuildTime time.Time
	// Drift assumed in holdover, as a fraction, until it is measured; 0 means 100 ppm.
	Drift float64
	// RTC is the name of the hardware clock (rtc0), "" for none; RTCDrift as Drift.
	RTC      string
	RTCDrift float64
	// Modem may have no command.
	Modem ModemOptions
	// Floor and Memory may be nil where nothing is kept (tools).
	Floor  Floor
	Memory Memory
}

// System is the machine's clock, disciplined. Safe for several goroutines.
type System struct {
	opts    Options
	log     *slog.Logger
	machine machine

	mu      gosync.Mutex
	changed chan struct{} // closed and renewed at every step or change of trust
	seen    bool
	last    instant
	floor   time.Time // by a source of the device's own; see lowest
	proven  time.Time // latest instant known by another's word; bounds the floor
	loaded  bool
	stored  time.Time // of floor
	// vouched is what only the centre's keys have said, kept what is on the disk of that.
	vouched, kept []vouched
	disowned      []string // kids that are revoked
	spoke         []string // kids that have told the time in this run
	centreKID     string   // of centre
	kernel        anchor
	centre        anchor
	modem         anchor
	rtc           anchor
	manual        anchor
	reading       Reading
	// raised is what an untrusted clock is put forward by, so as not to show less than
	// the floor; 0 for nothing.
	raised   time.Duration
	answered answer
	word     word
	drift    drift
	hardware hardware
	since    time.Duration // Mono when state and source of reading began
}

// New checks the options. Until Run has read the floor the clock is untrusted.
func New(opts Options, log *slog.Logger) (*System, error) {
	if opts.Drift == 0 {
		opts.Drift = defaultDrift
	}
	if opts.RTCDrift == 0 {
		opts.RTCDrift = defaultDrift
	}
	switch {
	case opts.Offset != 0 && !opts.Assumed:
		return nil, fmt.Errorf("%w: clock offset is for tests and needs the assumed source", radio.ErrInvalid)
	case opts.Drift < 1e-6 || opts.Drift > 1e-2:
		return nil, fmt.Errorf("%w: clock drift %g, want 1e-6 to 1e-2", radio.ErrInvalid, opts.Drift)
	case opts.RTCDrift < 1e-6 || opts.RTCDrift > 1e-2:
		return nil, fmt.Errorf("%w: drift of the hardware clock %g, want 1e-6 to 1e-2", radio.ErrInvalid, opts.RTCDrift)
	}
	if err := errors.Join(opts.Modem.Check(), checkRTC(opts.RTC)); err != nil {
		return nil, err
	}
	return &System{opts: opts, log: log, machine: realMachine(),
		changed: make(chan struct{}), loaded: opts.Floor == nil}, nil
}

// Now is the disciplined wall clock.
func (s *System) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.look().wall.Add(s.reading.Offset)
}

// Mono is the package's Mono.
func (s *System) Mono() time.Duration { return s.machine.read().mono }

// WallToMono says when, on Mono, Now will be t.
func (s *System) WallToMono(t time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.look()
	return now.mono + t.Sub(now.wall.Add(s.reading.Offset))
}

// State is judged afresh at every call.
func (s *System) State() Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.look()
	s.judge(now)
	r := s.reading
	r.Since = now.wall.Add(r.Offset - (now.mono - s.since))
	if !s.opts.Assumed {
		r.Against = s.word.against(now.wall.Add(r.Offset), now.mono, s.rate())
	}
	return r
}

// Wait arms one timer; see Clock.
func (s *System) Wait(ctx context.Context, until time.Time) (Woke, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	now, changed, offset := s.look(), s.changed, s.reading.Offset
	s.mu.Unlock()
	if !until.After(now.wall.Add(offset)) {
		return Due, nil
	}
	timer := s.machine.arm(until.Add(-offset))
	// A step between the look above and the arming cancels no timer: look again.
	s.Now()
	woke, err := timer.wait(ctx, changed)
	if cerr := timer.close(); cerr != nil && err == nil {
		err = fmt.Errorf("close timer: %w", cerr)
	}
	if err != nil {
		return 0, err
	}
	if woke == Stepped {
		s.Now() // notices the step before the caller asks what it means
	}
	return woke, nil
}

// AtLeast takes a time out of a message verified by the key kid, "" for what this device
// knows by itself: a lower bound, nothing more (design §5). It raises the floor.
func (s *System) AtLeast(t time.Time, kid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kid != "" && s.isDisowned(kid) {
		return
	}
	lowest := s.lowest()
	t = s.vouch(t, kid)
	if !t.After(lowest) {
		return
	}
	if kid == "" {
		s.floor = t.Round(0).UTC()
	} else {
		v := s.vouchedOf(kid)
		v.Upto = max(v.Upto, radio.At(t))
	}
	s.judge(s.look())
}

// Latest is max(Now, build time, floor): what NotAfter of a certificate is judged
// on, so that a board at 1970 can still connect (design §5).
func (s *System) Latest() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	latest := s.look().wall.Add(s.reading.Offset)
	if floor := s.lowest(); floor.After(latest) {
		return floor
	}
	return latest
}

// Passed is an instant that has passed for certain: the floor, as far as more than a key of
// the centre says it, the build time, and Now while it can be believed. What can only be lost once, such as an alert that expires, is
// judged by this and not by Latest, which a clock that runs ahead leads astray.
func (s *System) Passed() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.look()
	s.judge(now)
	passed := s.certain()
	if at := now.wall.Add(s.reading.Offset); s.reading.Usable() && at.After(passed) {
		return at
	}
	return passed
}

// Run reads what was kept, then looks for steps and changes of trust once a second,
// asks the hardware clock and the modem while there is nothing better, and keeps the
// floor, until ctx ends.
func (s *System) Run(ctx context.Context) error {
	s.remember()
	stored := s.loadFloor(ctx)
	var asking gosync.WaitGroup
	defer asking.Wait()
	if len(s.opts.Modem.Command) > 0 && !s.opts.Assumed {
		asking.Go(func() { s.askModem(ctx) })
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		r := s.State()
		if now := s.Now(); r.Usable() && now.Sub(stored).Abs() >= floorEvery {
			stored = s.keepFloor(ctx, now)
		}
		s.watchRTC(ctx)
		s.keepDrift(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			if r := s.State(); r.Usable() {
				// ctx has ended, but the last floor is worth one write.
				s.keepFloor(context.WithoutCancel(ctx), s.Now())
			}
			return nil
		}
	}
}

// loadFloor: a floor that cannot be read must not silence the device; the build
// time still guards.
func (s *System) loadFloor(ctx context.Context) time.Time {
	if s.opts.Floor == nil {
		return time.Time{}
	}
	stored, err := s.opts.Floor.Load(ctx)
	if err != nil {
		s.log.Warn("time floor not readable, going on without it", "error", err)
		stored = time.Time{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded, s.stored = true, stored
	if stored.After(s.floor) {
		s.floor = stored
	}
	// How much of it was proven is not kept; the rest is not counted twice.
	s.prove(stored.Add(-unproven))
	s.judge(s.look())
	return s.lowest()
}

// prove notes that an instant has passed for certain; the caller holds mu.
func (s *System) prove(t time.Time) {
	if t.After(s.proven) {
		s.proven = t.Round(0).UTC()
	}
}

// keepFloor writes how far the time has come, and gives that back. A trusted time that is
// a little below the floor (AtLeast, a step back within the bound) changes nothing.
func (s *System) keepFloor(ctx context.Context, now time.Time) time.Time {
	s.mu.Lock()
	s.prove(s.opts.BuildTime)
	most := s.proven
	for _, v := range s.vouched {
		if said := v.Said.Time(); said.After(most) {
			most = said
		}
	}
	if most = most.Add(unproven); now.After(most) {
		now = most
	}
	if kid := s.learnedFrom(); kid != "" {
		v := s.vouchedOf(kid)
		v.Upto = max(v.Upto, radio.At(now))
	} else if now.After(s.floor) {
		s.floor = now
	}
	floor, reached, stored := s.floor, s.lowest(), s.stored
	fresh, news := slices.Clone(s.vouched), !slices.Equal(s.vouched, s.kept)
	s.kept = fresh
	s.mu.Unlock()
	if news {
		s.keep(ctx, keptVouched, fresh)
	}
	if s.opts.Floor == nil || !floor.After(stored) {
		return reached
	}
	if err := s.opts.Floor.Store(ctx, floor); err != nil {
		s.log.Warn("time floor not stored", "error", err) // tried again in an hour, not every second
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored = floor
	return reached
}
