// Package central is the centre: it composes its rooms in the order of the walk, from
// a bulletin's upload to its line in the log. It receives the configuration from
// cmd/loaxa, runs until its context ends, and offers the commands what they need
// (people, keys, import, devices) without a running server.
package central

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"loaxa/internal/central/alert"
	"loaxa/internal/central/broker"
	"loaxa/internal/central/control"
	"loaxa/internal/central/dispatch"
	"loaxa/internal/central/export"
	"loaxa/internal/central/identity"
	"loaxa/internal/central/ingest"
	"loaxa/internal/central/library"
	"loaxa/internal/central/media"
	"loaxa/internal/central/offer"
	"loaxa/internal/central/preview"
	"loaxa/internal/central/programme"
	"loaxa/internal/central/reconcile"
	"loaxa/internal/central/report"
	"loaxa/internal/central/rules"
	"loaxa/internal/central/schedule"
	"loaxa/internal/central/stagger"
	"loaxa/internal/central/store"
	"loaxa/internal/central/submission"
	"loaxa/internal/central/timeline"
	"loaxa/internal/central/web"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
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
	if left := keys.Until().Sub(radio.At(c.now())); left < 60*24*time.Hour {
		c.log.Warn("the online key expires soon: sign a new keyring with `loaxa key sign`", "days", int(left.Hours()/24))
	}
	if set, err := emergencySet(); err != nil {
		return err
	} else if _, ring := keys.Keyring(); slices.ContainsFunc(set, func(e radio.EmergencyAudio) bool { return !slices.Contains(ring.Emergency, e.Rendition.SHA256) }) {
		c.log.Warn("the keyring does not list the sounds of the emergency set, so that devices leave them out and refuse drills: sign a new keyring with `loaxa key sign`")
	}
	if from, restored, err := identity.RestoredFrom(c.cfg.dir("keys")); err != nil {
		return err
	} else if restored {
		c.log.Warn("the keyring comes from a backup: keys revoked since count again until somebody looks at it with `loaxa key sign`", "backup", from.MadeAt.Time().Format(time.RFC3339))
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

// openCA reads the province's CA, or makes it for a province without enrolled devices:
// a new one in place of a lost one would cut off every device there is.
func (c *Central) openCA(ctx context.Context, province radio.Area) (*identity.CA, error) {
	dir := c.cfg.dir("ca")
	_, err := os.Stat(filepath.Join(dir, identity.CAFile))
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh {
		devices, err := c.store.Devices(ctx)
		if err != nil {
			return nil, err
		}
		for _, d := range devices {
			if d.Enrolled != 0 || d.Revoked != 0 {
				return nil, fmt.Errorf("%w: %s is missing, yet device %s was enrolled under it: restore the folder from a backup", radio.ErrNotFound, dir, d.Code)
			}
		}
	}
	if !fresh {
		return identity.OpenCA(dir, province.Name, c.now)
	}
	var ca *identity.CA
	err = c.store.Witness(ctx, "key.ca", auditOfKeys, radio.At(c.now()), func() (f radio.AuditFacts, err error) {
		ca, err = identity.OpenCA(dir, province.Name, c.now)
		return f, err
	})
	return ca, err
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

// runner is a broker of either kind.
type runner interface {
	publisher
	Stats() broker.Stats
	Disconnect(device string) error
	Run(ctx context.Context) error
}

func (c *Central) broker(ca *identity.CA, devices *identity.Devices, ear broker.Ingest) (runner, error) {
	log := c.log
	if len(c.cfg.MQTT.External) == 0 {
		cfg, err := ca.ServerTLS(c.cfg.Devices.Hosts, true)
		if err != nil {
			return nil, err
		}
		return broker.NewEmbedded(broker.Options{
			Listen: c.cfg.MQTT.Listen, TLS: admitTLS(cfg, devices), Access: access{devices, log}, Ingest: ear, Logger: log,
		})
	}
	own, err := ca.Centre()
	if err != nil {
		return nil, err
	}
	return broker.NewExternal(broker.ExternalOptions{
		Servers: c.cfg.MQTT.External, ClientID: identity.CentreName, Username: identity.CentreName,
		TLS: trust.ClientTLS(ca.Certificate(), &own, c.cfg.Devices.Hosts[0], c.now), Filter: wire.AllUp(), Ingest: ear, Logger: log,
		Device: func(topic string) (string, bool) {
			t, err := wire.ParseTopic(topic)
			return string(t.Device), err == nil && t.Up && t.Device != ""
		},
	})
}

// startBroker fills the embedded broker with every retained document before it lets
// the first device in: the broker is a cache (design §7). An external one is filled
// once it is connected.
func (c *Central) startBroker(ctx context.Context, b runner, d *dispatch.Dispatcher) error {
	if _, embedded := b.(*broker.Embedded); embedded {
		if err := c.store.ForgetPresence(ctx); err != nil {
			return err
		}
		if err := d.Republish(ctx); err != nil && ctx.Err() == nil {
			// Dispatch tries again what could not be published.
			c.log.Warn("not everything is published yet", "error", err)
		}
	}
	return b.Run(ctx)
}

// desks are the rooms that stand behind the console.
type desks struct {
	dispatcher *dispatch.Dispatcher
	live       *web.Live
	broker     runner
	watching   watching
	devices    *identity.Devices
	alerts     *alert.Desk
	orders     *control.Desk
	ring       library.Keyring
	approvals  *library.Approvals
	files      *export.Exporter
	audits     *export.Audits
	proofs     proofs
}

func (c *Central) console(province radio.Area, r desks) (*http.Server, error) {
	zone, err := timetable.LoadZone(province.Zone)
	if err != nil {
		return nil, err
	}
	proxies, err := c.cfg.People.proxies()
	if err != nil {
		return nil, err
	}
	if c.cfg.People.BehindProxy && len(proxies) == 0 {
		c.log.Warn("the console stands behind a proxy that is not named in people.trusted_proxies: wrong passwords of one client make all of them wait, and the audit knows nobody's address")
	}
	monitor := newMetrics(house{
		states: c.store.Pulses, places: c.store.Places, totals: c.report.Totals, broker: r.broker.Stats, now: c.now, zone: zone, log: c.log,
	})
	log := c.log.With("component", "web")
	laid := newLaid(c.store, c.now, r.ring)
	coming := preview.New(laid, r.watching.fleet, programme.Resolver{Tuning: c.tuning(), Stands: r.approvals.Stands}, c.now)
	schedules := schedule.NewDesk(schedule.Rooms{Plans: laid, Drafts: c.store, History: c.store, Clashes: coming, Holdings: laid, Fleet: r.watching.fleet, Stands: r.approvals.Stands, Codes: c.people}, c.now, r.dispatcher.Changed)
	service, err := c.oidc()
	if err != nil {
		return nil, err
	}
	desk := library.NewDesk(c.intake, c.files, shelf{laid, r.watching.fleet}, r.approvals, c.now, log, r.dispatcher.Changed)
	offers := offer.NewDesk(laid, c.store, coming, c.now, r.dispatcher.Changed)
	site, err := web.New(web.Deps{
		People: c.people,
		Staff:  c.people, Office: c.people, Accounts: c.people, Tokens: c.people, Passkeys: c.passkeys(r.ring),
		Second: c.people, SecondOffice: c.people, OIDC: service, OIDCName: c.cfg.People.OIDC.name(),
		Desk:      desk,
		Shelf:     c.store,
		Uploads:   c.uploads,
		Plan:      laid,
		Campaigns: c.store,
		Log:       c.report,
		Files:     logFiles{r.files}, AuditFiles: auditFiles{r.audits}, Trail: report.NewTrail(c.store),
		Months: r.proofs, Evidence: evidenceFiles{r.proofs, r.files},
		Audio:   audioFiles{c.files},
		Preview: coming, Rehearsals: coming,
		Rules:   rules.New(laid, c.store, coming, c.people, c.now, r.dispatcher.Changed),
		Why:     c.explainer(laid, r.watching.fleet, coming),
		Healthy: c.store.Ping,
		Live:    r.live,
		Fleet:   r.watching.fleet, Faults: c.store, Clusters: clusters{c.store, r.devices, r.ring, c.cfg.Devices, c.now},
		Orders: r.orders, OrderBook: c.store,
		Offers: offers, Timelines: timeline.New(coming, offers, c.report, laid, c.now),
		Submissions: submission.New(c.store, desk, c.now),
		AreaDesk:    c.areaDesk(), AreaFiles: schedule.NewPlaces(c.store, c.now),
		Setups: c.store, Staggers: stagger.New(c.store, c.now),
		Schedules: schedules, ScheduleDesk: schedules, ScheduleFiles: schedules,
		Alerts: r.alerts, Signing: r.alerts, AlertBoards: r.alerts, Contacts: c.store,
		Metrics: monitor.handler(), Observe: monitor.observe,
		Public: strings.TrimRight(c.cfg.People.Public, "/"), Proxies: proxies,
		Zone: province.Zone, Now: c.now, Secure: c.cfg.People.secure(), Logger: log,
	})
	if err != nil {
		return nil, err
	}
	s := &http.Server{Handler: c.cfg.People.behind(site, proxies), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10}
	s.RegisterOnShutdown(r.live.Close)
	return s, nil
}

func (c *Central) deviceServer(ca *identity.CA, devices *identity.Devices) (*http.Server, error) {
	cfg, err := ca.ServerTLS(c.cfg.Devices.Hosts, false)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(wire.EnrolPath, devices)
	mux.HandleFunc(wire.RenewPath, devices.ServeRenewal)
	mux.Handle(wire.MediaPath, media.New(audioFiles{c.files}, devices, c.cfg.Devices.Transfers, c.log.With("component", "media")))
	return &http.Server{Handler: fromDevice(mux), TLSConfig: cfg, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}, nil
}

// fromDevice tells the audit that what is done comes by the devices' HTTPS.
func fromDevice(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o := radio.Source{Via: radio.ViaDevice}
		if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			o.Address = at.Addr().Unmap().WithZone("").String()
		}
		next.ServeHTTP(w, r.WithContext(radio.WithSource(r.Context(), o)))
	})
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

