package wire

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"loaxa/internal/radio"
	"loaxa/internal/trust"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	dev   = radio.DeviceID("01JD0000000000000000000DEV")
	area  = radio.AreaID("01JD0000000000000000000AR1")
	other = radio.DeviceID("01JD0000000000000000000DE2")
)

// testKey is made from a fixed seed: golden envelopes must not change, and Ed25519
// signs without randomness.
func testKey(t testing.TB) trust.Key {
	t.Helper()
	priv := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	k, err := trust.KeyFrom(priv)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sha(c string) radio.SHA256 { return radio.SHA256(strings.Repeat(c, 64)) }

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s changed on the wire:\n got %s\nwant %s", name, got, want)
	}
}

func samples(t *testing.T) map[Kind]any {
	key := testKey(t)
	record := []byte(`{"seq":1,"at":1795305600000,"boot":"01JD0000000000000000000BT1","up_ms":5,"kind":"boot","clock":{"state":"trusted","source":"kernel","bound_ms":3},"booted":{"version":"0.1.0","why":"start"}}`)
	first := trust.FirstHash("01JD0000000000000000000JN1")
	return map[Kind]any{
		Hello: HelloPayload{Device: dev, Journal: "01JD0000000000000000000JN1", Head: 12, Acked: 9, At: 1795305600000,
			Nonce: "AAAAAAAAAAAAAAAAAAAAAA", Version: "0.1.0", Connection: 3,
			Clock: radio.ClockStatus{ClockStamp: radio.ClockStamp{State: "trusted", Source: "kernel", BoundMS: 12}}},
		Welcome: WelcomePayload{Device: dev, Nonce: "AAAAAAAAAAAAAAAAAAAAAA", Time: 1795305600123, Journal: "01JD0000000000000000000JN1", Upto: 9,
			Revisions: radio.RevisionStatus{Programme: 1795305000, Policy: 1795305001, Settings: 1795305002, Keys: 1795305003}},
		Ack:     AckPayload{Device: dev, Journal: "01JD0000000000000000000JN1", Upto: 12, Rejected: []Rejected{{Seq: 11, Reason: "no kind"}}},
		Receipt: ReceiptPayload{Device: dev, ID: "01JD0000000000000000000CM1", State: "accepted", At: 1795305600000},
		Journal: JournalPayload{Device: dev, Journal: "01JD0000000000000000000JN1", First: 1, Prev: first, Records: []Raw{record}},
		Programme: radio.Programme{Device: dev, Revision: 1795305000, IssuedAt: 1795305000000, NotAfter: 1798329000000, Zone: "Asia/Ho_Chi_Minh",
			Slots: []radio.ProgrammeSlot{{Schedule: "01JD0000000000000000000SC1", Slot: "01JD0000000000000000000SR1", Priority: radio.Normal,
				Cron: "0 17 * * 1-6", From: "2026-11-23", GraceSeconds: 120,
				Items: []radio.Item{{Entry: "01JD0000000000000000000EN1", Kind: radio.KindAudio, Bulletin: "01JD0000000000000000000BN1", Version: 1, Repeat: 2, GapMS: 1500}}}},
			Audio: []radio.ProgrammeAudio{{Bulletin: "01JD0000000000000000000BN1", Version: 1, Title: "Nghị quyết 57: vì sao?",
				Renditions: []radio.Rendition{{SHA256: sha("a"), Kbps: 64, Bytes: 8000, Frames: 40, Samples: 40*1152 - 1105 - 500, Head: 1105, Tail: 500}}}},
			Withdrawn: []radio.SHA256{sha("b")}},
		Policy: radio.Policy{ID: "01JD0000000000000000000PR1", Device: dev, Revision: 1795305001, IssuedAt: 1795305000000, Zone: "Asia/Ho_Chi_Minh",
			Label: "QĐ 12/QĐ-UBND", Windows: []radio.Window{{From: 300, To: 420}, {Days: []int{1, 2}, From: 17 * 60, To: 18 * 60}},
			Mourning: []radio.Date{"2026-12-01"}, Volume: []radio.VolumeSpan{{From: 300, To: 360, GainDB: -6}},
			Exceptions:  []radio.PolicyException{{From: "2027-02-05", Until: "2027-02-10", Windows: []radio.Window{{From: 480, To: 540}}, Label: "Tết Đinh Mùi"}},
			MaxSessions: 2, MaxMinutes: 45},
		Settings: radio.Settings{Device: dev, Revision: 1795305002, IssuedAt: 1795305000000, Name: "Cụm loa thôn 1",
			Areas: []radio.SettingsArea{{ID: area, Kind: radio.Province, Name: "Hà Tĩnh"}}, Rendition: 64, JitterMS: 60000, FetchFrom: 0, FetchTo: 240},
		Keys: trust.Keyring{Version: 1795305003, Province: area,
			Online:  []trust.OnlineKey{{JWK: key.Public(), Kinds: OnlineKinds(), Scope: area, NotAfter: 1829692800000}},
			Persons: []trust.PersonKey{}, Drill: []radio.SHA256{},
			Endpoints: trust.Endpoints{Brokers: []string{"mqtts://loa.example:8883"}, Media: []string{"https://loa.example:8443"}}, Revoked: []string{}},
		Alert: radio.Alert{ID: "01JD0000000000000000000AT1", Area: area, IssuedAt: 1795305600000, ExpiresAt: 1795309200000, Headline: "Bão số 10",
			Text: "Bão đang vào. Ở trong nhà.", Document: "12/CĐ-UBND", Drill: true, Sounds: []radio.EmergencyRole{radio.RoleDrill, radio.RoleSiren, radio.RoleLeadIn},
			Voice:   &radio.Rendition{SHA256: sha("c"), Kbps: 32, Bytes: 4000, Frames: 40, Samples: 40*1152 - 1105 - 500, Head: 1105, Tail: 500},
			Repeats: 3, IntervalS: 60},
		Command: radio.Command{ID: "01JD0000000000000000000CM1", Device: dev, Do: radio.CommandVolume, IssuedAt: 1795305600000, ExpiresAt: 1795305660000, GainDB: -6},
		Reported: radio.Status{Device: dev, Name: "Cụm loa thôn 1", At: 1795305600000, Version: "0.1.0", Boot: "01JD0000000000000000000BT1",
			Audio: []radio.AudioStatus{{SHA256: sha("a"), Title: "x", Bytes: 8000, Have: 8000, Ready: true}}},
	}
}

