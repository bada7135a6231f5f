package inbox

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/trust/trusttest"
	"loaxa/internal/wire"
)

// fakeJournal keeps documents in memory and notes what it was told.
type fakeJournal struct {
	docs    map[string]radio.Issued
	records []radio.Record
	acks    []uint64
	forks   []uint64
	// compared are the centre's words about the chain.
	compared []string
	head     uint64
	kept     map[string][]byte
	broken   error
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
	if held := j.docs[d.Document].Revision; d.Revision < held {
		return fmt.Errorf("%w: revision %d is held", radio.ErrConflict, held)
	}
	j.docs[d.Document] = d
	return nil
}

func (j *fakeJournal) ReplaceDocument(ctx context.Context, d radio.Issued) error {
	if j.broken == nil {
		delete(j.docs, d.Document)
	}
	return j.SetDocument(ctx, d)
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

func (j *fakeJournal) Status() radio.JournalStatus { return radio.JournalStatus{Head: j.head} }

// Compare: this journal's chain begins with 7 everywhere.
func (j *fakeJournal) Compare(_ context.Context, _ radio.JournalID, seq uint64, hash trust.Hash) (bool, error) {
	j.compared = append(j.compared, fmt.Sprintf("%d %x", seq, hash[:1]))
	return hash[0] == 7, j.broken
}

func (j *fakeJournal) Fork(_ context.Context, _ radio.JournalID, f wire.Forked) error {
	j.forks = append(j.forks, f.Seq)
	return j.broken
}

func (j *fakeJournal) Keep(_ context.Context, name string, value []byte) error {
	if j.broken != nil {
		return j.broken
	}
	if j.kept == nil {
		j.kept = map[string][]byte{}
	}
	j.kept[name] = value
	return nil
}

func (j *fakeJournal) Kept(name string) ([]byte, error) {
	b, ok := j.kept[name]
	if !ok {
		return nil, radio.ErrNotFound
	}
	return b, nil
}

type fakeCache struct{ deleted []radio.SHA256 }

func (c *fakeCache) Delete(sha radio.SHA256) error { c.deleted = append(c.deleted, sha); return nil }

type fakeClock struct {
	*clock.Fake
	atLeast        []time.Time
	said, disowned []string // kids
}

func (c *fakeClock) Latest() time.Time { return c.Now() }
func (c *fakeClock) AtLeast(t time.Time, kid string) {
	c.atLeast, c.said = append(c.atLeast, t), append(c.said, kid)
}
func (c *fakeClock) Distrust(_ context.Context, kids []string) { c.disowned = kids }

// lab is an inbox with the centre's keys at hand.
type lab struct {
	*Inbox
	t        testing.TB
	faults   fakeFaults
	journal  *fakeJournal
	cache    *fakeCache
	clock    *fakeClock
	alerts   *fakeAlerts
	welcomes []wire.WelcomePayload
	root     trust.Key // signs keyrings
	pinned   trust.Key // the root of the enrolment
	online   trust.Key
	// approvers stand in every keyring the lab makes; the first has approved what its
	// programmes hold.
	approvers []trusttest.Approver
	revoked   []string     // kids
	gone      []string     // kids of persons
	ends      radio.Millis // of the chairman's key
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
	l := &lab{t: t, faults: fakeFaults{}, alerts: &fakeAlerts{}, journal: &fakeJournal{docs: map[string]radio.Issued{}}, cache: &fakeCache{},
		clock: &fakeClock{Fake: clock.NewFake(start)}, root: must(trust.Generate()), online: must(trust.Generate())}
	l.pinned = l.root
	l.approvers = []trusttest.Approver{trusttest.NewApprover(t, province)}
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
		Areas: []radio.AreaID{province, commune, hamlet}, Alerts: l.alerts, Faults: l.faults,
		Zone: "Asia/Ho_Chi_Minh", Root: trust.Root{Number: 1, Key: l.pinned.Public()}, Journal: l.journal, Cache: l.cache, Clock: l.clock,
		Welcome: func(_ context.Context, w wire.WelcomePayload) { l.welcomes = append(l.welcomes, w) }}))
	if err := l.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (l *lab) keyring(version int64, keys ...trust.Key) []byte {
	k := trust.Keyring{Version: version, Province: id[radio.AreaID](provinceN), Persons: l.persons(),
		Endpoints: trust.Endpoints{Media: []string{fmt.Sprintf("https://media-%d:1", version)}}}
	for _, key := range keys {
		k.Online = append(k.Online, trust.OnlineKey{JWK: key.Public(), Kinds: wire.OnlineKinds(),
			Scope: id[radio.AreaID](provinceN), NotAfter: radio.At(start.AddDate(1, 0, 0))})
	}
	k.Revoked = l.revoked
	return must(trust.SignKeyring(k, l.root))
}

// persons are those who may approve.
func (l *lab) persons() (list []trust.PersonKey) {
	for _, a := range l.approvers {
		list = append(list, a.Person())
	}
	return list
}

// seal signs a document; a programme without any approval gets the first approver's.
func (l *lab) seal(kind wire.Kind, payload any) []byte { return l.sealBy(l.online, kind, payload) }

func (l *lab) sealBy(key trust.Key, kind wire.Kind, payload any) []byte {
	if p, ok := payload.(radio.Programme); ok && len(p.Signers) == 0 {
		p.Audio = slices.Clone(p.Audio)
		l.approvers[0].Approve(l.t, &p)
		payload = p
	}
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
