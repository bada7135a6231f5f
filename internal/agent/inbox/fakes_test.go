package inbox

import (
	"context"
	"fmt"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// fakeJournal keeps documents in memory and notes what it was told.
type fakeJournal struct {
	docs    map[string]radio.Issued
	records []radio.Record
	acks    []uint64
	head    uint64
	broken  error
}

func (j *fakeJournal) Document(name string) (radio.Issued, error) {
	d, ok := j.docs[name]
	if !ok {
		return d, radio.ErrNotFound
	}
	return d, nil
}

func (j *fakeJournal) SetDocument(_ context.Context, d radio.Issued) error {
	if j.broken != nil {
		return j.broken
	}
	j.docs[d.Document] = d
	return nil
}

func (j *fakeJournal) Append(_ context.Context, r radio.Record) (radio.Record, error) {
	if j.broken != nil {
		return r, j.broken
	}
	j.records = append(j.records, r)
	return r, nil
}

func (j *fakeJournal) Ack(_ context.Context, _ radio.JournalID, upto uint64, _ []wire.Rejected) error {
	if upto > j.head {
		return fmt.Errorf("%w: beyond the head", radio.ErrInvalid)
	}
	j.acks = append(j.acks, upto)
	return nil
}

type fakeCache struct{ deleted []radio.SHA256 }

func (c *fakeCache) Delete(sha radio.SHA256) error { c.deleted = append(c.deleted, sha); return nil }

type fakeClock struct {
	*clock.Fake
	atLeast []time.Time
}

func (c *fakeClock) Latest() time.Time   { return c.Now() }
func (c *fakeClock) AtLeast(t time.Time) { c.atLeast = append(c.atLeast, t) }

// lab is an inbox with the centre's keys at hand.
type lab struct {
	*Inbox
	journal  *fakeJournal
	cache    *fakeCache
	clock    *fakeClock
	alerts   *fakeAlerts
	welcomes []wire.WelcomePayload
	root     trust.Key
	online   trust.Key
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const (
	deviceN, provinceN = 1, 2
)

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{alerts: &fakeAlerts{}, journal: &fakeJournal{docs: map[string]radio.Issued{}}, cache: &fakeCache{},
		clock: &fakeClock{Fake: clock.NewFake(start)}, root: must(trust.Generate()), online: must(trust.Generate())}
	l.restart(t)
	if err := l.take(t, wire.Keys, l.keyring(1, l.online)); err != nil {
		t.Fatal(err)
	}
	return l
}

// restart makes a new inbox on what the journal holds.
func (l *lab) restart(t testing.TB) {
	t.Helper()
	l.Inbox = must(New(Options{Device: id[radio.DeviceID](deviceN), Name: "Cụm loa 1", Province: id[radio.AreaID](provinceN),
		Areas: []radio.AreaID{province, commune, hamlet}, Alerts: l.alerts,
		Zone: "Asia/Ho_Chi_Minh", Root: l.root.Public(), Journal: l.journal, Cache: l.cache, Clock: l.clock,
		Welcome: func(_ context.Context, w wire.WelcomePayload) { l.welcomes = append(l.welcomes, w) }}))
	if err := l.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (l *lab) keyring(version int64, keys ...trust.Key) []byte {
	k := trust.Keyring{Version: version, Province: id[radio.AreaID](provinceN),
		Endpoints: trust.Endpoints{Media: []string{fmt.Sprintf("https://media-%d:1", version)}}}
	for _, key := range keys {
		k.Online = append(k.Online, trust.OnlineKey{JWK: key.Public(), Kinds: wire.OnlineKinds(),
			Scope: id[radio.AreaID](provinceN), NotAfter: radio.At(start.AddDate(1, 0, 0))})
	}
	return must(trust.SignKeyring(k, l.root))
}

func (l *lab) seal(kind wire.Kind, payload any) []byte { return l.sealBy(l.online, kind, payload) }

func (l *lab) sealBy(key trust.Key, kind wire.Kind, payload any) []byte {
	return must(wire.Seal(kind, string(id[radio.DeviceID](deviceN)), payload, key))
}

func (l *lab) take(t testing.TB, kind wire.Kind, data []byte) error {
	return l.Take(t.Context(), wire.DownTopic(id[radio.DeviceID](deviceN), kind), data)
}

func sha(n int) radio.SHA256 { return radio.SHA256(fmt.Sprintf("%064x", n)) }

func programme(rev int64) radio.Programme {
	frames := 1000
	r := radio.Rendition{SHA256: sha(1), Kbps: 64, Bytes: 1000, Frames: frames, Samples: int64(frames) * radio.FrameSamples}
	return radio.Programme{Device: id[radio.DeviceID](deviceN), Revision: rev, IssuedAt: radio.At(start), NotAfter: radio.At(start.AddDate(0, 0, 35)),
		Zone:  "Asia/Ho_Chi_Minh",
		Audio: []radio.ProgrammeAudio{{Bulletin: id[radio.BulletinID](3), Version: 1, Title: fmt.Sprint("revision ", rev), Renditions: []radio.Rendition{r}}},
		Slots: []radio.ProgrammeSlot{{Schedule: id[radio.ScheduleID](4), Slot: id[radio.SlotID](5), Priority: radio.Normal, Cron: "0 6 * * *",
			GraceSeconds: 120, Items: []radio.Item{{Entry: id[radio.EntryID](6), Kind: radio.KindAudio, Bulletin: id[radio.BulletinID](3), Version: 1, Repeat: 1}}}},
		Withdrawn: []radio.SHA256{sha(1), sha(2)},
	}
}

func policy(rev int64) radio.Policy {
	return radio.Policy{ID: id[radio.PolicyID](7), Device: id[radio.DeviceID](deviceN), Revision: rev, IssuedAt: radio.At(start),
		Zone: "Asia/Ho_Chi_Minh", Label: fmt.Sprint(rev), Windows: []radio.Window{{From: 300, To: 600}}}
}

func settings(rev int64) radio.Settings {
	return radio.Settings{Device: id[radio.DeviceID](deviceN), Revision: rev, IssuedAt: radio.At(start), Name: fmt.Sprint(rev), Rendition: 32}
}
