package agent

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/agent/inbox"
	"loaxa/internal/radio"
	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// TestHostileBroker: a whole agent, its real player and a recorded output, on a broker and
// a media host that belong to the enemy. What the centre and its persons have signed is
// replayed, rolled back, reordered, truncated, bent, swapped between devices, withheld
// beyond its end and flooded; what they have not is forged, and made with a stolen online
// key and with 69 stolen keys of as many communes. Nothing sounds. When the right
// documents come at last, they and nothing else do.
func TestHostileBroker(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	s := newSiege(t)
	stop := s.device.run()
	s.begin()
	for _, a := range s.attacks() {
		a.do()
		s.settle()
		if n := loud(s.device.heard()); n > 0 {
			t.Fatalf("%s: it sounds: %+v", a.name, s.results())
		}
	}
	s.flood()
	s.checkReports()
	stop()
	if n := loud(s.device.heard()); n > 0 {
		t.Fatalf("%d samples sounded that nobody has the right to let sound: %+v", n, s.results())
	}
	s.relief()
}

// siege is one device among enemies.
type siege struct {
	*hostile
	p                   *province
	tone, false_, siren radio.Rendition
	tonePCM, sirenPCM   []int16
	costly              radio.Rendition // not in the cache; approved by nobody
	issued              radio.Millis
	neighbour           radio.DeviceID
	held                int64 // revision of the programme that the centre issued last
}

func newSiege(t *testing.T) *siege {
	p := newProvince(t)
	s := &siege{p: p, hostile: newHostile(p), issued: radio.At(time.Now().Add(-time.Hour)), neighbour: idOf[radio.DeviceID]("neighbour"), held: 1000}
	s.tone, s.tonePCM = inHouse(t, tone, 0)
	s.false_, _ = inHouse(t, announced, 0)
	s.siren = standIn()
	_, s.sirenPCM = inHouse(t, siren, s.siren.Head)
	s.sirenPCM = s.sirenPCM[:s.siren.Samples]
	s.costly = s.tone
	s.costly.SHA256 = radio.VoiceHash([]byte("costly"))
	s.device = p.enrol("device", s.ends, map[radio.SHA256][]byte{s.tone.SHA256: tone, s.false_.SHA256: announced, s.siren.SHA256: siren})
	s.settings = radio.Settings{Device: s.device.id, Revision: 10, IssuedAt: s.issued, Name: "thử", Rendition: radio.MainKbps,
		Emergency: []radio.EmergencyAudio{{Role: radio.RoleSiren, Rendition: s.siren}}}
	return s
}

// begin lets the device have what the centre has issued: nothing of it is due.
func (s *siege) begin() {
	s.down(wire.Keys, s.p.keyring(2, s.ends))
	s.down(wire.Policy, s.seal(wire.Policy, radio.Policy{ID: idOf[radio.PolicyID]("policy"), Device: s.device.id, Revision: 10, IssuedAt: s.issued,
		Zone: "UTC", Label: "thử", Windows: []radio.Window{{From: 0, To: 24 * 60}}}))
	later := s.programme(s.held, s.tone)
	later.Slots[0].Cron = time.Now().UTC().Add(6 * time.Hour).Format("4 15 * * *")
	s.p.approver.Approve(s.t, &later)
	s.down(wire.Programme, s.seal(wire.Programme, later))
	s.settle()
	s.until("the device holds what the centre issued", func() bool {
		r := s.reported.Revisions
		return r.Programme == s.held && r.Policy == 10 && r.Keys == 2
	})
}

func (s *siege) seal(kind wire.Kind, payload any) []byte {
	return s.p.seal(kind, string(s.device.id), payload, s.p.online)
}

// programme is due at this moment, and in every one of the next minutes: a slot each minute
// that fills it. Nobody has approved it.
func (s *siege) programme(revision int64, audio radio.Rendition) radio.Programme {
	b := idOf[radio.BulletinID](string(audio.SHA256))
	slot := radio.ProgrammeSlot{Schedule: idOf[radio.ScheduleID]("schedule"), Slot: idOf[radio.SlotID]("slot"), Priority: radio.Prior, GraceSeconds: 120}
	now := time.Now().UTC().Add(-time.Minute)
	minutes, hours := now.Format("4"), now.Format("15")
	for range 9 {
		now = now.Add(time.Minute)
		minutes, hours = minutes+now.Format(",4"), hours+now.Format(",15")
	}
	slot.Cron = minutes + " " + hours + " * * *"
	for i := range int(60 * radio.SampleRate / audio.Samples) {
		slot.Items = append(slot.Items, radio.Item{Entry: idOf[radio.EntryID](fmt.Sprint("entry ", i)), Kind: radio.KindAudio, Bulletin: b, Version: 1, Repeat: 1})
	}
	return radio.Programme{Device: s.device.id, Revision: revision, IssuedAt: s.issued, NotAfter: s.issued.Add(35 * 24 * time.Hour), Zone: "UTC",
		Audio: []radio.ProgrammeAudio{{Bulletin: b, Version: 1, Title: "giả", Renditions: []radio.Rendition{audio}}}, Slots: []radio.ProgrammeSlot{slot}}
}