// province is the one province this centre serves.
func (c *Central) province(ctx context.Context) (radio.Area, error) {
	areas, err := c.store.Areas(ctx)
	if err != nil {
		return radio.Area{}, err
	}
	var found []radio.Area
	for _, a := range areas {
		if a.Kind == radio.Province {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return radio.Area{}, fmt.Errorf("%w: no province yet: lay one down with `loaxa import --author LOGIN --approver LOGIN FOLDER` (FOLDER: areas, devices, bulletins and schedules; examples in schedules/), then `loaxa key root --out root.jwk` and `loaxa key sign`", radio.ErrNotFound)
	}
	return radio.Area{}, fmt.Errorf("%w: %d provinces in one database; one centre serves one province", radio.ErrConflict, len(found))
}

// serve answers HTTP until ctx ends, then lets requests finish for a while.
func serve(ctx context.Context, s *http.Server, listen string, secure bool, log *slog.Logger) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", listen, err)
	}
	s.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelInfo)
	ended := make(chan error, 1)
	go func() {
		if secure {
			ended <- s.ServeTLS(l, "", "")
			return
		}
		ended <- s.Serve(l)
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("serve on %s: %w", listen, err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(stop); err != nil {
		// A slow transfer goes on; the device fetches the rest another time.
		log.Info("connections are cut", "error", err)
		if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("stop serving on %s: %w", listen, err)
		}
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", listen, err)
	}
	return nil
}