// TestGoldenMessages holds the exact bytes on the wire: whoever changes them changes
// the contract and needs a new version.
func TestGoldenMessages(t *testing.T) {
	key := testKey(t)
	for kind, payload := range samples(t) {
		t.Run(string(kind), func(t *testing.T) {
			b, err := json.Marshal(payload)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, string(kind)+".payload.json", b)
			aud := string(dev)
			if kind == Keys || kind == Alert {
				aud = string(area)
			}
			env, err := Seal(kind, aud, payload, key)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, string(kind)+".envelope.json", env)
			var back json.RawMessage
			if err := Unseal(kind, aud, env, trust.Only(key.Public()), &back); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(back, b) {
				t.Fatalf("came back as %s", back)
			}
			for name, bad := range map[string]error{
				"another audience": Unseal(kind, string(other), env, trust.Only(key.Public()), &back),
				"another kind":     Unseal(Hello+"x", aud, env, trust.Only(key.Public()), &back),
				"unknown key":      Unseal(kind, aud, env, trust.Only(trust.PublicKey{}), &back),
			} {
				if !errors.Is(bad, radio.ErrForbidden) {
					t.Errorf("%s: %v", name, bad)
				}
			}
		})
	}
}

func TestTopics(t *testing.T) {
	cases := map[string]bool{
		"loaxa/v1/d/" + string(dev) + "/up/journal":                     true,
		"loaxa/v1/d/" + string(dev) + "/down/programme":                 true,
		"loaxa/v1/d/" + string(dev) + "/down/roots":                     true,
		"loaxa/v1/d/" + string(dev) + "/up/roots":                       false,
		"loaxa/v1/a/" + string(area) + "/down/alert":                    true,
		VoiceTopic(area, sha("c")):                                      true,
		VoiceTopic(area, "x"):                                           false,
		"loaxa/v1/a/" + string(area) + "/down/voice":                    false,
		"loaxa/v1/d/" + string(dev) + "/down/voice":                     false,
		"loaxa/v1/a/" + string(area) + "/up/voice/" + string(sha("c")):  false,
		"loaxa/v1/d/" + string(dev) + "/down/voice/" + string(sha("c")): false,
		"loaxa/v1/d/" + string(dev) + "/up/programme":                   false,
		"loaxa/v1/d/" + string(dev) + "/down/journal":                   false,
		"loaxa/v1/a/" + string(area) + "/down/programme":                false,
		"loaxa/v1/a/" + string(area) + "/up/alert":                      false,
		"loaxa/v1/d/" + string(dev) + "/up/journal/x":                   false,
		"loaxa/v1/d/" + string(dev) + "/up":                             false,
		"loaxa/v2/d/" + string(dev) + "/up/journal":                     false,
		"loaxa/v1/d/+/up/journal":                                       false,
		"loaxa/v1/d/short/up/journal":                                   false,
		"":                                                              false,
		strings.Repeat("/", 500):                                        false,
	}
	for topic, ok := range cases {
		got, err := ParseTopic(topic)
		if (err == nil) != ok {
			t.Errorf("%q: %v", topic, err)
		}
		if ok && got.String() != topic {
			t.Errorf("%q came back as %q", topic, got)
		}
	}
}