// storm is an alert that would sound at once.
func (s *siege) storm(name string, area radio.AreaID, at time.Time) radio.Alert {
	return radio.Alert{ID: idOf[radio.AlertID](name), Area: area, IssuedAt: radio.At(at), ExpiresAt: radio.At(at.Add(time.Hour)),
		Headline: "Giả", Sounds: []radio.EmergencyRole{radio.RoleSiren}, Repeats: 1}
}

func (s *siege) alert(a radio.Alert, keys ...trust.Key) []byte {
	return s.p.seal(wire.Alert, string(a.Area), a, keys...)
}

type attack struct {
	name string
	do   func()
}

func (s *siege) attacks() []attack {
	p, device := s.p, string(s.device.id)
	stranger := generate(s.t)
	now := time.Now()
	order := func(do radio.CommandKind, name string, at time.Time) radio.Command {
		return radio.Command{ID: idOf[radio.CommandID](name), Device: s.device.id, Do: do, IssuedAt: radio.At(at), ExpiresAt: radio.At(at.Add(10 * time.Minute))}
	}
	good := s.programme(900, s.tone)
	p.approver.Approve(s.t, &good)
	bad := good // approvals are no secret: whoever reads one programme can copy them
	bad.Revision = 5000
	return []attack{
		{"forged by an own key", func() {
			for kind, v := range map[wire.Kind]any{wire.Programme: bad, wire.Settings: s.settings, wire.Command: order(radio.CommandTestTone, "forged", now),
				wire.Ack: wire.AckPayload{Device: s.device.id, Journal: s.journalID(), Upto: 1 << 40}, wire.Welcome: wire.WelcomePayload{Device: s.device.id, Time: radio.At(now.AddDate(1, 0, 0))}} {
				s.down(kind, p.seal(kind, device, v, stranger))
				s.down(kind, p.forge(kind, device, p.online.KID(), v))
				s.down(kind, p.seal(kind, device, v, p.root))
				s.down(kind, p.seal(kind, device, v, p.chairs[0]))
				s.down(kind, p.seal(kind, device, v, s.device.key))
			}
			s.down(wire.Keys, p.forge("keys", string(p.id), p.root.KID(), nil))
			if b, err := trust.SignKeyring(trust.Keyring{Version: 9, Province: p.id, Endpoints: s.ends}, stranger); err == nil {
				s.down(wire.Keys, b)
			}
			s.down(wire.Roots, []byte(`[{"payload":"","signatures":[]}]`))
		}},
		{"signed for another device", func() {
			other := good
			other.Device, other.Revision = s.neighbour, 6000
			s.down(wire.Programme, p.seal(wire.Programme, string(s.neighbour), other, p.online))
			other.Device = s.device.id
			s.down(wire.Programme, p.seal(wire.Programme, string(s.neighbour), other, p.online))
			c := order(radio.CommandTestTone, "swapped", now)
			c.Device = s.neighbour
			s.down(wire.Command, p.seal(wire.Command, string(s.neighbour), c, p.online))
			s.send(wire.DownTopic(s.neighbour, wire.Programme), s.seal(wire.Programme, bad))
		}},
		{"rolled back", func() { // what was right once, and due now
			s.down(wire.Programme, s.seal(wire.Programme, good))
			s.settle()
			s.down(wire.Keys, p.keyring(1, s.ends))
			s.down(wire.Policy, s.seal(wire.Policy, radio.Policy{ID: idOf[radio.PolicyID]("policy"), Device: s.device.id, Revision: 9, IssuedAt: s.issued, Zone: "UTC", Label: "cũ", Windows: []radio.Window{{From: 0, To: 24 * 60}}}))
			a := s.storm("revoked", p.communes[0], now)
			s.send(wire.AlertTopic(a.Area), s.alert(a, p.goneChair))
		}},
		{"delayed past its end", func() {
			old := s.programme(1100, s.tone)
			old.IssuedAt, old.NotAfter = radio.At(now.AddDate(0, 0, -36)), radio.At(now.AddDate(0, 0, -1))
			p.approver.Approve(s.t, &old)
			s.down(wire.Programme, s.seal(wire.Programme, old))
			s.down(wire.Command, s.seal(wire.Command, order(radio.CommandTestTone, "late", now.Add(-30*time.Minute))))
			s.down(wire.Command, s.seal(wire.Command, order(radio.CommandTestTone, "very late", now.Add(-30*time.Hour))))
			year := s.storm("last year's", p.id, now.AddDate(-1, 0, 0))
			s.send(wire.AlertTopic(p.id), s.alert(year, p.warners...))
			s.down(wire.Alert, s.alert(year, p.warners...))
		}},
		{"a stolen online key: nobody has approved it", func() {
			s.down(wire.Programme, s.seal(wire.Programme, s.more(func(q *radio.Programme) {})))
		}},
		{"a stolen online key: whom the keyring revokes has", func() {
			s.down(wire.Programme, s.seal(wire.Programme, s.more(func(q *radio.Programme) { p.goneApprover.Approve(s.t, q) })))
		}},
		{"a stolen online key: an approver of another commune has", func() {
			s.down(wire.Programme, s.seal(wire.Programme, s.more(func(q *radio.Programme) { p.neighbor.Approve(s.t, q) })))
		}},
		{"a stolen online key: with what was approved for another sound", func() {
			s.down(wire.Programme, s.seal(wire.Programme, s.more(func(q *radio.Programme) {
				q.Audio[0].Renditions[0] = s.tone
				p.approver.ApproveOne(s.t, q, 0)
				q.Audio[0].Renditions[0] = s.false_
			})))
		}},
		{"a stolen online key: an alert by it, and by persons who may approve", func() {
			a := s.storm("online", p.id, now)
			s.send(wire.AlertTopic(p.id), s.alert(a, p.online))
			s.send(wire.AlertTopic(p.id), s.alert(a, p.online, p.root))
			s.send(wire.AlertTopic(p.id), s.alert(a, p.approver.Key, p.neighbor.Key))
			s.down(wire.Alert, p.forge(wire.Alert, string(p.id), p.warners[0].KID(), a))
		}},
		{"69 keys of 69 communes, each alone", func() {
			for i, c := range p.communes {
				if i > 0 {
					a := s.storm(fmt.Sprint("own ", i), c, now)
					s.down(wire.Alert, s.alert(a, p.chairs[i]))                     // for theirs, to a device elsewhere
					s.send(wire.AlertTopic(p.communes[0]), s.alert(a, p.chairs[i])) // the same on the topic it reads
					b := s.storm(fmt.Sprint("here ", i), p.communes[0], now)
					s.send(wire.AlertTopic(p.communes[0]), s.alert(b, p.chairs[i]))
				}
				b := s.storm(fmt.Sprint("province ", i), p.id, now)
				s.send(wire.AlertTopic(p.id), s.alert(b, p.chairs[i]))
				s.down(wire.Alert, s.alert(b, p.chairs[i]))
			}
		}},
		{"69 keys of 69 communes, in pairs, and one of the province", func() {
			for i := 1; i < len(p.communes); i++ {
				b := s.storm(fmt.Sprint("pair ", i), p.id, now)
				s.send(wire.AlertTopic(p.id), s.alert(b, p.chairs[i-1], p.chairs[i]))
				s.send(wire.AlertTopic(p.id), s.alert(b, p.chairs[i], p.warners[0]))
			}
			s.send(wire.AlertTopic(p.id), s.alert(s.storm("alone", p.id, now), p.warners[0]))
			s.send(wire.AlertTopic(p.communes[0]), s.alert(s.storm("alone", p.communes[0], now), p.warners[1]))
		}},
		{"cancelled before it comes", func() {
			a := s.storm("cancelled", p.id, now)
			tomb := a
			tomb.Cancel = true
			s.send(wire.AlertTopic(p.id), s.alert(tomb, p.warners...))
			s.send(wire.AlertTopic(p.id), s.alert(a, p.warners...))
		}},
		{"cut off, bent and mixed", func() { s.bend(good, bad) }},
		{"voices and topics", func() {
			s.send(wire.Topic{Area: p.communes[0], Kind: wire.Voice, Voice: radio.VoiceHash([]byte("x"))}.String(), announced)
			s.send(wire.Topic{Area: p.communes[0], Kind: wire.Voice, Voice: s.false_.SHA256}.String(), announced) // right, and no alert names it
			s.deliver(wire.UpTopic(s.device.id, wire.Reported), []byte("{}"), false, 0)
		}},
	}
}

