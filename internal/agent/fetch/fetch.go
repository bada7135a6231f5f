// Package fetch brings audio into the cache: first what alerts need, at any hour, then
// that of the active programme: over HTTPS, by hash, one at a time, what airs first
// first, going on where it stopped (design §7). It is driven by what is needed and not there, so a failure is never the end:
// it comes back with growing pauses, for weeks. It receives the programme and the
// settings from inbox and hands bytes to cache, which alone decides what is right.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

// Plan is what the device runs on.
type Plan interface {
	Programme() (*radio.Programme, bool)
	// CheckApproval: what must not sound is not fetched; the error says why.
	CheckApproval(p *radio.Programme, b radio.BulletinID, version int) error
	Settings() radio.Settings
	Endpoints() trust.Endpoints
	// Changed is closed at the next change of any of them.
	Changed() <-chan struct{}
}

// Urgent names what is fetched before everything else, at any hour: the voices of
// alerts that did not come by themselves.
type Urgent interface {
	Wanted() []radio.Rendition
}

// Cache keeps audio. ErrUnavailable from Begin means that there is no room,
// ErrInvalid from Commit that the bytes were not the right ones and are dropped.
type Cache interface {
	Ready(sha radio.SHA256) bool
	Have(sha radio.SHA256) int64
	Begin(sha radio.SHA256, size int64) (have int64, err error)
	Put(sha radio.SHA256, chunk []byte) error
	Commit(sha radio.SHA256) error
	Delete(sha radio.SHA256) error
	Verify(sha radio.SHA256) error
	Evict(needed func(radio.SHA256) bool, room int64) (removed int, err error)
}

// Clock says when something is due.
type Clock interface {
	Now() time.Time
	State() clock.Reading
}

// Faults opens and closes the troubles of the device; both may be repeated.
type Faults interface {
	Raise(ctx context.Context, code, text string)
	Clear(ctx context.Context, code string)
}

// Codes of the faults fetch raises.
const (
	FaultFetch = "fetch" // the centre gives no or wrong bytes for an audio
	FaultDisk  = "disk"  // no room for what is needed
)

// Options of a Fetcher.
type Options struct {
	Device radio.DeviceID
	Plan   Plan
	Cache  Cache
	Clock  Clock
	Faults Faults
	Urgent Urgent // may be nil
	// Memory keeps what was measured of the link; may be nil.
	Memory Memory
	// MeteredBytes is what the link's contract allows in a calendar month; 0 for no cap. It
	// is told to the centre; nothing is held back by it.
	MeteredBytes int64
	// Client reaches the media hosts; see Transport. It must not follow redirects
	// on its own account: New sees to that.
	Client *http.Client
	// ChunkSize in which Cache takes bytes.
	ChunkSize int
	Log       *slog.Logger
}

const (
	silence   = 30 * time.Second // without a byte the transfer is given up, not per file
	retryFrom = 2 * time.Second
	retryMost = 5 * time.Minute
	// wrongFrom: wrong bytes cost data on a metered link.
	wrongFrom  = time.Minute
	wrongMost  = time.Hour
	absentWait = 10 * time.Minute // the centre does not have it
	longestAsk = time.Hour        // the most a Retry-After is believed
	lookEvery  = time.Minute
	verifyEach = 24 * time.Hour
	verifySpan = 48 * time.Hour
)

// Fetcher fetches.
type Fetcher struct {
	opts   Options
	client *http.Client
	log    *slog.Logger
	wake   chan struct{}

	// Of Run's goroutine.
	hosts    map[string]*pause
	calm     time.Time // what is not urgent waits until then
	verified time.Time
	raised   map[string]bool

	meter meter

	mu     sync.Mutex
	audios map[radio.SHA256]*trial
	agenda agenda
}

// pause is how often something failed in a row and when it may be tried again.
type pause struct {
	failures int
	until    time.Time
}

// trial is the state of one audio that is not ready.
type trial struct {
	pause
	err   string
	fault string // code of the fault it stands for; "" while it only waits
}

// New only stores and checks.
func New(opts Options) (*Fetcher, error) {
	if opts.Plan == nil || opts.Cache == nil || opts.Clock == nil || opts.Faults == nil || opts.Client == nil || opts.ChunkSize < 1 {
		return nil, fmt.Errorf("%w: fetch lacks a neighbour", radio.ErrInvalid)
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	client := *opts.Client
	// The province's media hosts are named in its keyring; nobody else sends us on.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	f := &Fetcher{opts: opts, client: &client, log: opts.Log.With("component", "fetch"), wake: make(chan struct{}, 1),
		hosts: map[string]*pause{}, raised: map[string]bool{}, audios: map[radio.SHA256]*trial{}}
	f.loadMeter()
	return f, nil
}

