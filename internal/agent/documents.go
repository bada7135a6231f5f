package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"loaxa/internal/agent/cache"
	"loaxa/internal/agent/enrol"
	"loaxa/internal/agent/fetch"
	"loaxa/internal/agent/inbox"
	"loaxa/internal/agent/journal"
	"loaxa/internal/agent/link"
	"loaxa/internal/agent/pin"
	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// identity of the device; ErrNotEnrolled when it has none.
func identity(store *journal.Store) (enrol.Identity, error) {
	id, err := enrol.Load(store)
	if errors.Is(err, radio.ErrNotFound) {
		return id, ErrNotEnrolled
	}
	return id, err
}

// openDocuments makes the rooms between the centre and the stores, and reads the
// documents that are held.
func (a *Agent) openDocuments(ctx context.Context, r *rooms) error {
	id, err := identity(r.journal)
	if err != nil {
		return err
	}
	r.device = id.Device
	if err := a.openAlerts(r); err != nil {
		return err
	}
	if err := a.openCommands(ctx, r); err != nil {
		return err
	}
	opts := inboxOptions(id, r.journal, r.cache, r.clock,
		func(ctx context.Context, w wire.WelcomePayload) { r.link.Welcome(ctx, w); r.alerts.Welcomed() }, a.log)
	opts.Alerts, opts.Commands, opts.Faults = r.alerts, r.commands, r.faults
	if r.inbox, err = inbox.New(opts); err != nil {
		return err
	}
	if err := r.inbox.Load(ctx); err != nil {
		return err
	}
	if err := r.alerts.Load(ctx); err != nil {
		return err
	}
	r.inbox.ProveAlerts(ctx)
	// What is asked at every connection: an endpoint may have moved since.
	card := enrol.NewCard(id)
	settings := func(hosts []string) *tls.Config { return card.TLS(r.clock.Latest, hosts...) }
	client := &http.Client{Transport: fetch.Transport(func(host string) *tls.Config { return settings([]string{host}) })}
	r.renewal = enrol.NewRenewal(enrol.RenewOptions{Card: card, Store: r.journal, Version: radio.Version, Now: r.clock.Latest,
		Media:     func() []string { return r.inbox.Endpoints().Media },
		Connected: func() bool { return r.link.Status().Connected },
		Refused:   func() bool { return r.link.Status().Refused },
		Jitter:    func() time.Duration { return time.Duration(r.inbox.Settings().JitterMS) * time.Millisecond },
		Renewed:   func() { r.link.Anew(); client.CloseIdleConnections() },
		Faults:    r.faults, Log: a.log})
	if r.fetch, err = fetch.New(fetch.Options{Device: id.Device, Plan: r.inbox, Cache: r.cache, Clock: r.clock,
		Faults: r.faults, Urgent: r.alerts, Client: client, ChunkSize: cache.ChunkSize, Log: a.log,
		Memory: r.journal, MeteredBytes: int64(a.cfg.Fetch.MeteredMB) * 1e6}); err != nil {
		return err
	}
	r.link, err = link.New(link.Options{Device: id.Device, Key: id.SigningKey(), Version: radio.Version, Machine: a.machine(id.Device),
		TLS: settings, Journal: r.journal, Inbox: r.inbox, Clock: r.clock, Receipts: r.alerts, Commands: r.commands, Lacks: r.alerts.Lacks,
		Status: func() radio.Status { return r.status.Reported(ctx) }, Log: a.log})
	return err
}

func inboxOptions(id enrol.Identity, store *journal.Store, audio inbox.Cache, clk *clock.System,
	welcome func(context.Context, wire.WelcomePayload), log *slog.Logger) inbox.Options {
	return inbox.Options{Device: id.Device, Name: id.Name, Province: id.Province, Areas: id.Areas, Zone: id.Zone, Root: id.PinnedRoot(),
		Journal: store, Cache: audio, Clock: clk, Welcome: welcome, Log: log}
}

// storedPolicy is the one the device obeys, for tools that run beside no agent.
func storedPolicy(ctx context.Context, store *journal.Store, clk *clock.System, log *slog.Logger) (radio.Policy, error) {
	id, err := identity(store)
	if errors.Is(err, ErrNotEnrolled) {
		return radio.DefaultPolicy(toolZone), nil
	}
	if err != nil {
		return radio.Policy{}, err
	}
	in, err := inbox.New(inboxOptions(id, store, noCache{}, clk, func(context.Context, wire.WelcomePayload) {}, log))
	if err != nil {
		return radio.Policy{}, err
	}
	if err := in.Load(ctx); err != nil {
		return radio.Policy{}, err
	}
	return in.Policy(), nil
}

