// Package central is the centre: it composes its rooms in the order of the walk, from
// a bulletin's upload to its line in the log. It receives the configuration from
// cmd/loaxa, runs until its context ends, and offers the commands what they need
// (people, keys, import, devices) without a running server.
package central

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"loaxa/internal/central/dispatch"
	"loaxa/internal/central/export"
	"loaxa/internal/central/identity"
	"loaxa/internal/central/ingest"
	"loaxa/internal/central/library"
	"loaxa/internal/central/programme"
	"loaxa/internal/central/reconcile"
	"loaxa/internal/central/report"
	"loaxa/internal/central/store"
	"loaxa/internal/central/web"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// Central is the centre with its database open. Run serves; the other methods are
// for commands.
type Central struct {
	cfg    Config
	log    *slog.Logger
	now    func() time.Time
	store  *store.Store
	files  *library.Files
	intake *library.Intake
	// uploads lie in the work folder, beside what is being prepared.
	uploads *library.Uploads
	people  *identity.People
	report  *report.Report
}

// Open opens the database and checks the configuration. intakeCommand starts the
// limited child that touches uploads (library.Options.Command).
func Open(ctx context.Context, cfg Config, intakeCommand []string, log *slog.Logger) (*Central, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.dir("work"), 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	intake, err := library.NewIntake(library.Options{
		Command: intakeCommand, WorkDir: cfg.dir("work"), Log: log.With("component", "library"),
	})
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, cfg.dsn())
	if err != nil {
		return nil, err
	}
	return &Central{
		cfg: cfg, log: log, now: time.Now, store: s, intake: intake,
		files:   library.NewFiles(cfg.dir("audio")),
		uploads: library.NewUploads(filepath.Join(cfg.dir("work"), "uploads"), library.DefaultUploadLimits(), time.Now, log.With("component", "library")),
		people:  identity.NewPeople(s, cfg.dir("keys"), time.Now),
		report:  report.New(s, time.Now),
	}, nil
}

// Close closes the database.
func (c *Central) Close() error { return c.store.Close() }

// changePoll is how often the centre looks whether a command of another process
// changed something laid down.
const changePoll = time.Second

