package inbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// fakeAlerts notes what it is handed.
type fakeAlerts struct {
	taken     []radio.Alert
	envelopes [][]byte
	ended     []string
	turned    []string
	voices    []radio.SHA256
}

func (f *fakeAlerts) Take(_ context.Context, a radio.Alert, envelope []byte) error {
	f.taken, f.envelopes = append(f.taken, a), append(f.envelopes, envelope)
	return nil
}

func (f *fakeAlerts) Prove(_ context.Context, holds func(radio.Alert, []byte) error) {
	for i := range f.taken {
		if holds(f.taken[i], f.envelopes[i]) != nil {
			f.ended = append(f.ended, f.taken[i].Headline)
		}
	}
}

func (f *fakeAlerts) TurnAway(_ context.Context, id radio.AlertID, why radio.Reason) {
	f.turned = append(f.turned, string(why))
}

func (f *fakeAlerts) TakeVoice(_ context.Context, sha radio.SHA256, _ []byte) error {
	f.voices = append(f.voices, sha)
	return nil
}

var (
	province = id[radio.AreaID](provinceN)
	commune  = id[radio.AreaID](11)
	hamlet   = id[radio.AreaID](12)
	nextDoor = id[radio.AreaID](13)
)

// people of the keyring, by what their keys may do.
type people map[string]trust.Key

// alertLab is a lab with alerts and persons.
func alertLab(t testing.TB) (*lab, people) {
	t.Helper()
	l := newLab(t)
	p := people{}
	for _, name := range []string{"chairman", "deputy", "province1", "province2", "neighbour", "hamlet", "approver", "revoked", "second"} {
		p[name] = must(trust.Generate())
	}
	l.withPeople(t, 2, p)
	return l, p
}

func (l *lab) peopleRing(version int64, p people) []byte {
	k := trust.Keyring{Version: version, Province: province, Persons: l.persons(), Drill: []radio.SHA256{sha(9)},
		Endpoints: trust.Endpoints{Media: []string{"https://media:1"}}, Revoked: append([]string{p["revoked"].KID()}, l.gone...),
		Online: []trust.OnlineKey{{JWK: l.online.Public(), Kinds: wire.OnlineKinds(), Scope: province, NotAfter: radio.At(start.AddDate(1, 0, 0))}}}
	add := func(name, person string, scope radio.AreaID, may string) {
		k.Persons = append(k.Persons, trust.PersonKey{ID: radio.UserID(person), JWK: p[name].Public(), Scope: scope, May: []string{may}})
	}
	add("chairman", "A", commune, trust.MayAlert)
	k.Persons[len(k.Persons)-1].NotAfter = l.ends
	add("deputy", "B", commune, trust.MayAlert)
	add("province1", "C", province, trust.MayAlert)
	add("province2", "D", province, trust.MayAlert)
	add("second", "C", province, trust.MayAlert) // the same person's other key
	add("neighbour", "E", nextDoor, trust.MayAlert)
	add("hamlet", "F", hamlet, trust.MayAlert)
	add("approver", "G", commune, trust.MayApprove)
	add("revoked", "H", commune, trust.MayAlert)
	return must(trust.SignKeyring(k, l.root))
}

func (l *lab) withPeople(t testing.TB, version int64, p people) {
	t.Helper()
	if err := l.take(t, wire.Keys, l.peopleRing(version, p)); err != nil {
		t.Fatal(err)
	}
}

func storm(n int, area radio.AreaID) radio.Alert {
	return radio.Alert{ID: id[radio.AlertID](byte(100 + n)), Area: area, IssuedAt: radio.At(start), ExpiresAt: radio.At(start.Add(time.Hour)),
		Headline: "Bão", Sounds: []radio.EmergencyRole{radio.RoleSiren}, Repeats: 1}
}

func (p people) sign(a radio.Alert, names ...string) []byte {
	var keys []trust.Key
	for _, n := range names {
		keys = append(keys, p[n])
	}
	return must(wire.Seal(wire.Alert, string(a.Area), a, keys...))
}

