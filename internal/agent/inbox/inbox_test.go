package inbox

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

var start = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

func id[T ~string](n byte) T { return radio.IDFromBytes[T]([16]byte{n}) }

func TestDefaultsBeforeAnyDocument(t *testing.T) {
	l := newLab(t)
	if p, ok := l.Programme(); ok || p != nil {
		t.Error("a programme out of nothing")
	}
	if p := l.Policy(); p.Label != "default" || p.Zone != "Asia/Ho_Chi_Minh" || p.Check() != nil {
		t.Errorf("%+v", p)
	}
	if s := l.Settings(); s.Name != "Cụm loa 1" || s.JitterMS != 60_000 || s.Rendition != 64 {
		t.Errorf("%+v", s)
	}
	if r := l.Revisions(); r != (radio.RevisionStatus{Keys: 1, Root: 1}) {
		t.Errorf("%+v", r)
	}
}

func TestActivationAndRestart(t *testing.T) {
	l := newLab(t)
	changed := l.Changed()
	for kind, doc := range map[wire.Kind]any{wire.Programme: programme(10), wire.Policy: policy(11), wire.Settings: settings(12)} {
		if err := l.take(t, kind, l.seal(kind, doc)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-changed:
	default:
		t.Error("nobody was told")
	}
	if !slices.Equal(l.cache.deleted, []radio.SHA256{sha(2)}) {
		t.Errorf("deleted %v; what the programme still lists must stay", l.cache.deleted)
	}
	l.cache.deleted = nil
	l.clock.Advance(400 * 24 * time.Hour) // the online key has ended; what was accepted stays
	l.restart(t)
	p, ok := l.Programme()
	if !ok || p.Revision != 10 || l.Policy().Label != "11" || l.Settings().Rendition != 32 {
		t.Errorf("after a restart: %+v", l.Revisions())
	}
	if r := l.Revisions(); r != (radio.RevisionStatus{Programme: 10, Policy: 11, Settings: 12, Keys: 1, Root: 1, NotAfter: p.NotAfter}) {
		t.Errorf("%+v", r)
	}
	if len(l.cache.deleted) != 1 || l.Endpoints().Media[0] != "https://media-1:1" || len(l.journal.records) != 0 {
		t.Errorf("deleted %v, endpoints %v, records %v", l.cache.deleted, l.Endpoints(), l.journal.records)
	}
}

func TestRefusals(t *testing.T) {
	other := must(trust.Generate())
	foreign := func(p radio.Programme) radio.Programme { p.Device = id[radio.DeviceID](99); return p }
	broken := programme(5)
	broken.Slots[0].Cron = "@every 1s"
	future := programme(5)
	future.IssuedAt, future.NotAfter = radio.At(start.AddDate(3, 0, 0)), radio.At(start.AddDate(3, 0, 30))
	device := id[radio.DeviceID](deviceN)
	cases := map[string]struct {
		topic string
		data  func(l *lab) []byte
		kind  error
	}{
		"unknown key":         {wire.DownTopic(device, wire.Programme), func(l *lab) []byte { return l.sealBy(other, wire.Programme, programme(5)) }, radio.ErrForbidden},
		"root signs no plans": {wire.DownTopic(device, wire.Programme), func(l *lab) []byte { return l.sealBy(l.root, wire.Programme, programme(5)) }, radio.ErrForbidden},
		"other device's":      {wire.DownTopic(device, wire.Programme), func(l *lab) []byte { return l.seal(wire.Programme, foreign(programme(5))) }, radio.ErrForbidden},
		"other audience": {wire.DownTopic(device, wire.Programme), func(l *lab) []byte {
			return must(wire.Seal(wire.Programme, string(id[radio.DeviceID](99)), programme(5), l.online))
		}, radio.ErrForbidden},
		"kind exchanged":      {wire.DownTopic(device, wire.Policy), func(l *lab) []byte { return l.seal(wire.Programme, programme(5)) }, radio.ErrForbidden},
		"bad cron rule":       {wire.DownTopic(device, wire.Programme), func(l *lab) []byte { return l.seal(wire.Programme, broken) }, radio.ErrInvalid},
		"issued after key":    {wire.DownTopic(device, wire.Programme), func(l *lab) []byte { return l.seal(wire.Programme, future) }, radio.ErrForbidden},
		"revision 0":          {wire.DownTopic(device, wire.Policy), func(l *lab) []byte { return l.seal(wire.Policy, policy(0)) }, radio.ErrInvalid},
		"no payload":          {wire.DownTopic(device, wire.Settings), func(l *lab) []byte { return nil }, radio.ErrInvalid},
		"command":             {wire.DownTopic(device, wire.Command), func(l *lab) []byte { return l.seal(wire.Command, "x") }, radio.ErrInvalid},
		"alert":               {wire.DownTopic(device, wire.Alert), func(l *lab) []byte { return []byte("{}") }, radio.ErrInvalid},
		"area alert":          {wire.Topic{Area: id[radio.AreaID](8), Kind: wire.Alert}.String(), func(l *lab) []byte { return []byte("{}") }, radio.ErrInvalid},
		"other device topic":  {wire.DownTopic(id[radio.DeviceID](99), wire.Policy), func(l *lab) []byte { return l.seal(wire.Policy, policy(5)) }, radio.ErrForbidden},
		"up topic":            {wire.UpTopic(device, wire.Journal), func(l *lab) []byte { return nil }, radio.ErrForbidden},
		"no topic of ours":    {"loaxa/v2/d/x", func(l *lab) []byte { return nil }, radio.ErrInvalid},
		"keyring not by root": {wire.DownTopic(device, wire.Keys), func(l *lab) []byte { l.root = other; return l.keyring(9) }, radio.ErrForbidden},
		"keyring goes back":   {wire.DownTopic(device, wire.Keys), func(l *lab) []byte { return l.keyring(0) }, radio.ErrConflict},
		"ack beyond the head": {wire.DownTopic(device, wire.Ack), func(l *lab) []byte { return l.seal(wire.Ack, wire.AckPayload{Device: device, Upto: 5}) }, radio.ErrInvalid},
		"ack of other device": {wire.DownTopic(device, wire.Ack), func(l *lab) []byte {
			return l.seal(wire.Ack, wire.AckPayload{Device: id[radio.DeviceID](99), Upto: 0})
		}, radio.ErrForbidden},
		"welcome of other device": {wire.DownTopic(device, wire.Welcome), func(l *lab) []byte {
			return l.seal(wire.Welcome, wire.WelcomePayload{Device: id[radio.DeviceID](99), Time: radio.At(start)})
		}, radio.ErrForbidden},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			err := l.Take(t.Context(), c.topic, c.data(l))
			if !errors.Is(err, c.kind) || !final(err) {
				t.Errorf("%v, want %v", err, c.kind)
			}
			if r := l.Revisions(); r != (radio.RevisionStatus{Keys: 1, Root: 1}) || len(l.welcomes) != 0 || len(l.journal.acks) != 0 {
				t.Errorf("it had an effect: %+v", r)
			}
			if len(l.journal.records) != 1 || l.journal.records[0].Security == nil {
				t.Errorf("not recorded: %+v", l.journal.records)
			}
		})
	}
}

