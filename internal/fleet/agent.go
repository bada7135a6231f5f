package fleet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"loaxa/internal/agent/emergency"
	"loaxa/internal/agent/enrol"
	"loaxa/internal/agent/inbox"
	"loaxa/internal/agent/link"
	"loaxa/internal/mqtt"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// queue is how many messages wait at one agent: few, for each may be 256 KiB.
const queue = 8

// agent is one device without sound.
type agent struct {
	fleet   *Fleet
	device  radio.DeviceID
	name    string
	zone    string
	log     *slog.Logger
	journal *journal
	shelf   *shelf
	inbox   *inbox.Inbox
	alerts  *emergency.Room
	orders  *orders
	link    *link.Link
	desk    desk
	cue     cue
	client  atomic.Pointer[mqtt.Client]
}

// newAgent composes the rooms of a device as agent.Agent does, with memory for a disk and
// the stage for a player.
func newAgent(f *Fleet, m member) (*agent, error) {
	id, err := enrol.Load(&pocket{identity: m.Identity})
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", m.Code, err)
	}
	a := &agent{fleet: f, device: id.Device, name: id.Name, zone: id.Zone, log: f.log.With("device", m.Code)}
	a.cue = cue{index: -1, agent: a}
	a.journal = newJournal(f.clock, radio.Issued{Device: id.Device, Document: string(wire.Keys), Revision: m.Version, Envelope: m.Envelope})
	a.shelf = &shelf{set: func() []radio.EmergencyAudio { return a.inbox.Settings().Emergency }}
	wake := func() { f.stage.call(a, f.clock.Now()) }
	a.orders = &orders{clock: f.clock, journal: a.journal, wake: wake, stop: a.desk.stop, changed: make(chan struct{})}
	if a.alerts, err = emergency.New(emergency.Options{Device: id.Device, Journal: a.journal, Clock: f.clock, Audio: a.shelf, Plan: plan{a},
		Proven: func() (time.Time, bool) { return f.clock.Now(), true }, Log: a.log}); err != nil {
		return nil, err
	}
	if a.inbox, err = inbox.New(inbox.Options{Device: id.Device, Name: id.Name, Province: id.Province, Areas: id.Areas, Zone: id.Zone, Root: id.PinnedRoot(),
		Journal: a.journal, Cache: a.shelf, Clock: f.clock, Alerts: heardAlerts{a.alerts, a, wake}, Commands: a.orders, Log: a.log,
		Welcome: func(ctx context.Context, w wire.WelcomePayload) {
			f.stats.welcomes.Add(1)
			a.link.Welcome(ctx, w)
		}}); err != nil {
		return nil, err
	}
	settings, err := f.tls(id)
	if err != nil {
		return nil, err
	}
	a.link, err = link.New(link.Options{Device: id.Device, Key: id.SigningKey(), Version: radio.Version, TLS: settings,
		Journal: a.journal, Inbox: documents{a.inbox, a, wake}, Clock: f.clock, Status: a.status, Receipts: a.alerts, Commands: a.orders,
		Dial: a.dial, Log: a.log})
	return a, err
}

// tls keeps only what a handshake needs: parsed certificates are the largest part of an
// identity, and the CA is the same for all.
func (f *Fleet) tls(id enrol.Identity) (func(hosts []string) *tls.Config, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ca == nil {
		ca, err := x509.ParseCertificate(der(id.CA))
		if err != nil {
			return nil, fmt.Errorf("the CA's certificate: %w", err)
		}
		f.ca, f.caText = ca, id.CA
	}
	if id.CA != f.caText {
		return nil, fmt.Errorf("%w: device %s belongs to another centre than the others in this folder", radio.ErrConflict, id.Device)
	}
	ca, now := f.ca, f.clock.Now
	own := tls.Certificate{Certificate: [][]byte{der(id.Certificate)}, PrivateKey: id.SigningKey().Signer()}
	return func(hosts []string) *tls.Config {
		if len(hosts) == 1 {
			return trust.ClientTLS(ca, &own, hosts[0], now)
		}
		c := trust.ClientTLS(ca, &own, "", now)
		c.VerifyConnection = func(cs tls.ConnectionState) error {
			err := fmt.Errorf("%w: no host of the centre is known", radio.ErrForbidden)
			for _, h := range hosts {
				if err = trust.ServerCheck(ca, h, now)(cs); err == nil {
					return nil
				}
			}
			return err
		}
		return c
	}, nil
}