// TestPermissions is the topic matrix of one device: its own and nothing else.
func TestPermissions(t *testing.T) {
	areas := []radio.AreaID{area}
	pub := map[string]bool{
		UpTopic(dev, Journal):                        true,
		UpTopic(dev, Presence):                       true,
		UpTopic(other, Journal):                      false,
		DownTopic(dev, Programme):                    false,
		UpTopic(dev, Journal) + "/x":                 false,
		UpTopic(dev, Kind("firmware")):               false,
		"loaxa/v1/d/" + string(dev) + "/up/#":        false,
		"$SYS/broker":                                false,
		"loaxa/v1/a/" + string(area) + "/down/alert": false,
	}
	for topic, want := range pub {
		if got := MayPublish(dev, topic); got != want {
			t.Errorf("publish %q: %v", topic, got)
		}
	}
	sub := map[string]bool{
		"loaxa/v1/d/" + string(dev) + "/down/+":            true,
		"loaxa/v1/d/" + string(dev) + "/down/#":            true,
		DownTopic(dev, Ack):                                true,
		"loaxa/v1/d/" + string(dev) + "/down":              false,
		"loaxa/v1/d/" + string(dev) + "/#":                 false,
		"loaxa/v1/d/" + string(dev) + "/+/programme":       false,
		"loaxa/v1/d/+/down/+":                              false,
		"loaxa/v1/d/" + string(other) + "/down/+":          false,
		"loaxa/v1/a/" + string(area) + "/down/alert":       true,
		VoiceTopic(area, "+"):                              true,
		VoiceTopic(area, sha("c")):                         true,
		VoiceTopic(area, "#"):                              false,
		VoiceTopic("01JD0000000000000000000AR2", "+"):      false,
		"loaxa/v1/d/" + string(dev) + "/down/voice/+":      false,
		"loaxa/v1/a/" + string(area) + "/down/+":           false,
		"loaxa/v1/a/01JD0000000000000000000AR2/down/alert": false,
		"loaxa/v1/#":  false,
		"#":           false,
		"+/+/+/+/+/+": false,
		"$share/g/loaxa/v1/d/" + string(dev) + "/down/+":     false,
		"loaxa/v1/d/" + string(dev) + "/down/programme/more": false,
		"loaxa/v1/d/" + string(dev) + "/up/journal":          false,
	}
	for filter, want := range sub {
		if got := MaySubscribe(dev, areas, filter); got != want {
			t.Errorf("subscribe %q: %v", filter, got)
		}
	}
	for _, f := range Subscriptions(dev, areas) {
		if !MaySubscribe(dev, areas, f) {
			t.Errorf("a device may not use its own subscription %q", f)
		}
	}
}

