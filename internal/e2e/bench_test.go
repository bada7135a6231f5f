package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"loaxa/internal/central/broker"
	"loaxa/internal/central/identity"
	"loaxa/internal/central/ingest"
	"loaxa/internal/central/reconcile"
	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/mqtt"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// BenchmarkIngestThroughBroker measures durable confirmations a second: devices with
// their own keys and TLS connections send signed journal batches to the embedded
// broker; each batch is verified, chained and committed to SQLite (WAL, FULL) with the
// log's rows before its PUBACK. One iteration is one confirmation. Senders, network,
// centre and database share the machine.
//
// planned: the airings are frozen beforehand, as in daily work. unplanned: the centre
// knows of none of them (restored from an older copy), and each makes its own row.
func BenchmarkIngestThroughBroker(b *testing.B) {
	for _, planned := range []bool{true, false} {
		for _, size := range []int{1, 14, wire.MaxBatch} {
			b.Run(fmt.Sprintf("planned=%v/records=%d", planned, size), func(b *testing.B) { ingestThroughBroker(b, size, planned) })
		}
	}
}

// benchDevices is how many devices send at once.
const benchDevices = 100

type benchDevice struct {
	id      radio.DeviceID
	key     trust.Key
	cert    tls.Certificate
	said    []radio.Confirmation
	batches [][]byte
}