// Wake makes Run look again: an audio was found damaged.
func (f *Fetcher) Wake() {
	select {
	case f.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Run fetches until ctx ends.
func (f *Fetcher) Run(ctx context.Context) error {
	defer f.client.CloseIdleConnections()
	var changed <-chan struct{}
	for ctx.Err() == nil {
		if next := f.opts.Plan.Changed(); next != changed {
			changed = next
			f.settle()
		}
		if time.Since(f.verified) >= verifyEach || f.verified.IsZero() {
			f.verified = time.Now()
			f.verify(ctx)
		}
		needs := f.needs()
		f.sweep(ctx, needs)
		if n, host, ok := f.choose(needs); ok {
			f.attempt(ctx, n, host, needs, changed)
			continue
		}
		f.wait(ctx, changed)
	}
	return nil
}

// wait until there may be something to do. The clock may be set meanwhile, and the
// fetch window opens by it, so it is never long.
func (f *Fetcher) wait(ctx context.Context, changed <-chan struct{}) {
	timer := time.NewTimer(f.nextTry())
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-f.wake:
	case <-timer.C:
	}
}

func (f *Fetcher) nextTry() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := time.Now().Add(lookEvery)
	earlier := func(at time.Time) {
		if at.After(time.Now()) && at.Before(next) {
			next = at
		}
	}
	for _, t := range f.audios {
		earlier(t.until)
	}
	for _, h := range f.hosts {
		earlier(h.until)
	}
	earlier(f.calm)
	return time.Until(next)
}

// settle spreads a province's devices after a change that reached all of them.
func (f *Fetcher) settle() {
	f.calm = time.Now()
	if ms := f.opts.Plan.Settings().JitterMS; ms > 0 {
		f.calm = f.calm.Add(rand.N(time.Duration(ms) * time.Millisecond))
	}
}

// sweep forgets trials of audio that is ready or no longer needed, and closes the
// faults nothing stands for any more.
func (f *Fetcher) sweep(ctx context.Context, needs []need) {
	wanted := map[radio.SHA256]bool{}
	for _, n := range needs {
		wanted[n.sha] = !f.opts.Cache.Ready(n.sha)
	}
	standing := map[string]string{}
	f.mu.Lock()
	for sha, t := range f.audios {
		if !wanted[sha] {
			delete(f.audios, sha)
		} else if t.fault != "" {
			standing[t.fault] = t.err
		}
	}
	f.mu.Unlock()
	for _, code := range []string{FaultFetch, FaultDisk} {
		text, on := standing[code]
		switch {
		case on && !f.raised[code]:
			f.opts.Faults.Raise(ctx, code, text)
		case !on && f.raised[code]:
			f.opts.Faults.Clear(ctx, code)
		}
		f.raised[code] = on
	}
}

// failed notes why an audio did not come and when it is tried again.
func (f *Fetcher) failed(sha radio.SHA256, fault string, from, most time.Duration, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.audios[sha]
	if t == nil {
		t = &trial{}
		f.audios[sha] = t
	}
	t.fail(from, most)
	t.err, t.fault = err.Error(), fault
	f.log.Warn("audio not fetched", "sha256", string(sha), "failures", t.failures, "again_in", time.Until(t.until).Round(time.Second), "error", err)
}

// fail doubles the pause up to most; the random half keeps a province from coming
// back in one second.
func (p *pause) fail(from, most time.Duration) {
	wait := min(from<<min(p.failures, 16), most)
	p.failures++
	p.until = time.Now().Add(wait/2 + rand.N(wait/2+1))
}

// verify reads again what is due in the next two days: flash forgets.
func (f *Fetcher) verify(ctx context.Context) {
	now := f.opts.Clock.Now()
	for _, n := range f.needs() {
		if ctx.Err() != nil {
			return
		}
		near := n.first || !n.due.IsZero() && !n.due.After(now.Add(verifySpan))
		if !near || !f.opts.Cache.Ready(n.sha) {
			continue
		}
		if err := f.opts.Cache.Verify(n.sha); err != nil && !errors.Is(err, radio.ErrNotFound) {
			f.log.Error("cached audio did not pass its check", "sha256", string(n.sha), "title", n.title, "error", err)
		}
	}
}

// Status tells about every audio of the programme.
func (f *Fetcher) Status() []radio.AudioStatus {
	needs := f.listed()
	list := make([]radio.AudioStatus, 0, len(needs))
	for _, n := range needs {
		s := radio.AudioStatus{SHA256: n.sha, Title: n.title, Bytes: n.bytes, Have: f.opts.Cache.Have(n.sha), Ready: f.opts.Cache.Ready(n.sha)}
		if !n.due.IsZero() {
			s.Due = radio.At(n.due)
		}
		f.mu.Lock()
		if t := f.audios[n.sha]; t != nil && !s.Ready {
			s.Error = t.err
		}
		f.mu.Unlock()
		if n.refused != nil {
			s.Ready, s.Refused, s.Error = false, true, n.refused.Error()
		}
		list = append(list, s)
	}
	return list
}
