package central

import (
	"net/http"
	"strings"
	"time"

	"loaxa/internal/central/alert"
	"loaxa/internal/central/control"
	"loaxa/internal/central/dispatch"
	"loaxa/internal/central/export"
	"loaxa/internal/central/identity"
	"loaxa/internal/central/library"
	"loaxa/internal/central/offer"
	"loaxa/internal/central/preview"
	"loaxa/internal/central/programme"
	"loaxa/internal/central/report"
	"loaxa/internal/central/rules"
	"loaxa/internal/central/schedule"
	"loaxa/internal/central/stagger"
	"loaxa/internal/central/submission"
	"loaxa/internal/central/timeline"
	"loaxa/internal/central/web"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

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

// console puts the people's pages and API on top of the rooms.
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