// Each row is one alert on one topic; the device lies in the hamlet.
func TestAlertsAreProven(t *testing.T) {
	own := wire.DownTopic(id[radio.DeviceID](deviceN), wire.Alert)
	drill := storm(1, commune)
	drill.Drill, drill.Sounds = true, []radio.EmergencyRole{radio.RoleDrill, radio.RoleSiren}
	cases := map[string]struct {
		topic  string
		data   func(l *lab, p people) []byte
		taken  bool
		turned string // the reason told to the centre; "" for none
	}{
		"one person of the commune":                {wire.AlertTopic(commune), func(_ *lab, p people) []byte { return p.sign(storm(1, commune), "chairman") }, true, ""},
		"the same on the device's own topic":       {own, func(_ *lab, p people) []byte { return p.sign(storm(1, commune), "chairman") }, true, ""},
		"one of the commune for a hamlet in it":    {own, func(_ *lab, p people) []byte { return p.sign(storm(1, hamlet), "chairman") }, true, ""},
		"two of the province":                      {wire.AlertTopic(province), func(_ *lab, p people) []byte { return p.sign(storm(1, province), "province1", "province2") }, true, ""},
		"one of the province":                      {wire.AlertTopic(province), func(_ *lab, p people) []byte { return p.sign(storm(1, province), "province1") }, false, "signers"},
		"one of the province for one commune":      {own, func(_ *lab, p people) []byte { return p.sign(storm(1, commune), "province1") }, false, "signers"},
		"two keys of one person":                   {own, func(_ *lab, p people) []byte { return p.sign(storm(1, province), "province1", "second") }, false, "signers"},
		"two of the commune for the province":      {own, func(_ *lab, p people) []byte { return p.sign(storm(1, province), "chairman", "deputy") }, false, "signers"},
		"one of a hamlet":                          {own, func(_ *lab, p people) []byte { return p.sign(storm(1, hamlet), "hamlet") }, false, "signers"},
		"a neighbour's chairman":                   {own, func(_ *lab, p people) []byte { return p.sign(storm(1, commune), "neighbour") }, false, "signers"},
		"a neighbour's alert":                      {own, func(_ *lab, p people) []byte { return p.sign(storm(1, nextDoor), "neighbour") }, false, "area"},
		"a neighbour's alert, two of the province": {own, func(_ *lab, p people) []byte { return p.sign(storm(1, nextDoor), "province1", "province2") }, false, "area"},
		"on the topic of another area":             {wire.AlertTopic(province), func(_ *lab, p people) []byte { return p.sign(storm(1, commune), "chairman") }, false, ""},
		"payload for another area than signed": {own, func(_ *lab, p people) []byte {
			return must(wire.Seal(wire.Alert, string(commune), storm(1, province), p["chairman"]))
		}, false, ""},
		"a person who may only approve": {own, func(_ *lab, p people) []byte { return p.sign(storm(1, commune), "approver") }, false, ""},
		"a revoked key":                 {own, func(_ *lab, p people) []byte { return p.sign(storm(1, commune), "revoked") }, false, ""},
		"a stranger's key beside": {own, func(_ *lab, p people) []byte {
			p["x"] = must(trust.Generate())
			return p.sign(storm(1, commune), "chairman", "x")
		}, false, ""},
		"the centre's online key": {own, func(l *lab, _ people) []byte {
			return must(wire.Seal(wire.Alert, string(commune), storm(1, commune), l.online))
		}, false, ""},
		"no headline":                          {own, func(_ *lab, p people) []byte { a := storm(1, commune); a.Headline = ""; return p.sign(a, "chairman") }, false, ""},
		"a drill whose announcement is listed": {own, func(l *lab, p people) []byte { l.drillSet(t, 9); return p.sign(drill, "chairman") }, true, ""},
		"a drill whose announcement is not":    {own, func(l *lab, p people) []byte { l.drillSet(t, 8); return p.sign(drill, "chairman") }, false, "drill"},
		"a drill without an emergency set": {own, func(l *lab, p people) []byte {
			if err := l.take(t, wire.Settings, l.seal(wire.Settings, settings(5))); err != nil {
				t.Fatal(err)
			}
			return p.sign(drill, "chairman")
		}, false, "drill"},
		"its tombstone":          {own, func(_ *lab, p people) []byte { a := storm(1, commune); a.Cancel = true; return p.sign(a, "deputy") }, true, ""},
		"a tombstone by too few": {own, func(_ *lab, p people) []byte { a := storm(1, province); a.Cancel = true; return p.sign(a, "chairman") }, false, "signers"},
		"a byte changed": {own, func(_ *lab, p people) []byte {
			b := p.sign(storm(1, commune), "chairman")
			b[20] ^= 1
			return b
		}, false, ""},
		"too large": {own, func(_ *lab, p people) []byte { return bytes.Repeat([]byte("a"), 64<<10) }, false, ""},
		"nothing":   {own, func(_ *lab, p people) []byte { return nil }, false, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l, p := alertLab(t)
			data := c.data(l, p)
			before := len(l.journal.records)
			err := l.Take(t.Context(), c.topic, data)
			if taken := len(l.alerts.taken) == 1; taken != c.taken || (err == nil) != c.taken {
				t.Errorf("taken %v: %v", taken, err)
			}
			if err != nil && !final(err) {
				t.Errorf("error %v is not final: it would come again for ever", err)
			}
			if got := fmt.Sprint(l.alerts.turned); c.turned == "" && len(l.alerts.turned) != 0 || c.turned != "" && got != "["+c.turned+"]" {
				t.Errorf("turned away %v, want %q", l.alerts.turned, c.turned)
			}
			records := l.journal.records[before:]
			if !c.taken && (len(records) != 1 || records[0].Security == nil || records[0].Security.What != "alert") {
				t.Errorf("records %+v, want one of security", records)
			}
		})
	}
}