// more is a newer revision with false sound, and something that would cost data besides.
func (s *siege) more(change func(*radio.Programme)) radio.Programme {
	s.held = max(s.held, 1100) + 1
	q := s.programme(s.held, s.false_)
	q.Slots[0].Items = append(q.Slots[0].Items, radio.Item{Entry: idOf[radio.EntryID]("costly"), Kind: radio.KindAudio, Bulletin: idOf[radio.BulletinID]("costly"), Version: 1, Repeat: 1})
	q.Audio = append(q.Audio, radio.ProgrammeAudio{Bulletin: idOf[radio.BulletinID]("costly"), Version: 1, Title: "đắt", Renditions: []radio.Rendition{s.costly}})
	change(&q)
	return q
}

// bend sends messages that were right before: cut anywhere, with single bits turned, with
// the payload of one under the signature of another, and with one signature twice.
func (s *siege) bend(good, bad radio.Programme) {
	r := rand.New(rand.NewPCG(7, 7))
	good.Revision = 7000
	a := s.storm("bent", s.p.id, time.Now())
	whole := map[wire.Kind][]byte{wire.Programme: s.seal(wire.Programme, good), wire.Alert: s.alert(a, s.p.warners...),
		wire.Keys: s.p.keyring(3, s.ends), wire.Command: s.seal(wire.Command, radio.Command{ID: idOf[radio.CommandID]("bent"), Device: s.device.id, Do: radio.CommandTestTone,
			IssuedAt: radio.At(time.Now()), ExpiresAt: radio.At(time.Now().Add(time.Minute))})}
	for _, kind := range []wire.Kind{wire.Programme, wire.Alert, wire.Keys, wire.Command} {
		b := whole[kind]
		// Never the whole of it, nor what spells the same: what a bit makes of base64 and of
		// JSON's names may be the same message.
		payload := bytes.Index(b, []byte(`"payload":"`)) + len(`"payload":"`)
		for range 12 {
			s.send(wire.DownTopic(s.device.id, kind), b[:r.IntN(len(b)-2)])
			bent := slices.Clone(b)
			bent[payload+r.IntN(60)] ^= 1 << r.IntN(5)
			s.send(wire.DownTopic(s.device.id, kind), bent)
		}
	}
	var one, two trust.Envelope
	for e, b := range map[*trust.Envelope][]byte{&one: s.alert(a, s.p.warners[0]), &two: s.seal(wire.Programme, bad)} {
		if err := json.Unmarshal(b, e); err != nil {
			s.t.Fatal(err)
		}
	}
	mixed := []trust.Envelope{
		{Payload: two.Payload, Signatures: one.Signatures},
		{Payload: one.Payload, Signatures: two.Signatures},
		{Payload: one.Payload, Signatures: append(slices.Clone(one.Signatures), one.Signatures...)}, // one person, twice
		{Payload: one.Payload, Signatures: append(slices.Clone(one.Signatures), two.Signatures...)},
		{Payload: one.Payload},
		{Payload: base64.RawURLEncoding.EncodeToString([]byte("null")), Signatures: two.Signatures},
	}
	for _, e := range mixed {
		b, err := json.Marshal(e)
		if err != nil {
			s.t.Fatal(err)
		}
		s.down(wire.Alert, b)
		s.send(wire.DownTopic(s.device.id, wire.Programme), b)
	}
}