// TestRules: what is written out for another broker grants what the embedded one grants,
// topic by topic, and is asked of every topic there is.
func TestRules(t *testing.T) {
	const far = radio.AreaID("01JD0000000000000000000AR2")
	rules := Rules(dev, []radio.AreaID{area})
	granted := func(write bool, topic string) bool {
		for _, r := range rules {
			if r.Write == write && opens(r.Topic, topic) {
				return true
			}
		}
		return false
	}
	own, not := Contract(dev, area, sha("c")), Contract(other, far, sha("c"))
	said := map[Kind]bool{}
	for _, topic := range append(own, not...) {
		said[topic.Kind] = true
		s := topic.String()
		if parsed, err := ParseTopic(s); err != nil || parsed != topic {
			t.Errorf("%s: %+v %v", s, parsed, err)
		}
		if got, want := granted(true, s), MayPublish(dev, s); got != want {
			t.Errorf("write %s: the rules say %v, the embedded broker %v", s, got, want)
		}
		if got, want := granted(false, s), MaySubscribe(dev, []radio.AreaID{area}, s); got != want {
			t.Errorf("read %s: the rules say %v, the embedded broker %v", s, got, want)
		}
	}
	for _, k := range append(append([]Kind{Alert, Voice}, upKinds...), downKinds...) {
		if !said[k] {
			t.Errorf("%s stands in no topic of the contract", k)
		}
	}
	for _, r := range rules {
		if r.Write && strings.ContainsAny(r.Topic, "+#") {
			t.Errorf("a rule to write with a wildcard: %s", r.Topic)
		}
	}
}