// drillSet gives the device an emergency set whose announcement has hash n.
func (l *lab) drillSet(t testing.TB, n int) {
	t.Helper()
	s := settings(5)
	s.Emergency = []radio.EmergencyAudio{{Role: radio.RoleDrill, Rendition: radio.Rendition{SHA256: sha(n), Kbps: 32, Bytes: 10, Frames: 1, Samples: radio.FrameSamples}}}
	if err := l.take(t, wire.Settings, l.seal(wire.Settings, s)); err != nil {
		t.Fatal(err)
	}
}

// A person of the whole province who is alone cannot reach it piece by piece either,
// and filling the journal with the attempts does not work.
func TestSixtyNineCommunesByOnePerson(t *testing.T) {
	l, p := alertLab(t)
	before := len(l.journal.records)
	for n := range 69 {
		area := commune
		if n > 0 {
			area = radio.IDFromBytes[radio.AreaID]([16]byte{200, byte(n)})
		}
		if err := l.Take(t.Context(), wire.DownTopic(id[radio.DeviceID](deviceN), wire.Alert), p.sign(storm(n, area), "province1")); !errors.Is(err, radio.ErrForbidden) {
			t.Errorf("%d: %v", n, err)
		}
	}
	if len(l.alerts.taken) != 0 || len(l.alerts.turned) > 5 || len(l.journal.records)-before > 5 {
		t.Errorf("%d taken, %d turned away, %d records", len(l.alerts.taken), len(l.alerts.turned), len(l.journal.records)-before)
	}
}