func TestRevisionsNeverGoBack(t *testing.T) {
	l := newLab(t)
	if err := l.take(t, wire.Policy, l.seal(wire.Policy, policy(10))); err != nil {
		t.Fatal(err)
	}
	if err := l.take(t, wire.Policy, l.seal(wire.Policy, policy(10))); err != nil || len(l.journal.records) != 0 {
		t.Error("the same again:", err)
	}
	for range 50 {
		if err := l.take(t, wire.Policy, l.seal(wire.Policy, policy(9))); !errors.Is(err, radio.ErrConflict) {
			t.Fatal(err)
		}
	}
	if n := len(l.journal.records); n == 0 || n > 6 {
		t.Errorf("%d records of 50 refusals", n)
	}
	if l.Policy().Revision != 10 {
		t.Errorf("revision %d", l.Policy().Revision)
	}
}

// A disk that does not take the document leaves the old one active, and the
// message to come again.
func TestDiskFailure(t *testing.T) {
	l := newLab(t)
	l.journal.broken = errors.New("disk full")
	err := l.take(t, wire.Policy, l.seal(wire.Policy, policy(10)))
	if err == nil || final(err) || l.Policy().Revision != 0 {
		t.Fatal(err, l.Policy())
	}
	l.journal.broken = nil
	if err := l.take(t, wire.Policy, l.seal(wire.Policy, policy(10))); err != nil || l.Policy().Revision != 10 {
		t.Fatal(err)
	}
}

