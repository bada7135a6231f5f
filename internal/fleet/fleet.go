// Package fleet runs thousands of protocol-true devices without sound in one process,
// for load, fault tests and rehearsal (cmd/loaxa-fleet). It is a composition like agent:
// what enrols, connects, proves, keeps alerts and says receipts are the device's own
// rooms; the disk is memory, and one stage that knows only the hours stands for players,
// outputs and loudspeakers. So a centre that serves a fleet well serves devices well, and
// nothing here is a second reading of the contract.
//
// An agent holds programme, policy and settings, and confirms every planned airing by
// timetable with the output "fleet"; it says hello, keeps a chained journal until it is
// acknowledged, and carries alerts and commands through all their receipts. It fetches no
// audio. Identities are kept in a folder; a second start needs no enrolment.
package fleet

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"loaxa/internal/radio"
)

// Options of a Fleet.
type Options struct {
	Agents int
	Centre string // https://host:port of the centre's listener for devices
	Data   string // folder of the identities
	// Codes enrols devices that have no identity in Data yet.
	Codes []Code
	// ConnectPerSecond bounds how fast the first connections are opened.
	ConnectPerSecond int
	// Storm, if not 0, breaks every connection at once, each time that much has passed.
	Storm time.Duration
	// Loss is the share of messages that are lost with their connection.
	Loss float64
	// Jitter of journals and connections instead of the centre's setting; below 0: that one.
	Jitter time.Duration
	// Every is how often statistics are written; For ends the run, 0: never.
	Every, For time.Duration
	// Out gets the statistics, a line of JSON each.
	Out io.Writer
	Log *slog.Logger
}

// MaxAgents of one process: each holds a connection and a file descriptor.
const MaxAgents = 20_000

// Check reports everything that is wrong, at once.
func (o Options) Check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{radio.ErrInvalid}, args...)...))
	}
	if o.Agents < 1 || o.Agents > MaxAgents {
		bad("%d agents, want 1 to %d", o.Agents, MaxAgents)
	}
	if u, err := url.Parse(o.Centre); o.Centre != "" && (err != nil || u.Scheme != "https" || u.Port() == "" || u.User != nil) {
		bad("centre %.100q, want https://host:port", o.Centre)
	}
	if len(o.Codes) > 0 && o.Centre == "" {
		bad("devices are enrolled at a centre: name it")
	}
	if o.Data == "" {
		bad("name a folder for the identities")
	}
	if o.ConnectPerSecond < 1 || o.ConnectPerSecond > 10_000 {
		bad("%d connections a second, want 1 to 10000", o.ConnectPerSecond)
	}
	if o.Loss < 0 || o.Loss > 0.5 || o.Loss != o.Loss {
		bad("loss of %g, want 0 to 0.5", o.Loss)
	}
	if o.Storm != 0 && (o.Storm < time.Second || o.Storm > 24*time.Hour) {
		bad("a storm every %s, want 1s to 24h", o.Storm)
	}
	if o.Jitter > time.Hour {
		bad("jitter of %s, at most 1h", o.Jitter)
	}
	if o.Every < 100*time.Millisecond || o.Every > time.Hour {
		bad("statistics every %s, want 100ms to 1h", o.Every)
	}
	if o.For < 0 || o.For > 31*24*time.Hour {
		bad("a run of %s, at most 744h", o.For)
	}
	if o.Out == nil {
		bad("statistics need a place")
	}
	return errors.Join(errs...)
}

// Fleet is many devices.
type Fleet struct {
	opts   Options
	log    *slog.Logger
	clock  watch
	stage  stage
	stats  stats
	began  time.Duration
	baseKB int64

	mu     sync.Mutex
	ca     *x509.Certificate
	caText string
}

// New only stores and checks.
func New(opts Options) (*Fleet, error) {
	if err := opts.Check(); err != nil {
		return nil, err
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Fleet{opts: opts, log: opts.Log.With("component", "fleet"), stage: stage{kick: make(chan struct{}, 1)}}, nil
}

// Run enrols whoever is new, connects all and goes on until ctx ends or the time is over.
// The last line of the statistics is the summary.
func (f *Fleet) Run(ctx context.Context) error {
	f.began = f.clock.Mono()
	if f.opts.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.opts.For)
		defer cancel()
	}
	members, err := f.members(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	f.baseKB = residentKB()
	agents := make([]*agent, len(members))
	for i, m := range members {
		if agents[i], err = newAgent(f, m); err != nil {
			return err
		}
		members[i] = member{} // its text is not needed any more
	}
	if err := tell(f.opts.Out, f.line("enrolled", agents)); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return f.stage.run(gctx, f.clock) })
	g.Go(func() error { return f.start(gctx, agents) })
	g.Go(func() error { return f.storms(gctx, agents) })
	g.Go(func() error { return f.report(gctx, agents) })
	err = g.Wait()
	for _, l := range f.stats.lines() {
		err = errors.Join(err, tell(f.opts.Out, l))
	}
	return errors.Join(err, tell(f.opts.Out, f.line("summary", agents)))
}

// members are the identities there are, and those that are made now.
func (f *Fleet) members(ctx context.Context) ([]member, error) {
	members, err := readMembers(f.opts.Data)
	if err == nil {
		members, err = f.enrolAll(ctx, members)
	}
	if err != nil {
		return nil, err
	}
	if len(members) < f.opts.Agents {
		return nil, fmt.Errorf("%w: %d identities in %s, %d agents are wanted: give codes for the rest (loaxa device codes)",
			radio.ErrNotFound, len(members), f.opts.Data, f.opts.Agents)
	}
	return members[:f.opts.Agents], nil
}

// start runs the agents, so many a second; one that fails is counted and left.
func (f *Fleet) start(ctx context.Context, agents []*agent) error {
	var g errgroup.Group
	tick := time.NewTicker(time.Second / time.Duration(f.opts.ConnectPerSecond))
	defer tick.Stop()
	for _, a := range agents {
		select {
		case <-ctx.Done():
			return g.Wait()
		case <-tick.C:
		}
		g.Go(func() error {
			if err := a.run(ctx); err != nil && ctx.Err() == nil {
				f.stats.failed.Add(1)
				a.log.Error("agent ended", "error", err)
			}
			return nil
		})
	}
	return g.Wait()
}

// storms breaks every connection at once, as a power cut of a province does.
func (f *Fleet) storms(ctx context.Context, agents []*agent) error {
	if f.opts.Storm == 0 {
		return nil
	}
	tick := time.NewTicker(f.opts.Storm)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, a := range agents {
			a.drop()
			f.stats.drops.Add(1)
		}
	}
}

// report writes statistics.
func (f *Fleet) report(ctx context.Context, agents []*agent) error {
	tick := time.NewTicker(f.opts.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, l := range f.stats.lines() {
			if err := tell(f.opts.Out, l); err != nil {
				return err
			}
		}
		if err := tell(f.opts.Out, f.line("stats", agents)); err != nil {
			return err
		}
	}
}