// The keyring that names a person may come behind her alert.
func TestKeyringBehindTheAlert(t *testing.T) {
	l, _ := alertLab(t)
	p := people{}
	for _, name := range []string{"chairman", "deputy", "province1", "province2", "neighbour", "hamlet", "approver", "revoked", "second"} {
		p[name] = must(trust.Generate())
	}
	topic := wire.DownTopic(id[radio.DeviceID](deviceN), wire.Alert)
	for n := range 20 {
		if err := l.Take(t.Context(), topic, p.sign(storm(n, commune), "chairman")); !errors.Is(err, radio.ErrForbidden) {
			t.Fatal(err)
		}
	}
	l.withPeople(t, 3, p)
	var got []radio.AlertID
	for _, a := range l.alerts.taken {
		got = append(got, a.ID)
	}
	var want []radio.AlertID
	for n := 20 - maxUnproven; n < 20; n++ {
		want = append(want, storm(n, commune).ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("taken %v, want the last %d", got, maxUnproven)
	}
}

// fakeFaults holds what is open.
type fakeFaults map[string]string

func (f fakeFaults) Raise(_ context.Context, code, text string) { f[code] = text }
func (f fakeFaults) Clear(_ context.Context, code string)       { delete(f, code) }

// The disk is full when a keyring comes: whoever is new in it can warn all the same, it is
// a fault, and it is written once that goes again. The new person's alert was once refused
// until somebody had cleared the disk.
func TestKeyringOnAFullDisk(t *testing.T) {
	l, _ := alertLab(t)
	faults := fakeFaults{}
	l.opts.Faults = faults
	p := people{}
	for _, name := range []string{"chairman", "deputy", "province1", "province2", "neighbour", "hamlet", "approver", "revoked", "second"} {
		p[name] = must(trust.Generate())
	}
	topic := wire.DownTopic(id[radio.DeviceID](deviceN), wire.Alert)
	if err := l.Take(t.Context(), topic, p.sign(storm(1, commune), "chairman")); !errors.Is(err, radio.ErrForbidden) {
		t.Fatal(err) // nobody knows her yet
	}
	l.journal.broken = errors.New("no space left on device")
	l.withPeople(t, 3, p)
	if err := l.Take(t.Context(), topic, p.sign(storm(2, commune), "deputy")); err != nil {
		t.Error(err)
	}
	if len(l.alerts.taken) != 2 || l.Revisions().Keys != 3 || faults[FaultKeys] == "" {
		t.Errorf("taken %v, keyring %d, faults %v", l.alerts.taken, l.Revisions().Keys, faults)
	}
	l.writeOwed(t.Context())
	if len(faults) != 1 || l.journal.docs[string(wire.Keys)].Revision != 2 {
		t.Errorf("faults %v, written %d, on a full disk", faults, l.journal.docs[string(wire.Keys)].Revision)
	}
	l.journal.broken = nil
	l.writeOwed(t.Context()) // as Run does
	if len(faults) != 0 || l.journal.docs[string(wire.Keys)].Revision != 3 {
		t.Errorf("faults %v, written %d", faults, l.journal.docs[string(wire.Keys)].Revision)
	}
	l.restart(t)
	if err := l.Take(t.Context(), topic, p.sign(storm(3, commune), "chairman")); err != nil || l.Revisions().Keys != 3 {
		t.Errorf("keyring %d after a restart: %v", l.Revisions().Keys, err)
	}
}

// A keyring that replaces one still owed to the disk is the one that is written, also when
// only the centre's repetition of it finds room.
func TestKeyringOwedIsTheNewest(t *testing.T) {
	l, p := alertLab(t)
	l.journal.broken = errors.New("no space left on device")
	l.withPeople(t, 3, p)
	l.withPeople(t, 4, p)
	l.journal.broken = nil
	l.withPeople(t, 4, p)
	if got := l.journal.docs[string(wire.Keys)].Revision; got != 4 || len(l.owed) != 0 {
		t.Errorf("version %d is written, %v owed", got, l.owed)
	}
}

// A device that was just put up gets the drill before its settings: it waits for them. It
// was once turned away for good, and missed its village's first drill.
func TestDrillBeforeTheSettings(t *testing.T) {
	topic := wire.DownTopic(id[radio.DeviceID](deviceN), wire.Alert)
	drill := storm(1, commune)
	drill.Drill, drill.Sounds = true, []radio.EmergencyRole{radio.RoleDrill, radio.RoleSiren}
	for name, c := range map[string]struct {
		listed int
		taken  int
		turned []string
	}{
		"with the announcement":     {9, 1, nil},
		"with another announcement": {8, 0, []string{"drill"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, p := alertLab(t)
			data := p.sign(drill, "chairman")
			before := len(l.journal.records)
			for range 3 { // the centre says it again, for it hears nothing
				if err := l.Take(t.Context(), topic, data); err != nil {
					t.Fatal(err)
				}
			}
			if len(l.alerts.taken)+len(l.alerts.turned) != 0 || len(l.journal.records) != before {
				t.Fatalf("taken %v, turned away %v, %d records, before the settings", l.alerts.taken, l.alerts.turned, len(l.journal.records)-before)
			}
			l.drillSet(t, c.listed)
			if len(l.alerts.taken) != c.taken || !slices.Equal(l.alerts.turned, c.turned) || len(l.late) != 0 {
				t.Errorf("taken %v, turned away %v, %d wait; want %d, %v", l.alerts.taken, l.alerts.turned, len(l.late), c.taken, c.turned)
			}
			if len(l.journal.records)-before != len(c.turned) {
				t.Errorf("%d records", len(l.journal.records)-before)
			}
		})
	}
}

func TestVoices(t *testing.T) {
	voice := []byte("giọng đọc")
	h := radio.VoiceHash(voice)
	for name, c := range map[string]struct {
		topic string
		data  []byte
		ok    bool
	}{
		"of the own area":     {wire.VoiceTopic(hamlet, h), voice, true},
		"of the province":     {wire.VoiceTopic(province, h), voice, true},
		"of another area":     {wire.VoiceTopic(nextDoor, h), voice, false},
		"with another hash":   {wire.VoiceTopic(hamlet, sha(1)), voice, false},
		"empty":               {wire.VoiceTopic(hamlet, radio.VoiceHash(nil)), nil, false},
		"larger than allowed": {wire.VoiceTopic(hamlet, radio.VoiceHash(make([]byte, radio.MaxVoiceBytes+1))), make([]byte, radio.MaxVoiceBytes+1), false},
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := alertLab(t)
			err := l.Take(t.Context(), c.topic, c.data)
			if (err == nil) != c.ok || (len(l.alerts.voices) == 1) != c.ok || err != nil && !final(err) {
				t.Errorf("%v, voices %v", err, l.alerts.voices)
			}
		})
	}
}