func ingestThroughBroker(b *testing.B, size int, planned bool) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	ca, err := identity.OpenCA(filepath.Join(b.TempDir(), "ca"), "bench", time.Now)
	if err != nil {
		b.Fatal(err)
	}
	s, err := store.Open(ctx, filepath.Join(b.TempDir(), "loaxa.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	devices, plan := benchFleet(b, s, ca)
	perDevice := (b.N + benchDevices*size - 1) / (benchDevices * size)
	for _, d := range devices {
		d.prepare(b, plan, perDevice, size)
		if planned {
			d.freeze(b, s, plan)
		}
	}
	log := slog.New(slog.DiscardHandler)
	who := identity.NewDevices(ca, nil, s, time.Now, log, nil)
	rec := reconcile.New(log, func(ctx context.Context, f func(reconcile.Tx) error) error {
		return s.Log(ctx, func(tx *store.LogTx) error { return f(tx) })
	}, s, s, time.Now, 0)
	ear := ingest.New(log, func(ctx context.Context, f func(ingest.Tx) error) error {
		return s.Log(ctx, func(tx *store.LogTx) error { return f(applying{tx, rec}) })
	}, who, noAnswers{}, time.Now)
	cfg, err := ca.ServerTLS([]string{"127.0.0.1"}, true)
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	br, err := broker.NewEmbedded(broker.Options{Listener: l, TLS: cfg, Access: benchAccess{}, Ingest: ear, Logger: log,
		Limits: broker.Limits{Rate: 1 << 20, Burst: 1 << 20}})
	if err != nil {
		b.Fatal(err)
	}
	var g errgroup.Group
	g.Go(func() error { return ear.Run(ctx) })
	g.Go(func() error { return br.Run(ctx) })
	ready := make(chan struct{}, benchDevices)
	clients := make([]*mqtt.Client, benchDevices)
	for i, d := range devices {
		clients[i] = d.connect(b, ca, l.Addr().String(), ready)
		g.Go(func() error { return clients[i].Run(ctx) })
	}
	for range devices {
		<-ready
	}
	want := int64(perDevice * size * benchDevices)
	before := cpuTime(b)
	b.ResetTimer()
	for i, d := range devices {
		g.Go(func() error {
			for _, batch := range d.batches {
				if err := clients[i].Publish(ctx, wire.UpTopic(d.id, wire.Journal), batch, false); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for ear.Stats().Records < want && ctx.Err() == nil {
		time.Sleep(time.Millisecond) // a benchmark's own clock, not a test's
	}
	b.StopTimer()
	stats := ear.Stats()
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(want), "cpu-µs/confirmation")
	b.ReportMetric(float64(want)/b.Elapsed().Seconds(), "confirmations/s")
	b.ReportMetric(float64(want)/float64(stats.Commits), "records/commit")
	cancel()
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	rows, err := s.LogCounts(context.WithoutCancel(ctx), radio.LogFilter{})
	if err != nil {
		b.Fatal(err)
	}
	var kept int64
	for _, r := range rows {
		if r.Outcome == radio.Aired && r.Planned == planned {
			kept += r.Rows
		}
	}
	if kept != want {
		b.Fatalf("%d confirmations in the log, %d were sent", kept, want)
	}
}

// cpuTime is what senders, centre and database have used of the processors. Unlike the
// rate it hardly depends on what else the machine does.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchFleet lays down a province with enrolled devices.
func benchFleet(b *testing.B, s *store.Store, ca *identity.CA) ([]*benchDevice, radio.PlanChange) {
	plan := storetest.SamplePlan()
	plan.Devices = nil
	var out []*benchDevice
	for i := range benchDevices {
		d := &benchDevice{id: radio.NewID[radio.DeviceID]()}
		plan.Devices = append(plan.Devices, radio.Device{ID: d.id, Code: fmt.Sprintf("d%d", i), Name: "d", Hamlet: plan.Areas[2].ID, Rendition: 64})
		out = append(out, d)
	}
	plan.Schedules[0].Targets = plan.Schedules[0].Targets[:1]
	if err := s.ApplyPlan(b.Context(), plan); err != nil {
		b.Fatal(err)
	}
	for _, d := range out {
		var err error
		if d.key, err = trust.Generate(); err != nil {
			b.Fatal(err)
		}
		leaf, err := ca.Device(d.id, d.key.Signer().Public())
		if err != nil {
			b.Fatal(err)
		}
		d.cert = tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: d.key.Signer()}
		jwk, err := d.key.Public().MarshalJSON()
		if err != nil {
			b.Fatal(err)
		}
		hash := string(d.id)
		now := radio.At(time.Now())
		if err := s.AddEnrolmentCode(b.Context(), radio.EnrolmentCode{SecretHash: hash, Device: d.id, CreatedBy: "bench", CreatedAt: now, ExpiresAt: now + 1e6}); err != nil {
			b.Fatal(err)
		}
		err = s.Enrol(b.Context(), hash, radio.Certificate{Serial: leaf.SerialNumber.Text(16), Device: d.id, KID: d.key.KID(),
			JWK: string(jwk), IssuedAt: now, NotAfter: radio.At(leaf.NotAfter)})
		if err != nil {
			b.Fatal(err)
		}
	}
	return out, plan
}

// prepare signs the device's whole journal in batches beforehand: 14 airings a day, the
// last of them yesterday.
func (d *benchDevice) prepare(b *testing.B, plan radio.PlanChange, batches, size int) {
	journal := radio.NewID[radio.JournalID]()
	prev := trust.FirstHash(journal)
	schedule, bulletin := plan.Schedules[0], plan.Bulletins[0]
	slot, rendition := schedule.Slots[0], bulletin.Renditions[0]
	boot := radio.NewID[radio.BootID]()
	const apart = 24 * time.Hour / 14
	start := radio.At(time.Now().Add(-24*time.Hour - time.Duration(batches*size)*apart))
	seq := uint64(0)
	for range batches {
		p := wire.JournalPayload{Device: d.id, Journal: journal, First: seq + 1, Prev: prev}
		for range size {
			seq++
			at := start.Add(time.Duration(seq) * apart)
			key := radio.AiringKey{Device: d.id, Schedule: schedule.ID, Slot: slot.ID, SlotAt: at, Entry: slot.Items[0].ID, Repeat: 1}
			c := radio.Confirmation{ID: key.ID(), Origin: radio.FromSchedule, Key: key, Start: at, Revision: 1, Priority: radio.Normal,
				Bulletin: bulletin.ID, Version: bulletin.Version, SHA256: rendition.SHA256, Outcome: radio.Aired, StartedAt: at, EndedAt: at + 10_425,
				Expected: rendition.Samples, Consumed: rendition.Samples, Driver: "oto", Output: "default", Proof: "consumed"}
			d.said = append(d.said, c)
			raw, err := json.Marshal(radio.Record{Seq: seq, At: c.EndedAt, Boot: boot, Kind: radio.RecordResult,
				Clock: radio.ClockStamp{State: "trusted", Source: "kernel", BoundMS: 5}, Result: &c})
			if err != nil {
				b.Fatal(err)
			}
			prev = trust.NextHash(prev, raw)
			p.Records = append(p.Records, raw)
		}
		env, err := wire.Seal(wire.Journal, string(d.id), p, d.key)
		if err != nil {
			b.Fatal(err)
		}
		d.batches = append(d.batches, env)
	}
}

// freeze lays down the rows of what the device will say, as reconcile does when their
// programme is published.
func (d *benchDevice) freeze(b *testing.B, s *store.Store, plan radio.PlanChange) {
	place, err := s.Place(b.Context(), d.id)
	if err != nil {
		b.Fatal(err)
	}
	schedule, bulletin := plan.Schedules[0], plan.Bulletins[0]
	var rows []radio.AsRunChange
	for _, c := range d.said {
		rows = append(rows, radio.AsRunChange{Row: radio.AsRun{
			Airing: c.ID, Key: c.Key, Origin: c.Origin, Day: radio.Date(c.Start.Time().Format(time.DateOnly)), Start: c.Start, Samples: c.Expected,
			Priority: c.Priority, Revision: 1, Held: 1, FrozenAt: c.Start.Add(-24 * time.Hour), Deadline: c.EndedAt.Add(24 * time.Hour),
			Campaign: schedule.Campaign, Province: place.Province().ID, Commune: place.Commune().ID, Hamlet: place.Hamlet().ID,
			DeviceCode: place.Device.Code, DeviceName: place.Device.Name, CommuneName: place.Commune().Name, HamletName: place.Hamlet().Name,
			Bulletin: c.Bulletin, Version: c.Version, Title: bulletin.Title, Author: bulletin.Author, Unit: bulletin.Unit, SHA256: c.SHA256,
			ScheduleCode: schedule.Code, ScheduleTitle: schedule.Title, Outcome: radio.PendingOutcome, Expected: c.Expected, KnownAt: c.Start,
		}})
	}
	if err := s.Log(b.Context(), func(tx *store.LogTx) error { return tx.PutAsRuns(b.Context(), rows) }); err != nil {
		b.Fatal(err)
	}
}

func (d *benchDevice) connect(b *testing.B, ca *identity.CA, addr string, ready chan struct{}) *mqtt.Client {
	c, err := mqtt.New(mqtt.Options{
		Servers: []string{"mqtts://" + addr}, ClientID: string(d.id), TLS: trust.ClientTLS(ca.Certificate(), &d.cert, "127.0.0.1", time.Now),
		Subscriptions: func() []string { return wire.Subscriptions(d.id, nil) },
		OnConnect:     func(context.Context) { ready <- struct{}{} },
		Handle:        func(_ context.Context, m mqtt.Message) { m.Ack() },
		Logger:        slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

type applying struct {
	*store.LogTx
	rec *reconcile.Reconciler
}

func (a applying) Apply(ctx context.Context, heard []radio.Heard) error {
	return a.rec.Apply(ctx, a.LogTx, heard)
}

type noAnswers struct{}

func (noAnswers) Hello(context.Context, radio.DeviceID, wire.HelloPayload) error { return nil }

func (noAnswers) Ack(context.Context, wire.AckPayload) error {
	return nil
}

type benchAccess struct{}

func (benchAccess) Allowed(string) bool { return true }

func (benchAccess) MayPublish(device, topic string) bool {
	return wire.MayPublish(radio.DeviceID(device), topic)
}

func (benchAccess) MaySubscribe(device, filter string) bool {
	return wire.MaySubscribe(radio.DeviceID(device), nil, filter)
}