// run talks until ctx ends.
func (a *agent) run(ctx context.Context) error {
	if err := a.inbox.Load(ctx); err != nil {
		return err
	}
	a.write(ctx, radio.Record{Kind: radio.RecordBoot, Booted: &radio.BootRecord{Version: radio.Version, Why: "start", Device: a.name}})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.alerts.Run(ctx) })
	g.Go(func() error { return a.link.Run(ctx) })
	return g.Wait()
}

// dial makes the device's client, with what the fleet counts and spoils of it.
func (a *agent) dial(o mqtt.Options) (link.Client, error) {
	s := &a.fleet.stats
	handle, connected := o.Handle, o.OnConnect
	o.Queue = queue
	o.OnConnect = func(ctx context.Context) {
		s.connects.Add(1)
		s.connected.Add(1)
		defer s.connected.Add(-1)
		connected(ctx)
	}
	o.Handle = func(ctx context.Context, m mqtt.Message) {
		s.messages.Add(1)
		if p := a.fleet.opts.Loss; p > 0 && rand.Float64() < p {
			// Not acknowledged, it comes again with the next connection.
			s.lost.Add(1)
			a.drop()
			return
		}
		handle(ctx, m)
	}
	c, err := mqtt.New(o)
	if err == nil {
		a.client.Store(c)
	}
	return c, err
}

// drop breaks the connection; the device comes back as after any other break.
func (a *agent) drop() {
	if c := a.client.Load(); c != nil {
		c.Reconnect()
	}
}

// status is what the agent reports. It says openly that nothing of it sounds.
func (a *agent) status() radio.Status {
	now := a.fleet.clock.Now()
	s := radio.Status{Device: a.device, Name: a.name, Zone: a.zone, At: radio.At(now), Version: radio.Version, Boot: a.journal.boot,
		UpMS: (a.fleet.clock.Mono() - a.journal.up).Milliseconds(), Link: a.link.Status(), Clock: a.fleet.clock.State().Status(),
		Output:  radio.OutputStatus{Driver: driver, Device: driver, State: "idle"},
		Journal: a.journal.Status(), Revisions: a.inbox.Revisions(), Policy: a.inbox.Policy().Label}
	a.alerts.Fill(&s)
	s.Fill()
	return s
}

// plan is inbox in the terms of emergency.
type plan struct{ a *agent }

// Settings implements emergency.Plan.
func (p plan) Settings() radio.Settings { return p.a.inbox.Settings() }

// Vouched implements emergency.Plan.
func (p plan) Vouched(sha radio.SHA256) bool { return p.a.inbox.Vouched(sha) }

// Drills implements emergency.Plan.
func (p plan) Drills(sha radio.SHA256) bool { return p.a.inbox.Drills(sha) }

// heardAlerts notes when alerts came, and has the stage look at them.
type heardAlerts struct {
	*emergency.Room
	a    *agent
	wake func()
}

// Take implements inbox.Alerts.
func (h heardAlerts) Take(ctx context.Context, al radio.Alert, envelope []byte) error {
	at := time.Now()
	err := h.Room.Take(ctx, al, envelope)
	if err == nil {
		h.a.fleet.stats.heard(al, h.a.device, at)
	}
	h.wake()
	return err
}

// TakeVoice implements inbox.Alerts.
func (h heardAlerts) TakeVoice(ctx context.Context, sha radio.SHA256, data []byte) error {
	h.a.fleet.stats.voices.Add(1)
	err := h.Room.TakeVoice(ctx, sha, data)
	h.wake()
	return err
}

// documents is inbox in the terms of link.
type documents struct {
	*inbox.Inbox
	a    *agent
	wake func()
}

// Take has the stage look at what has changed.
func (d documents) Take(ctx context.Context, topic string, data []byte) error {
	before := d.Revisions()
	err := d.Inbox.Take(ctx, topic, data)
	if err != nil {
		d.a.fleet.stats.refused.Add(1)
	}
	if after := d.Revisions(); after != before {
		d.a.fleet.stats.documents.Add(1)
		d.wake()
	}
	return err
}

// Settings gives the active ones with the fleet's own jitter, if it has one.
func (d documents) Settings() radio.Settings {
	s := d.Inbox.Settings()
	if j := d.a.fleet.opts.Jitter; j >= 0 {
		s.JitterMS = int(j.Milliseconds())
	}
	return s
}