// flood sends as much as the connection takes, and sees that the device keeps none of it.
func (s *siege) flood() {
	s.t.Helper()
	memory := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := memory()
	junk := bytes.Repeat([]byte("A"), 60<<10)
	forged := s.p.forge(wire.Programme, string(s.device.id), s.p.online.KID(), s.programme(9000, s.false_))
	alert := s.alert(s.storm("flood", s.p.id, time.Now()), s.p.warners[0])
	for i := range 2000 {
		topic, data := wire.DownTopic(s.device.id, wire.Programme), forged
		switch i % 8 {
		case 1:
			topic, data = wire.AlertTopic(s.p.id), alert
		case 2:
			topic = wire.DownTopic(s.device.id, wire.Keys)
		case 3, 4, 5:
			data = junk
		}
		s.deliver(topic, data, false, 0)
		if i%500 == 499 {
			s.settle()
		}
	}
	after := memory()
	for range 5 { // other tests of this process come and go
		if after <= before+32<<20 {
			break
		}
		s.settle()
		after = min(after, memory())
	}
	if after > before+32<<20 {
		s.t.Errorf("%d MB are kept after the flood", (after-before)>>20)
	}
	if info, err := os.Stat(s.device.cfg.journalPath()); err != nil || info.Size() > 4<<20 {
		s.t.Errorf("the journal takes %d bytes: %v", info.Size(), err)
	}
}

