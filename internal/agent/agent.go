// Package agent composes the controller of one cluster of loudspeakers from its
// rooms, in the order of the walk: inbox and fetch bring documents and audio, cache
// and journal keep them, emergency keeps alerts before all else, playout plays through the player's child process, journal
// and link bring word of it to the centre, status shows it. Whatever of these
// breaks, the rest goes on: without a network it plays from its cache for weeks.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"loaxa/internal/agent/amplifier"
	"loaxa/internal/agent/cache"
	"loaxa/internal/agent/control"
	"loaxa/internal/agent/emergency"
	"loaxa/internal/agent/enrol"
	"loaxa/internal/agent/fetch"
	"loaxa/internal/agent/inbox"
	"loaxa/internal/agent/journal"
	"loaxa/internal/agent/link"
	"loaxa/internal/agent/pin"
	"loaxa/internal/agent/player"
	"loaxa/internal/agent/playout"
	"loaxa/internal/agent/status"
	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

// ErrNotEnrolled: the device has no identity yet.
var ErrNotEnrolled = fmt.Errorf("%w: this device is not enrolled; use loaxa-agent enrol --server URL --code CODE", radio.ErrNotFound)

// Agent is one controller.
type Agent struct {
	cfg  Config
	self []string // starts the player's child
	log  *slog.Logger
}

// New only stores. self is the command that runs this program as the player's child.
func New(cfg Config, self []string, log *slog.Logger) *Agent {
	return &Agent{cfg: cfg, self: self, log: log}
}

// rooms is everything of one run.
type rooms struct {
	device    radio.DeviceID
	journal   *journal.Store
	cache     *cache.Store
	clock     *clock.System
	faults    *status.Faults
	inbox     *inbox.Inbox
	alerts    *emergency.Room
	commands  *control.Room
	again     chan struct{} // a command wants a restart
	fetch     *fetch.Fetcher
	playout   *playout.Playout
	amplifier *amplifier.Amplifier // nil: the device has no switch
	link      *link.Link
	renewal   *enrol.Renewal
	status    *status.Builder
	pin       *pin.Pin
	marker    marker
}

// Run plays until ctx ends; then what sounds is faded out and written down, and no
// process or file is left open. ErrRestart says that it is to be started again.
func (a *Agent) Run(ctx context.Context) (err error) {
	r := &rooms{}
	defer func() { err = errors.Join(err, r.close(err)) }()
	if err := a.open(ctx, r); err != nil {
		return err
	}
	var page *status.Page
	if a.cfg.Status.Listen != "" {
		if page, err = status.NewPage(a.cfg.Status.Listen, r.status.Build, a.part("status")); err != nil {
			return err
		}
		if err := errors.Join(page.OfferClock(atOnce{r}, r.clock, r.journal), page.Control(atOnce{r}, controls{r})); err != nil {
			return err
		}
	}
	a.log.Info("agent runs", "version", radio.Version, "data", a.cfg.Data)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.journal.Run(ctx) })
	g.Go(func() error { return r.clock.Run(ctx) })
	g.Go(func() error { return r.play(ctx) })
	g.Go(func() error { return r.inbox.Run(ctx) })
	g.Go(func() error { return r.alerts.Run(ctx) })
	g.Go(func() error { return r.commands.Run(ctx, remote{r.playout}) })
	g.Go(func() error { return r.restart(ctx) })
	g.Go(func() error { return a.keep(ctx, r, "fetch", r.fetch.Run) })
	g.Go(func() error { return a.keep(ctx, r, "link", r.link.Run) })
	g.Go(func() error { return a.keep(ctx, r, "renewal", r.renewal.Run) })
	g.Go(func() error {
		return a.keep(ctx, r, "socket", status.NewSocket(a.cfg.Socket(), r.status.Build, a.part("status")).Run)
	})
	if page != nil {
		g.Go(func() error { return a.keep(ctx, r, "page", page.Run) })
	}
	g.Go(func() error { return r.report(ctx) })
	g.Go(func() error { return a.watchdog(ctx, r) })
	return g.Wait()
}

// report has link tell the centre soon when what the device runs on has changed.
func (r *rooms) report(ctx context.Context) error {
	for {
		documents, audio, faults, sound, alerts := r.inbox.Changed(), r.cache.Changed(), r.faults.Changed(), r.playout.Changed(), r.alerts.Changed()
		select {
		case <-ctx.Done():
			return nil
		case <-documents:
		case <-audio:
		case <-faults:
		case <-sound:
		case <-alerts:
		}
		r.link.Touch()
	}
}

func (a *Agent) part(name string) *slog.Logger { return a.log.With("component", name) }