func TestHeldButUnusable(t *testing.T) {
	l := newLab(t)
	l.journal.docs["policy"] = radio.Issued{Document: "policy", Revision: 4, Payload: []byte("{")}
	l.journal.docs["programme"] = radio.Issued{Document: "programme", Revision: 4, Payload: must(json.Marshal(programme(5)))}
	l.restart(t)
	if r := l.Revisions(); r.Policy != 0 || r.Programme != 0 {
		t.Errorf("%+v", r)
	}
}

func TestWelcomeAndAck(t *testing.T) {
	l := newLab(t)
	l.journal.head = 9
	w := wire.WelcomePayload{Device: id[radio.DeviceID](deviceN), Nonce: "n", Time: radio.At(start)}
	ack := wire.AckPayload{Device: id[radio.DeviceID](deviceN), Upto: 9, Hash: trust.Hash{7}}
	if err := errors.Join(l.take(t, wire.Welcome, l.seal(wire.Welcome, w)), l.take(t, wire.Ack, l.seal(wire.Ack, ack))); err != nil {
		t.Fatal(err)
	}
	if len(l.welcomes) != 1 || l.welcomes[0].Nonce != "n" || !slices.Equal(l.journal.acks, []uint64{9}) || len(l.clock.atLeast) != 0 {
		t.Errorf("%+v %v %v", l.welcomes, l.journal.acks, l.clock.atLeast)
	}
	if !slices.Equal(l.journal.compared, []string{"9 07"}) {
		t.Errorf("compared %q", l.journal.compared)
	}
	// What is another board's, or says nothing of the chain, acknowledges nothing; a fork is
	// handed on, and its number alone is no acknowledgement either.
	for _, other := range []wire.AckPayload{{Upto: 8, Hash: trust.Hash{8}}, {Upto: 8}, {Upto: 9, Hash: trust.Hash{7}, Forked: &wire.Forked{Seq: 5}}} {
		other.Device = id[radio.DeviceID](deviceN)
		if err := l.take(t, wire.Ack, l.seal(wire.Ack, other)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(l.journal.acks, []uint64{9}) || !slices.Equal(l.journal.forks, []uint64{5}) {
		t.Errorf("acknowledged %v, forked %v", l.journal.acks, l.journal.forks)
	}
	l.clock.SetState(clock.Untrusted, clock.SourceNone, 0)
	if err := l.take(t, wire.Welcome, l.seal(wire.Welcome, w)); err != nil || len(l.clock.atLeast) != 1 {
		t.Errorf("a clock that knows nothing was not told: %v %v", err, l.clock.atLeast)
	}
}

// Whatever order and however often documents and keyrings come, the highest
// revisions end up active. Some are signed by a key that a later keyring brings.
func TestAnyOrderEndsAtTheHighest(t *testing.T) {
	type message struct {
		kind wire.Kind
		data []byte
	}
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		l := newLab(t)
		second := must(trust.Generate())
		all := []message{{wire.Keys, l.keyring(2, l.online, second)}, {wire.Keys, l.keyring(1, l.online)}}
		for rev := int64(1); rev <= 4; rev++ {
			key := l.online
			if rev == 4 {
				key = second
			}
			all = append(all, message{wire.Programme, l.sealBy(key, wire.Programme, programme(rev))},
				message{wire.Policy, l.sealBy(key, wire.Policy, policy(rev))},
				message{wire.Settings, l.sealBy(key, wire.Settings, settings(rev))})
		}
		all = append(all, all...)
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		last := radio.RevisionStatus{}
		for _, m := range all {
			if rnd.IntN(8) == 0 {
				l.restart(t) // forgets what waits for a keyring; the second copy comes later or is redelivered below
			}
			if err := l.take(t, m.kind, m.data); err != nil && !final(err) {
				t.Fatal(err)
			}
			r := l.Revisions()
			if r.Programme < last.Programme || r.Policy < last.Policy || r.Settings < last.Settings || r.Keys < last.Keys {
				t.Fatalf("seed %d: %+v after %+v", seed, r, last)
			}
			last = r
		}
		for _, m := range all { // the broker's retained messages at the next connect
			if err := l.take(t, m.kind, m.data); err != nil && !final(err) {
				t.Fatal(err)
			}
		}
		l.restart(t)
		if r := l.Revisions(); r.Programme != 4 || r.Policy != 4 || r.Settings != 4 || r.Keys != 2 {
			t.Fatalf("seed %d ends at %+v", seed, r)
		}
		if p, _ := l.Programme(); p.Audio[0].Title != "revision 4" || l.Policy().Label != "4" {
			t.Fatalf("seed %d: contents of another revision", seed)
		}
	}
}

func TestKeyringComesAfterTheDocument(t *testing.T) {
	l := newLab(t)
	second := must(trust.Generate())
	if err := l.take(t, wire.Programme, l.sealBy(second, wire.Programme, programme(7))); !errors.Is(err, radio.ErrForbidden) {
		t.Fatal(err)
	}
	if err := l.take(t, wire.Keys, l.keyring(2, second)); err != nil {
		t.Fatal(err)
	}
	if p, ok := l.Programme(); !ok || p.Revision != 7 {
		t.Error("the programme that waited for the keyring is not active")
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Options{}); !errors.Is(err, radio.ErrInvalid) {
		t.Error(err)
	}
	if _, err := New(Options{Device: id[radio.DeviceID](1), Province: id[radio.AreaID](2), Root: trust.Root{Number: 1, Key: must(trust.Generate()).Public()}}); !errors.Is(err, radio.ErrInvalid) {
		t.Error(err)
	}
}

func FuzzTake(f *testing.F) {
	l := newLab(f)
	device := id[radio.DeviceID](deviceN)
	for kind, v := range map[wire.Kind]any{wire.Programme: programme(5), wire.Policy: policy(5), wire.Settings: settings(5),
		wire.Ack: wire.AckPayload{Device: device}, wire.Welcome: wire.WelcomePayload{Device: device}} {
		f.Add(wire.DownTopic(device, kind), l.seal(kind, v), []byte("{}"))
	}
	f.Add(wire.DownTopic(device, wire.Keys), l.keyring(2, l.online), []byte(`{"device":1}`))
	f.Fuzz(func(t *testing.T, topic string, data, payload []byte) {
		// As a stranger sends it: nothing but the seeds is proven.
		before := l.Revisions()
		if err := l.Take(t.Context(), topic, data); err != nil && !final(err) {
			t.Fatal(err)
		}
		// And as a broken centre signs it.
		kind := wire.Kind(topic[strings.LastIndex(topic, "/")+1:])
		if json.Valid(payload) {
			signed, err := wire.Seal(kind, string(device), json.RawMessage(payload), l.online)
			if err != nil {
				return
			}
			if err := l.Take(t.Context(), topic, signed); err != nil && !final(err) {
				t.Fatal(err)
			}
		}
		r := l.Revisions()
		if r.Programme < before.Programme || r.Policy < before.Policy || r.Settings < before.Settings || r.Keys < before.Keys {
			t.Fatalf("%+v after %+v", r, before)
		}
	})
}
