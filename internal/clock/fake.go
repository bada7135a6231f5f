package clock

import (
	"context"
	"slices"
	gosync "sync"
	"time"
)

// Fake is the clock of tests: time moves only when told. It starts trusted, with
// the kernel as source. Safe for several goroutines.
type Fake struct {
	mu      gosync.Mutex
	now     time.Time
	mono    time.Duration
	since   time.Time
	reading Reading
	waiters []*fakeWaiter
	proven  func() (time.Time, bool)
	arrived chan struct{} // closed and renewed when a waiter comes
}

type fakeWaiter struct {
	until time.Time
	woke  chan Woke // holds one
}

// NewFake starts at an instant, with Mono one hour after boot.
func NewFake(start time.Time) *Fake {
	start = start.Round(0).UTC()
	return &Fake{now: start, mono: time.Hour, since: start, arrived: make(chan struct{}),
		reading: Reading{State: Trusted, Source: SourceKernel, Bound: time.Millisecond}}
}

// Now is the fake wall clock.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Mono moves with Advance, never with Step.
func (f *Fake) Mono() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mono
}

// WallToMono as in Clock.
func (f *Fake) WallToMono(t time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mono + t.Sub(f.now)
}

// State gives what SetState said last.
func (f *Fake) State() Reading {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.reading
	r.Since = f.since
	return r
}

// Prove lets ProvenThisBoot tell a time, which then moves with Mono.
func (f *Fake) Prove(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	since := f.mono
	f.proven = func() (time.Time, bool) { return t.Add(f.mono - since), true }
}

// ProvenThisBoot is what Prove said, or nothing.
func (f *Fake) ProvenThisBoot() (time.Time, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.proven == nil {
		return time.Time{}, false
	}
	return f.proven()
}

// Wait blocks until Advance passes the instant, a Step or SetState happens, or ctx ends.
func (f *Fake) Wait(ctx context.Context, until time.Time) (Woke, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	f.mu.Lock()
	if !until.After(f.now) {
		f.mu.Unlock()
		return Due, nil
	}
	w := &fakeWaiter{until: until, woke: make(chan Woke, 1)}
	f.waiters = append(f.waiters, w)
	close(f.arrived)
	f.arrived = make(chan struct{})
	f.mu.Unlock()
	select {
	case woke := <-w.woke:
		return woke, nil
	case <-ctx.Done():
		f.mu.Lock()
		defer f.mu.Unlock()
		f.waiters = slices.DeleteFunc(f.waiters, func(o *fakeWaiter) bool { return o == w })
		return 0, ctx.Err()
	}
}

// Advance moves wall and Mono by d ≥ 0, waking in the order of their instants all
// who are due. It does not wait for what the woken then do: a test that needs each
// waiter to plan anew before time moves on uses AdvanceToNext and BlockUntilWaiters.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.move(f.now.Add(max(d, 0)))
}

// AdvanceToNext moves to the earliest instant anybody waits for and says whether
// there was one.
func (f *Fake) AdvanceToNext() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiters) == 0 {
		return false
	}
	f.move(slices.MinFunc(f.waiters, byInstant).until)
	return true
}

// move goes forward to an instant; the caller holds mu.
func (f *Fake) move(to time.Time) {
	if d := to.Sub(f.now); d > 0 {
		f.now, f.mono = to, f.mono+d
	}
	slices.SortStableFunc(f.waiters, byInstant)
	for len(f.waiters) > 0 && !f.waiters[0].until.After(f.now) {
		f.waiters[0].woke <- Due
		f.waiters = f.waiters[1:]
	}
}

func byInstant(a, b *fakeWaiter) int { return a.until.Compare(b.until) }

// Step sets the wall clock forward or back by d, as a time service or a person
// would: Mono stands still, every waiter wakes with Stepped.
func (f *Fake) Step(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now, f.since = f.now.Add(d), f.since.Add(d)
	f.wakeAll()
}

// Contradict has State say how far the clock is from what the centre says.
func (f *Fake) Contradict(by time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reading.Against = by
	f.wakeAll()
}

// SetState changes trust; every waiter wakes with Stepped.
func (f *Fake) SetState(state State, source Source, bound time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reading = Reading{State: state, Source: source, Bound: bound}
	f.since = f.now
	f.wakeAll()
}

func (f *Fake) wakeAll() {
	for _, w := range f.waiters {
		w.woke <- Stepped
	}
	f.waiters = nil
}

// Waiters gives the instants that are waited for, earliest first.
func (f *Fake) Waiters() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []time.Time
	for _, w := range f.waiters {
		all = append(all, w.until)
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// BlockUntilWaiters returns once at least n goroutines wait, or with ctx's error.
func (f *Fake) BlockUntilWaiters(ctx context.Context, n int) error {
	for {
		f.mu.Lock()
		enough, arrived := len(f.waiters) >= n, f.arrived
		f.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