// open opens the stores and makes the rooms, in the order in which they need each other.
func (a *Agent) open(ctx context.Context, r *rooms) error {
	var err error
	if r.journal, err = a.cfg.openJournal(a.log); err != nil {
		return err
	}
	// Before any record of this run: it says until when the last one was alive.
	seen, err := r.journal.LastSeen(ctx)
	if err != nil {
		return err
	}
	keeping := a.cfg.clock()
	keeping.Floor, keeping.Memory = r.journal.Floor(), r.journal
	if r.clock, err = clock.New(keeping, a.part("clock")); err != nil {
		return err
	}
	r.pin = pin.New(r.journal, r.journal, a.part("pin"))
	boot := radio.NewID[radio.BootID]()
	if err := r.journal.Start(r.clock, boot); err != nil {
		return fmt.Errorf("start the journal: %w", err)
	}
	r.faults = status.NewFaults(r.journal, func() radio.Millis { return radio.At(r.clock.Now()) }, a.part("faults"))
	if err := a.openCache(ctx, r); err != nil {
		return err
	}
	if err := a.openDocuments(ctx, r); err != nil {
		return err
	}
	if err := a.openPlayout(r, seen); err != nil {
		return err
	}
	r.status = status.New(r.device, boot, status.Rooms{Clock: r.clock, Documents: r.inbox, Journal: r.journal,
		Cache: r.cache, Desk: desk{r.playout, r.alerts, a.cfg.Output.Driver}, Faults: r.faults, Link: r.measuredLink, Audio: r.fetch.Status}, a.part("status"))
	r.marker = a.cfg.marker()
	r.begin(ctx, a.log)
	return nil
}

// measuredLink is the connection, with what downloads tell of it.
func (r *rooms) measuredLink() radio.LinkStatus {
	l := r.link.Status()
	r.fetch.Meter(&l)
	return l
}

// openPlayout makes the desk with its player and its amplifier.
func (a *Agent) openPlayout(r *rooms, seen radio.Millis) error {
	env, err := a.cfg.playerEnv()
	if err != nil {
		return err
	}
	child, err := player.New(player.Config{Command: a.self, Env: env, Stderr: os.Stderr}, a.part("player"))
	if err != nil {
		return err
	}
	beside := playout.Rooms{Clock: r.clock, Plan: r.inbox, Audio: shelf{r.cache}, Journal: r.journal,
		Player: &players{player: child, output: a.cfg.output(), log: a.part("player")},
		Faults: r.faults, Alerts: r.alerts, LastSeen: seen, VolumeDB: r.commands.Volume()}
	if cfg := a.cfg.amplifier(); cfg.Present() {
		if r.amplifier, err = amplifier.New(cfg, r.clock.Mono, r.faults, a.part("amplifier")); err != nil {
			return err
		}
		beside.Amplifier = r.amplifier
	}
	r.playout = playout.New(beside, a.part("playout"))
	return nil
}

// desk shows the configured driver while no stream is open.
type desk struct {
	*playout.Playout
	alerts *emergency.Room
	driver string
}

// Fill implements status.Desk.
func (d desk) Fill(s *radio.Status) {
	d.Playout.Fill(s)
	d.alerts.Fill(s)
	if s.Output.Driver == "" {
		s.Output.Driver = d.driver
	}
}

// openCache: damage there is the cache's own to mend; fetch brings the audio again.
func (a *Agent) openCache(ctx context.Context, r *rooms) error {
	var err error
	r.cache, err = cache.Open(cache.Options{Path: a.cfg.cachePath(), MaxBytes: int64(a.cfg.Cache.MaxMB) << 20,
		OnDamage: func(sha radio.SHA256, why error) {
			a.log.Error("cached audio is damaged and fetched again", "sha256", string(sha), "error", why)
			if r.fetch != nil {
				r.fetch.Wake()
			}
		}, Log: a.log})
	return err
}

// begin writes that the agent has started, and whether it was stopped in good order.
func (r *rooms) begin(ctx context.Context, log *slog.Logger) {
	why := "start"
	crashed, err := r.marker.set()
	if err != nil {
		log.Warn("cannot mark the start; a crash will look like a start", "error", err)
	}
	if crashed {
		why = "crash"
	}
	if _, err := r.journal.Append(ctx, radio.Record{Kind: radio.RecordBoot,
		Booted: &radio.BootRecord{Version: radio.Version, Why: why, Device: r.inbox.Settings().Name}}); err != nil {
		log.Error("start not written to the journal", "error", err)
	}
}

// close closes what was opened, in the reverse order.
func (r *rooms) close(failed error) error {
	var errs []error
	if r.cache != nil {
		errs = append(errs, r.cache.Close())
	}
	if r.journal != nil {
		errs = append(errs, r.journal.Close())
	}
	if failed == nil || errors.Is(failed, ErrRestart) {
		errs = append(errs, r.marker.clear())
	}
	return errors.Join(errs...)
}

// keep runs a part the sound does not depend on: when it fails that is a fault, and
// it is started again, while everything else goes on.
func (a *Agent) keep(ctx context.Context, r *rooms, name string, run func(context.Context) error) error {
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		// It runs when it has not failed for a while.
		mended := time.AfterFunc(10*time.Second, func() { r.faults.Clear(ctx, name) })
		err := run(ctx)
		lasted := !mended.Stop()
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		if lasted {
			wait = time.Second
		}
		r.faults.Raise(ctx, name, err.Error())
		again := time.NewTimer(wait)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil
		}
	}
}

func (c Config) openJournal(log *slog.Logger) (*journal.Store, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	return journal.Open(journal.Options{Path: c.journalPath(), Log: log})
}

// buildTime is when the sources of this program were committed: no true clock shows
// less. Zero for a build outside a repository.
func buildTime() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}