// The emergency set stays whatever a programme withdraws.
func TestTheEmergencySetIsNotWithdrawn(t *testing.T) {
	l, _ := alertLab(t)
	l.drillSet(t, 2)
	if err := l.take(t, wire.Programme, l.seal(wire.Programme, programme(10))); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(l.cache.deleted, sha(2)) {
		t.Error("a sound of the emergency set was deleted")
	}
}

// Whatever a stranger sends as an alert or a voice: no panic, nothing taken that the
// persons of the keyring have not signed.
func FuzzAlert(f *testing.F) {
	l, p := alertLab(f)
	good := p.sign(storm(1, commune), "chairman")
	f.Add(good)
	f.Add(p.sign(storm(1, province), "province1", "province2"))
	f.Add(p.sign(storm(1, province), "province1"))
	f.Add([]byte(`{"payload":"","signatures":[]}`))
	f.Add([]byte(`{"payload":"e30","signatures":[{"protected":"e30","signature":""}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l.alerts.taken, l.late = nil, nil
		err := l.Take(t.Context(), wire.DownTopic(id[radio.DeviceID](deviceN), wire.Alert), data)
		if err != nil && !final(err) {
			t.Errorf("not final: %v", err)
		}
		for _, a := range l.alerts.taken {
			if !slices.Contains([]radio.AreaID{province, commune}, a.Area) || a.ID != storm(1, commune).ID {
				t.Errorf("taken %+v", a)
			}
		}
	})
}

func FuzzVoice(f *testing.F) {
	l, _ := alertLab(f)
	f.Add(string(sha(1)), []byte("x"))
	f.Add(string(radio.VoiceHash([]byte("x"))), []byte("x"))
	f.Fuzz(func(t *testing.T, hash string, data []byte) {
		l.alerts.voices = nil
		err := l.Take(t.Context(), wire.Prefix+"/a/"+string(hamlet)+"/down/voice/"+hash, data)
		if right := len(data) > 0 && radio.VoiceHash(data) == radio.SHA256(hash); (err == nil) != right || (len(l.alerts.voices) == 1) != right {
			t.Errorf("%q: %v, voices %v", hash, err, l.alerts.voices)
		}
	})
}
