package playout_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"loaxa/internal/agent/emergency"
	"loaxa/internal/agent/inbox"
	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/trust/trusttest"
	"loaxa/internal/wire"
)

// dead is a device without a battery for its clock, after a power cut: it is 1970, and all
// it hears comes from a hostile broker. Inbox, emergency and playout are the real ones.
type dead struct {
	*world
	*inbox.Inbox
	room     *emergency.Room
	docs     map[string]radio.Issued
	kept     map[string][]byte
	floor    time.Time
	root     trust.Key
	online   trust.Key
	approver trusttest.Approver
	warners  [2]trust.Key
	chairs   []trust.Key
	communes []radio.AreaID
	welcomed int
}

var (
	ourProvince = idOf[radio.AreaID]("province")
	epoch       = time.Unix(3600, 0).UTC()
)

func newDead(t *testing.T) *dead {
	generate := func() trust.Key {
		k, err := trust.Generate()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	d := &dead{world: newWorld(t, epoch), docs: map[string]radio.Issued{}, kept: map[string][]byte{}, root: generate(), online: generate(),
		approver: trusttest.NewApprover(t, ourProvince), warners: [2]trust.Key{generate(), generate()}}
	for i := range 69 {
		d.communes = append(d.communes, idOf[radio.AreaID](fmt.Sprint("commune ", i)))
		d.chairs = append(d.chairs, generate())
	}
	d.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
	d.boot()
	k := trust.Keyring{Version: 1, Province: ourProvince, Persons: []trust.PersonKey{d.approver.Person()},
		Online: []trust.OnlineKey{{JWK: d.online.Public(), Kinds: wire.OnlineKinds(), Scope: ourProvince, NotAfter: radio.At(at(0, 0, 0).AddDate(1, 0, 0))}}}
	alerter := func(name string, key trust.Key, scope radio.AreaID) {
		k.Persons = append(k.Persons, trust.PersonKey{ID: idOf[radio.UserID](name), JWK: key.Public(), Scope: scope, May: []string{trust.MayAlert}})
	}
	for i, c := range d.communes {
		alerter(fmt.Sprint("chair ", i), d.chairs[i], c)
	}
	alerter("warner 1", d.warners[0], ourProvince)
	alerter("warner 2", d.warners[1], ourProvince)
	ring, err := trust.SignKeyring(k, d.root)
	if err != nil {
		t.Fatal(err)
	}
	d.say(wire.DownTopic(device, wire.Keys), ring)
	return d
}

// boot makes the rooms on what the journal holds.
func (d *dead) boot() {
	d.t.Helper()
	areas := []radio.AreaID{ourProvince, d.communes[0]}
	var err error
	d.room, err = emergency.New(emergency.Options{Device: device, Areas: func() []radio.AreaID { return areas }, Journal: d.journal, Clock: deadClock{d}, Audio: stormAudio{d.audio},
		Plan: stormPlan{}, Proven: d.clk.ProvenThisBoot, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = d.room.Load(d.t.Context())
	}
	if err == nil {
		d.Inbox, err = inbox.New(inbox.Options{Device: device, Province: ourProvince, Areas: areas, Zone: "UTC", Root: trust.Root{Number: 1, Key: d.root.Public()},
			Journal: d, Cache: noCache{}, Clock: deadClock{d}, Alerts: d.room, Faults: d.faults, Welcome: func(context.Context, wire.WelcomePayload) { d.welcomed++ }})
	}
	if err == nil {
		err = d.Load(d.t.Context())
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.world.room, d.world.documents = d.room, d.Inbox
}

// say delivers a message; whether it is refused is not the broker's to know.
func (d *dead) say(topic string, data []byte) {
	if err := d.Take(d.t.Context(), topic, data); err != nil {
		d.t.Logf("%s: %v", topic, err)
	}
}

func (d *dead) seal(kind wire.Kind, aud string, payload any, keys ...trust.Key) []byte {
	d.t.Helper()
	b, err := wire.Seal(kind, aud, payload, keys...)
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

func (d *dead) warn(name string, area radio.AreaID, at time.Time, keys ...trust.Key) {
	d.t.Helper()
	a := radio.Alert{ID: idOf[radio.AlertID](name), Area: area, IssuedAt: radio.At(at), ExpiresAt: radio.At(at.Add(time.Hour)),
		Headline: name, Sounds: []radio.EmergencyRole{radio.RoleSiren}, Repeats: 1}
	signed := d.seal(wire.Alert, string(area), a, keys...)
	d.say(wire.AlertTopic(area), signed)
	d.say(wire.DownTopic(device, wire.Alert), signed)
}

type deadClock struct{ d *dead }

func (c deadClock) Now() time.Time                     { return c.d.clk.Now() }
func (c deadClock) Mono() time.Duration                { return c.d.clk.Mono() }
func (c deadClock) State() clock.Reading               { return c.d.clk.State() }
func (c deadClock) Latest() time.Time                  { return c.Passed() }
func (c deadClock) Distrust(context.Context, []string) {}
func (c deadClock) AtLeast(t time.Time, _ string) {
	if t.After(c.d.floor) {
		c.d.floor = t
	}
}
func (c deadClock) Passed() time.Time {
	if now := c.d.clk.Now(); c.State().Usable() || now.After(c.d.floor) {
		return now
	}
	return c.d.floor
}

type noCache struct{}

func (noCache) Delete(radio.SHA256) error { return nil }

// The journal of inbox, beside that of playout.
func (d *dead) Document(name string) (radio.Issued, error) {
	if doc, ok := d.docs[name]; ok {
		return doc, nil
	}
	return radio.Issued{}, radio.ErrNotFound
}
func (d *dead) SetDocument(_ context.Context, doc radio.Issued) error {
	d.docs[doc.Document] = doc
	return nil
}
func (d *dead) ReplaceDocument(ctx context.Context, doc radio.Issued) error {
	return d.SetDocument(ctx, doc)
}
func (d *dead) Append(ctx context.Context, r radio.Record) (radio.Record, error) {
	return d.journal.Append(ctx, r)
}
func (d *dead) Ack(context.Context, radio.JournalID, uint64, []wire.Rejected) error { return nil }
func (d *dead) Fork(context.Context, radio.JournalID, wire.Forked) error            { return nil }
func (d *dead) Status() radio.JournalStatus                                         { return radio.JournalStatus{} }
func (d *dead) Compare(context.Context, radio.JournalID, uint64, trust.Hash) (bool, error) {
	return true, nil
}
func (d *dead) Keep(_ context.Context, name string, b []byte) error { d.kept[name] = b; return nil }
func (d *dead) Kept(name string) ([]byte, error) {
	if b, ok := d.kept[name]; ok {
		return b, nil
	}
	return nil, radio.ErrNotFound
}

// Last year's alert, and its programme and welcome with it, at a device that has lost the
// time; 69 alerts, each signed by one commune's own signer, for their communes, for this
// one and for the province. Whatever the order, with power cuts between: nothing sounds.
// When the centre proves the time, this hour's alert does.
func TestLastYearsAlertAt1970(t *testing.T) {
	bubble(t, epoch, func(w *world) {
		d := newDead(w.t)
		lastYear, now := at(6, 0, 0).AddDate(-1, 0, 0), at(6, 0, 0)
		d.start()
		for round := range 3 {
			name := func(s string) string { return fmt.Sprint(s, " ", round) }
			d.warn(name("last year's"), ourProvince, lastYear, d.warners[0], d.warners[1])
			d.warn(name("last year's, of the commune"), d.communes[0], lastYear, d.chairs[0])
			old := programme(int64(round+1), lastYear, slot{cron: "* * * * *", items: []item{{"a", 50}}})
			d.approver.Approve(t, old)
			d.say(wire.DownTopic(device, wire.Programme), d.seal(wire.Programme, string(device), *old, d.online))
			d.say(wire.DownTopic(device, wire.Welcome), d.seal(wire.Welcome, string(device), wire.WelcomePayload{Device: device, Nonce: "old", Time: radio.At(lastYear)}, d.online))
			for i, c := range d.communes {
				if i == 0 {
					continue // its own signer speaks for it
				}
				d.warn(name(fmt.Sprint("own ", i)), c, now, d.chairs[i])
				d.warn(name(fmt.Sprint("here ", i)), d.communes[0], now, d.chairs[i])
				d.warn(name(fmt.Sprint("everywhere ", i)), ourProvince, now, d.chairs[i])
				d.warn(name(fmt.Sprint("pair ", i)), ourProvince, now, d.chairs[i], d.chairs[i-1])
			}
			d.warn(name("one of the province"), ourProvince, now, d.warners[0])
			d.run(d.clk.Now().Add(5 * time.Minute))
			d.powerCut()
			d.boot()
			d.start()
			d.run(d.clk.Now().Add(5 * time.Minute))
		}
		if n := len(d.player.sounds); n != 0 {
			d.t.Fatalf("%d sounds: %v", n, d.player.sounds)
		}
		refused := 0
		for _, r := range d.journal.records {
			if r.Security != nil && r.Security.What == "alert" {
				refused++
			}
		}
		if refused == 0 || refused > 12 {
			d.t.Errorf("%d security records about alerts", refused)
		}
		// The centre's own answer to this run's hello.
		d.clk.Prove(now)
		d.warn("this hour's", ourProvince, now, d.warners[0], d.warners[1])
		d.run(d.clk.Now().Add(time.Minute))
		if n := len(d.player.sounds); n != 1 {
			d.t.Errorf("%d sounds of this hour's alert: %v", n, d.player.sounds)
		}
		d.stop()
	})
}