func TestEnrolCode(t *testing.T) {
	c := EnrolCode{Secret: "0123456789", Pin: "0123456789abcdef"}
	for _, typed := range []string{c.String(), strings.ToLower(c.String()), " 0l23456789 0123456789ABCDEF\n", "O123456789-0123456789abcdef"} {
		got, err := ParseEnrolCode(typed)
		if err != nil || got != c {
			t.Errorf("%q: %+v %v", typed, got, err)
		}
	}
	for _, bad := range []string{"", "0123456789", c.String() + "0", "U123456789-0123456789abcdef", "0123456789-0123456789abcdeg"} {
		if _, err := ParseEnrolCode(bad); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSealRefusesWhatIsTooLarge(t *testing.T) {
	_, err := Seal(Settings, string(dev), radio.Settings{Name: strings.Repeat("x", Settings.MaxPayload())}, testKey(t))
	if !errors.Is(err, radio.ErrInvalid) {
		t.Fatal(err)
	}
}

// FuzzTopics: what may be published parses, is the device's own and goes up; what
// may be subscribed to can match nothing but own down topics and own areas' alerts.
func FuzzTopics(f *testing.F) {
	f.Add("loaxa/v1/d/" + string(dev) + "/up/journal")
	f.Add("loaxa/v1/d/" + string(dev) + "/down/+")
	f.Add("loaxa/v1/a/" + string(area) + "/down/alert")
	f.Add(VoiceTopic(area, "+"))
	f.Add(VoiceTopic(area, sha("c")))
	f.Add("#")
	f.Fuzz(func(t *testing.T, s string) {
		if MayPublish(dev, s) && !strings.HasPrefix(s, "loaxa/v1/d/"+string(dev)+"/up/") {
			t.Fatalf("may publish %q", s)
		}
		if MaySubscribe(dev, []radio.AreaID{area}, s) && !strings.HasPrefix(s, "loaxa/v1/d/"+string(dev)+"/down/") &&
			s != AlertTopic(area) && s != VoiceTopic(area, "+") && !(len(s) == len(VoiceTopic(area, sha("c"))) && strings.HasPrefix(s, VoiceTopic(area, ""))) {
			t.Fatalf("may subscribe to %q", s)
		}
		if topic, err := ParseTopic(s); err == nil && topic.String() != s {
			t.Fatalf("%q came back as %q", s, topic)
		}
	})
}

// FuzzUnseal: bytes of strangers never open and never panic.
func FuzzUnseal(f *testing.F) {
	key := testKey(f)
	env, err := Seal(Ack, string(dev), AckPayload{Device: dev, Upto: 3}, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(env)
	f.Add([]byte(`{"payload":"","signatures":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out AckPayload
		if err := Unseal(Ack, string(dev), b, trust.Only(key.Public()), &out); err == nil && (out.Device != dev || out.Upto != 3) {
			t.Fatalf("a forged ack opened: %s", b)
		}
	})
}

// FuzzPayloads: every unsigned parser of the package is bounded and does not panic.
func FuzzPayloads(f *testing.F) {
	f.Add([]byte(`{"state":"birth","connection":1,"at":1}`), "0123456789-0123456789abcdef")
	f.Fuzz(func(t *testing.T, b []byte, code string) {
		if p, err := ParsePresence(b); err == nil && p.State != Birth && p.State != Death {
			t.Fatalf("presence %+v", p)
		}
		if c, err := ParseEnrolCode(code); err == nil {
			if again, err := ParseEnrolCode(c.String()); err != nil || again != c {
				t.Fatalf("%+v, %v", again, err)
			}
		}
		var j JournalPayload
		if json.Unmarshal(b, &j) == nil && j.Check(dev) == nil && (len(j.Records) == 0 || len(j.Records) > MaxBatch) {
			t.Fatal("a batch out of bounds passed")
		}
	})
}

// What the golden messages leave out, and do not speak of, these have.
func TestGoldenOptions(t *testing.T) {
	key := testKey(t)
	gained := samples(t)[Programme].(radio.Programme)
	gained.Audio[0].GainDB = -3.5
	approved := samples(t)[Programme].(radio.Programme)
	signed, err := trust.SignApproval(trust.ClaimOf(approved.Audio[0], "01JD0000000000000000000SR1", 1795305000000), area, key)
	if err != nil {
		t.Fatal(err)
	}
	approved.Approve(0, signed)
	ring := samples(t)[Keys].(trust.Keyring)
	ring.Persons = []trust.PersonKey{{ID: "01JD0000000000000000000SR1", JWK: key.Public(), Scope: area, May: []string{trust.MayApprove}, NotAfter: 1829692800000}}
	ring.RelyingParty = &trust.RelyingParty{ID: "loa.example", Origins: []string{"https://loa.example"}}
	ack := samples(t)[Ack].(AckPayload)
	ack.Hash = trust.FirstHash("01JD0000000000000000000JN1")
	forked := ack
	forked.Forked = &Forked{Seq: 11, Own: trust.FirstHash("own"), Before: ack.Hash}
	welcome := samples(t)[Welcome].(WelcomePayload)
	welcome.Hash = ack.Hash
	hello := samples(t)[Hello].(HelloPayload)
	hello.Machine, hello.Revisions.Root = "AAAAAAAAAAAAAAAAAAAAAA", 2
	for name, payload := range map[string]any{"programme.gain": gained, "programme.approved": approved, "keys.persons": ring, "ack.hash": ack, "ack.forked": forked, "welcome.hash": welcome, "hello.machine": hello} {
		b, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".payload.json", b)
	}
}

// The steps of the root key are no envelope but a list of them.
func TestGoldenRoots(t *testing.T) {
	old := testKey(t)
	next, err := trust.KeyFrom(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	first := trust.Root{Number: 1, Key: old.Public()}
	step, err := trust.SignRootStep(area, first, old, next, 1795305600000)
	if err != nil {
		t.Fatal(err)
	}
	b, err := EncodeRoots([]json.RawMessage{step})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "roots.json", b)
	steps, err := ParseRoots(b)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := trust.WalkRoots(area, first, steps); err != nil || len(got) != 1 || got[0].Root.Number != 2 || got[0].Root.Key.KID != next.KID() {
		t.Errorf("walked to %+v: %v", got, err)
	}
	for name, bad := range map[string][]byte{"nothing": nil, "no list": []byte(`{}`), "too large": bytes.Repeat([]byte(" "), Roots.MaxPayload()+1),
		"too many": []byte("[" + strings.Repeat("{},", trust.MaxRootSteps) + "{}]")} {
		if _, err := ParseRoots(bad); !errors.Is(err, radio.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