// Run serves until ctx ends. The parts stand in the order of the walk.
func (c *Central) Run(ctx context.Context) (err error) {
	// What the parts do by themselves nobody's command did.
	ctx = radio.WithSource(ctx, radio.Source{Via: radio.ViaCentre})
	province, err := c.province(ctx)
	if err != nil {
		return err
	}
	keys, err := identity.OpenKeys(c.cfg.dir("keys"), province.ID)
	if err != nil {
		return err // it names the next command
	}
	if err := c.tellKeys(keys); err != nil {
		return err
	}
	lock, err := lockData(c.cfg.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	ca, err := c.openCA(ctx, province)
	if err != nil {
		return err
	}
	if err := keepEmergency(ctx, c.files); err != nil {
		return err
	}
	if err := c.intake.Ready(); err != nil {
		c.log.Warn("uploads other than house format are refused", "reason", err)
	}

	zone, err := timetable.LoadZone(province.Zone)
	if err != nil {
		return err
	}
	out, live, news := &outlet{}, &web.Live{}, &told{}
	watching, err := c.watching(ctx, zone, out, func() { live.Changed(web.TopicFaults, web.TopicDevices) })
	if err != nil {
		return err
	}
	signers := c.signers(keys)
	alerts, err := c.alerts(keys, signers, out, out.away, func() { live.Changed(web.TopicAlerts) })
	if err != nil {
		return err
	}
	approvals := library.NewApprovals(keys, signers, c.now)
	if err := c.tellUnsigned(ctx, approvals); err != nil {
		return err
	}
	reconciler := reconcile.New(c.log.With("component", "reconcile"), reconcileLog(c.store), c.store, c.store, c.now, c.cfg.SilentAfter.D())
	dispatcher := dispatch.New(dispatch.Rooms{
		Plans: c.store, Resolver: programme.Resolver{Tuning: c.tuning(), Stands: approvals.Stands}, Issued: c.store, Journals: c.store,
		Publisher: out, Freezer: reconciler, Keys: keys, Alerts: alerts, Refused: watching.watch.Refused,
	}, c.now, c.log)
	var ear *ingest.Ingest
	devices := identity.NewDevices(ca, keys, c.store, c.now, c.log.With("component", "identity"), func(_ context.Context, d radio.DeviceID) {
		ear.Forget(d)
		dispatcher.Changed()
	})
	orders := c.orders(keys, out, out.away, func() { live.Changed(web.TopicDevices) })
	ear = ingest.New(c.log.With("component", "ingest"), ingestLog(c.store, reconciler, news), devices, greeter{dispatcher, orders, c.log}, c.now)
	mqttBroker, err := c.broker(ca, devices, ear)
	if err != nil {
		return err
	}
	out.set(mqttBroker)
	ended := newDismissals(c.store, devices, ear, dispatcher, mqttBroker, c.now, c.log.With("component", "identity"))
	loc, err := time.LoadLocation(province.Zone)
	if err != nil {
		return fmt.Errorf("zone of the province: %w", err)
	}
	keeper, closer := c.keeper(keys, ca, loc)
	evidence, err := c.evidence(ctx, province, keys, ca.PEM())
	if err != nil {
		return err
	}
	files := export.New(exportLog(c.store), c.now)
	console, err := c.console(province, desks{dispatcher: dispatcher, live: live, broker: mqttBroker, watching: watching, devices: devices, alerts: alerts, orders: orders,
		ring: keys, approvals: approvals, files: files, audits: c.audits(keys, files), proofs: proofs{c, evidence, closer}})
	if err != nil {
		return err
	}
	var plain http.Handler
	if console.TLSConfig, plain, err = c.peopleTLS(); err != nil {
		return err
	}
	deviceServer, err := c.deviceServer(ca, devices)
	if err != nil {
		return err
	}

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return ear.Run(ctx) })
	g.Go(func() error { return c.startBroker(ctx, mqttBroker, dispatcher) })
	g.Go(func() error { return dispatcher.Run(ctx) })
	g.Go(func() error { return alerts.Run(ctx) })
	g.Go(func() error { return alerts.Forget(ctx) })
	g.Go(func() error { return orders.Run(ctx) })
	g.Go(func() error { return ended.Run(ctx) })
	g.Go(func() error { return reconciler.Run(ctx) })
	g.Go(func() error { return keeper.Run(ctx) })
	g.Go(func() error { return c.uploads.Run(ctx) })
	g.Go(func() error {
		return library.NewSweeper(c.files, audioInUse{c.store}, c.now, c.log.With("component", "library")).Run(ctx)
	})
	g.Go(func() error { return watching.watch.Run(ctx) })
	g.Go(func() error { return watching.notify.Run(ctx) })
	g.Go(func() error { return watching.letters.Run(ctx) })
	g.Go(func() error { return news.run(ctx, live, alerts.Heard) })
	g.Go(func() error {
		return c.watch(ctx, func() {
			devices.Moved() // before the settings tell of another place
			dispatcher.Changed()
			alerts.Look()
			live.SessionsChanged() // accounts are shut, and passwords taken away, under audit
			orders.Look()
			ended.Look()
			live.Changed(web.TopicBulletins, web.TopicSchedules, web.TopicCampaigns, web.TopicDevices, web.TopicPeople, web.TopicAlerts)
		})
	})
	g.Go(func() error { return c.areaDesk().run(ctx) })
	g.Go(func() error { return c.watchKeyring(ctx, keys, dispatcher, live) })
	g.Go(func() error { return c.sealAudit(ctx, keys) })
	g.Go(func() error {
		return serve(ctx, deviceServer, c.cfg.Devices.Listen, true, c.log.With("component", "media"))
	})
	g.Go(func() error { return c.serveConsole(ctx, console, plain) })
	c.log.Info("centre starts", "version", radio.Version, "database", c.store.Engine(), "province", province.Name,
		"console", c.cfg.People.Address(), "devices", c.cfg.Devices.Listen, "mqtt", c.cfg.MQTT.Listen)
	return g.Wait()
}

func (c *Central) tuning() programme.Tuning {
	// Check has read both already.
	from, err1 := radio.ParseTimeOfDay(c.cfg.FetchFrom)
	to, err2 := radio.ParseTimeOfDay(c.cfg.FetchTo)
	emergency, err3 := emergencySet()
	if err := errors.Join(err1, err2, err3); err != nil {
		c.log.Error("fetch window or emergency set", "error", err)
	}
	return programme.Tuning{JitterMS: int(c.cfg.Jitter.D().Milliseconds()), FetchFrom: from, FetchTo: to, Emergency: emergency}
}

// watch notices what people changed, here or by commands of other processes (import,
// device, user), by the audit, which every change writes.
func (c *Central) watch(ctx context.Context, changed func()) error {
	tick := time.NewTicker(changePoll)
	defer tick.Stop()
	var last int64 = -1
	for {
		seq, err := c.store.AuditHead(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			c.log.Error("look for changes", "error", err)
		case seq != last:
			if last >= 0 {
				changed()
			}
			last = seq
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