// noCache: a tool reads documents only; the agent deletes what was withdrawn.
type noCache struct{}

// Delete does nothing.
func (noCache) Delete(radio.SHA256) error { return nil }

// Enrol makes the device a member, with the code of `loaxa device add`.
func Enrol(ctx context.Context, cfg Config, server, code string, force bool, log *slog.Logger) (answer wire.EnrolAnswer, err error) {
	store, err := cfg.openJournal(log)
	if err != nil {
		return answer, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	clk, err := clock.New(cfg.clock(), log)
	if err != nil {
		return answer, err
	}
	floor, err := store.Floor().Load(ctx)
	if err != nil {
		log.Warn("time floor not readable, going on without it", "error", err)
	}
	clk.AtLeast(floor, "")
	return enrol.Enrol(ctx, enrol.Options{Server: server, Code: code, Version: radio.Version, Force: force,
		Store: store, Now: clk.Latest})
}

// SetPIN gives the device the PIN with which people act at it. A running agent has the
// journal to itself.
func SetPIN(ctx context.Context, cfg Config, number string, log *slog.Logger) (err error) {
	store, err := cfg.openJournal(log)
	if errors.Is(err, radio.ErrConflict) {
		return fmt.Errorf("%w: the agent is running; stop it first (systemctl stop loaxa-agent)", radio.ErrConflict)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	clk, err := clock.New(cfg.clock(), log)
	if err != nil {
		return err
	}
	if err := store.Start(clk, radio.NewID[radio.BootID]()); err != nil {
		return err
	}
	return pin.New(store, store, log).Set(ctx, number)
}

// checkJournal tells what the journal holds, what it lost, and what the centre could
// not use.
func checkJournal(ctx context.Context, store *journal.Store) ([]string, error) {
	j := store.Status()
	lines := []string{fmt.Sprintf("journal %s: %d records, %d acknowledged", j.ID, j.Head, j.Acked)}
	if r, was := store.Rescued(); was {
		lines = append(lines, fmt.Sprintf("journal was damaged (%s): %d records and %d documents rescued", r.Why, r.Records, r.Documents))
	}
	rejected, err := store.Quarantined(ctx)
	for _, q := range rejected {
		lines = append(lines, fmt.Sprintf("record %d of journal %s was rejected by the centre: %s", q.Seq, q.Journal, q.Reason))
	}
	return lines, err
}

// Check opens what the agent would open and tells about it, a line each. A running
// agent has its files to itself; then only the configuration is checked.
func Check(ctx context.Context, cfg Config, log *slog.Logger) (lines []string, err error) {
	store, err := cfg.openJournal(log)
	if errors.Is(err, radio.ErrConflict) {
		return []string{"the agent is running; ask it with loaxa-agent status"}, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if lines, err = checkJournal(ctx, store); err != nil {
		return lines, err
	}
	audio, err := cache.Open(cache.Options{Path: cfg.cachePath(), Log: log})
	if err != nil {
		return lines, err
	}
	disk, err := audio.Status()
	if err = errors.Join(err, audio.Close()); err != nil {
		return lines, err
	}
	lines = append(lines, fmt.Sprintf("cache: %d bytes of audio, %d bytes free on the disk", disk.CacheBytes, disk.FreeBytes))
	lines = append(lines, checkOutput(ctx, cfg.output()))
	id, err := identity(store)
	if err != nil {
		return lines, err
	}
	clk, err := clock.New(cfg.clock(), log)
	if err != nil {
		return lines, err
	}
	policy, err := storedPolicy(ctx, store, clk, log)
	if err != nil {
		return lines, err
	}
	word := clk.State().Stamp()
	return append(lines,
		fmt.Sprintf("device %s (%s), certificate until %s", id.Device, id.Name, id.CertificateEnds().UTC().Format(time.DateOnly)),
		fmt.Sprintf("policy: %s, zone %s", policy.Label, policy.Zone),
		fmt.Sprintf("clock: %s by %s", word.State, word.Source)), nil
}