// checkReports: the centre can see what was tried, however much it was.
func (s *siege) checkReports() {
	s.t.Helper()
	s.until("the device tells of both troubles", func() bool {
		open := map[string]bool{}
		for _, f := range s.reported.Faults {
			open[f.Code] = true
		}
		return open[inbox.FaultSecurity] && open[inbox.FaultApproval]
	})
	s.until("the whole journal is here", func() bool { return uint64(len(s.records)) >= s.reported.Journal.Head })
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.reported.Revisions; r.Keys != 2 || r.Programme != s.held {
		s.t.Errorf("the device runs on %+v, want keys 2 and programme %d", r, s.held)
	}
	told, refused := map[string]int{}, 0
	for seq := uint64(1); seq <= uint64(len(s.records)); seq++ {
		r, ok := s.records[seq]
		switch {
		case !ok:
			s.t.Fatalf("record %d never came: the journal was bent", seq)
		case r.Security != nil:
			told[r.Security.What]++
		case r.Airing != nil:
			s.t.Errorf("it is about to sound: %+v", r.Airing)
		case r.Result != nil && r.Result.Consumed > 0:
			s.t.Errorf("it sounded: %+v", r.Result)
		case r.Result != nil && r.Result.Reason == radio.ReasonSignature:
			refused++
		}
	}
	if refused == 0 {
		s.t.Error("no result says that the signature was the reason")
	}
	for _, what := range []string{"programme", "settings", "policy", "keys", "roots", "command", "ack", "welcome", "alert", "voice", "approval"} {
		if told[what] == 0 {
			s.t.Errorf("no security record about %s: %v", what, told)
		}
		if told[what] > 6 {
			s.t.Errorf("%d security records about %s in a minute", told[what], what)
		}
	}
	if n := s.asked[string(s.costly.SHA256)]; n > 0 {
		s.t.Errorf("what nobody has approved was asked for %d times", n)
	}
	refused = 0
	for _, a := range s.reported.Audio {
		if a.Refused {
			refused++
		}
	}
	if refused != 2 {
		s.t.Errorf("audio %+v, want both told as refused", s.reported.Audio)
	}
}

// relief: started again on what it holds, the device stays silent; then the right
// documents come, and they sound, and an alert does, once, however often it is repeated.
func (s *siege) relief() {
	stop := s.device.run()
	s.settle()
	s.held++
	q := s.programme(s.held, s.tone)
	s.p.approver.Approve(s.t, &q)
	s.down(wire.Programme, s.seal(wire.Programme, q))
	// The minute that runs may be joined late; the next one is not.
	s.until("the approved bulletin sounds", func() bool {
		return slices.ContainsFunc(s.recorded(), func(c radio.Confirmation) bool {
			return c.Origin == radio.FromSchedule && 2*c.Consumed > c.Expected
		})
	})
	a := s.storm("right", s.p.id, time.Now())
	for range 20 {
		s.send(wire.AlertTopic(s.p.id), s.alert(a, s.p.warners...))
		s.down(wire.Alert, s.alert(a, s.p.warners...))
	}
	cycles := func() (n int) {
		for _, c := range s.recorded() {
			if c.Origin == radio.FromAlert {
				n++
			}
		}
		return n
	}
	s.until("the alert sounds", func() bool { return cycles() > 0 })
	for range 20 {
		s.send(wire.AlertTopic(s.p.id), s.alert(a, s.p.warners...))
	}
	s.settle()
	stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := cycles(); n != 1 {
		s.t.Errorf("%d cycles of an alert with one", n)
	}
	sirens, tones := 0, 0
	for _, pcm := range s.device.heard() {
		for at := 0; ; {
			i := find(pcm[at:], s.sirenPCM)
			if i < 0 {
				break
			}
			sirens++
			at += i + len(s.sirenPCM)
		}
		if find(pcm, s.tonePCM[3*radio.SampleRate:4*radio.SampleRate]) >= 0 { // of its second half
			tones++
		}
	}
	if sirens != 1 || tones == 0 {
		s.t.Errorf("the siren is %d times in the recording, the bulletin in %d sessions: %s", sirens, tones, strings.TrimSpace(fmt.Sprint(s.recorded())))
	}
}

// recorded is results for who holds mu.
func (s *siege) recorded() (list []radio.Confirmation) {
	for _, r := range s.records {
		if r.Result != nil {
			list = append(list, *r.Result)
		}
	}
	return list
}
