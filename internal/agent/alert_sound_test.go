//go:build cgo && !noaudio

package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"loaxa/internal/agent/cache"
	"loaxa/internal/agent/inbox"
	"loaxa/internal/agent/journal"
	"loaxa/internal/agent/output"
	"loaxa/internal/agent/player"
	"loaxa/internal/agent/playout"
	"loaxa/internal/agent/status"
	"loaxa/internal/clock"
	"loaxa/internal/e2e/soundlab"
	"loaxa/internal/radio"
	"loaxa/internal/sound"
	"loaxa/internal/trust"
	"loaxa/internal/trust/trusttest"
	"loaxa/internal/wire"
)

// sweep makes a file in house format whose every moment sounds different, so that a
// place in a recording is found without doubt.
func sweep(t *testing.T, seconds, from, kbps int) (radio.Rendition, []byte, []int16) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi",
		"-i", fmt.Sprintf("aevalsrc='0.4*sin(2*PI*(%d+17*t)*t)':s=44100:d=%d", from, seconds), "-map", "0:a:0", "-ar", "44100", "-ac", "1",
		"-c:a", "libmp3lame", "-b:a", fmt.Sprintf("%dk", kbps), "-reservoir", "0", "-write_xing", "0", "-id3v2_version", "0", "-write_id3v1", "0",
		"-map_metadata", "-1", "-f", "mp3", "-")
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("make a sweep (ffmpeg, `make deps-test`): %v", err)
	}
	w, err := sound.Walk(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	const head = 1105
	r := radio.Rendition{SHA256: w.SHA256, Kbps: w.Kbps, Bytes: w.Bytes, Frames: w.Frames, Head: head, Samples: int64(w.Frames)*radio.FrameSamples - head}
	d, err := sound.NewDecoder(bytes.NewReader(raw), sound.SpanOf(r))
	if err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	for buf := make([]int16, 4096); ; {
		n, err := d.Read(buf)
		pcm = append(pcm, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return r, raw, pcm
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func put(t *testing.T, c *cache.Store, r radio.Rendition, raw []byte) {
	t.Helper()
	_, err := c.Begin(r.SHA256, r.Bytes)
	for at := 0; err == nil && at < len(raw); at += cache.ChunkSize {
		err = c.Put(r.SHA256, raw[at:min(at+cache.ChunkSize, len(raw))])
	}
	if err = errors.Join(err, c.Commit(r.SHA256)); err != nil {
		t.Fatal(err)
	}
}

func idOf[T ~string](name string) T {
	sum := sha256.Sum256([]byte(name))
	return radio.IDFromBytes[T]([16]byte(sum[:16]))
}

// stormRooms is the sounding half of an agent, among real stores, a real player and a
// real clock; the centre's messages are put in by hand.
type stormRooms struct {
	*rooms
	t       *testing.T
	online  trust.Key
	person  trust.Key
	commune radio.AreaID
	editor  trusttest.Approver
}

func newStormRooms(t *testing.T, offset time.Duration, driver string, env []string, siren radio.SHA256) *stormRooms {
	t.Helper()
	s := &stormRooms{rooms: &rooms{device: idOf[radio.DeviceID]("device")}, t: t, commune: idOf[radio.AreaID]("commune")}
	keys := make([]trust.Key, 3)
	for i := range keys {
		var err error
		if keys[i], err = trust.Generate(); err != nil {
			t.Fatal(err)
		}
	}
	root := keys[0]
	s.online, s.person = keys[1], keys[2]
	province := idOf[radio.AreaID]("province")
	s.editor = trusttest.NewApprover(t, province)
	a := New(Config{}, nil, silent)
	var err error
	fail := func(e error) {
		if e != nil {
			t.Fatal(e)
		}
	}
	s.journal, err = journal.Open(journal.Options{Path: filepath.Join(t.TempDir(), "journal.db")})
	fail(err)
	t.Cleanup(func() { fail(s.journal.Close()) })
	s.cache, err = cache.Open(cache.Options{Path: filepath.Join(t.TempDir(), "cache.db")})
	fail(err)
	t.Cleanup(func() { fail(s.cache.Close()) })
	s.clock, err = clock.New(clock.Options{Assumed: true, Offset: offset}, silent)
	fail(err)
	fail(s.journal.Start(s.clock, radio.NewID[radio.BootID]()))
	s.faults = status.NewFaults(s.journal, func() radio.Millis { return radio.At(s.clock.Now()) }, silent)
	fail(a.openAlerts(s.rooms))
	s.inbox, err = inbox.New(inbox.Options{Device: s.device, Name: "thử", Province: province, Areas: []radio.AreaID{province, s.commune},
		Zone: "UTC", Root: trust.Root{Number: 1, Key: root.Public()}, Journal: s.journal, Cache: s.cache, Clock: s.clock, Alerts: s.alerts,
		Welcome: func(context.Context, wire.WelcomePayload) {}})
	fail(err)
	ring, err := trust.SignKeyring(trust.Keyring{Version: 1, Province: province, Emergency: []radio.SHA256{siren},
		Online:  []trust.OnlineKey{{JWK: s.online.Public(), Kinds: wire.OnlineKinds(), Scope: province, NotAfter: radio.At(s.clock.Now().AddDate(1, 0, 0))}},
		Persons: []trust.PersonKey{{ID: idOf[radio.UserID]("chairman"), JWK: s.person.Public(), Scope: s.commune, May: []string{trust.MayAlert}}, s.editor.Person()}}, root)
	fail(err)
	fail(s.inbox.Take(t.Context(), wire.DownTopic(s.device, wire.Keys), ring))
	sounding := &players{player: childWith(t, env), output: output.Config{Driver: driver, RingMS: 400}, log: silent}
	s.playout = playout.New(playout.Rooms{Clock: s.clock, Plan: s.inbox, Audio: shelf{s.cache}, Journal: s.journal,
		Player: sounding, Faults: s.faults, Alerts: s.alerts}, silent)
	return s
}

func (s *stormRooms) send(kind wire.Kind, payload any) {
	s.t.Helper()
	b, err := wire.Seal(kind, string(s.device), payload, s.online)
	if err == nil {
		err = s.inbox.Take(s.t.Context(), wire.DownTopic(s.device, kind), b)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestRealAlert: a bulletin sounds through oto into a sound server, an alert comes, and
// the recording shows what a village hears: the bulletin is silent within a second, the
// siren is there sample for sample, and the bulletin goes on two seconds before its cut.
// With either driver: alsa holds its ring of 400 ms ahead of the ear, oto as much again.
func TestRealAlert(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	for _, driver := range []string{output.DriverOto, output.DriverALSA} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			realAlert(t, driver)
		})
	}
}

func realAlert(t *testing.T, driver string) {
	lab := soundlab.Start(t)
	// The slot is at a whole minute; the clock is set so that this is in 25 s.
	now := time.Now()
	due := now.Truncate(time.Minute).Add(2 * time.Minute)
	siren, sirenRaw, sirenPCM := sweep(t, 5, 900, 32)
	s := newStormRooms(t, due.Add(-25*time.Second).Sub(now), driver, lab.Env(soundlab.Sink1), siren.SHA256)
	news, newsRaw, newsPCM := sweep(t, 22, 300, 64)
	put(t, s.cache, news, newsRaw)
	put(t, s.cache, siren, sirenRaw)
	issued := radio.At(s.clock.Now())
	s.send(wire.Policy, radio.Policy{ID: idOf[radio.PolicyID]("policy"), Device: s.device, Revision: 1, IssuedAt: issued, Zone: "UTC", Label: "thử",
		Windows: []radio.Window{{From: 0, To: 24 * 60}}})
	s.send(wire.Settings, radio.Settings{Device: s.device, Revision: 1, IssuedAt: issued, Name: "thử", Rendition: 64,
		Emergency: []radio.EmergencyAudio{{Role: radio.RoleSiren, Rendition: siren}}})
	bulletin := idOf[radio.BulletinID]("news")
	prog := radio.Programme{Device: s.device, Revision: 1, IssuedAt: issued, NotAfter: issued.Add(24 * time.Hour), Zone: "UTC",
		Audio: []radio.ProgrammeAudio{{Bulletin: bulletin, Version: 1, Title: "Bản tin", Renditions: []radio.Rendition{news}}},
		Slots: []radio.ProgrammeSlot{{Schedule: idOf[radio.ScheduleID]("schedule"), Slot: idOf[radio.SlotID]("slot"), Priority: radio.Normal,
			Cron: fmt.Sprintf("%d %d * * *", due.UTC().Minute(), due.UTC().Hour()), GraceSeconds: 120,
			Items: []radio.Item{{Entry: idOf[radio.EntryID]("entry"), Kind: radio.KindAudio, Bulletin: bulletin, Version: 1, Repeat: 1}}}}}
	s.editor.Approve(t, &prog)
	s.send(wire.Programme, prog)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.playout.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	s.until(t, 10*time.Second, func(v radio.Status) bool { return len(v.Next) > 0 })
	rec := lab.Record(t, soundlab.Sink1)
	s.until(t, 60*time.Second, func(v radio.Status) bool { return v.Sounding != nil && v.Sounding.Consumed > 7*radio.SampleRate })

	a := radio.Alert{ID: radio.NewID[radio.AlertID](), Area: s.commune, IssuedAt: radio.At(s.clock.Now()), ExpiresAt: radio.At(s.clock.Now().Add(time.Hour)),
		Headline: "Bão số 10", Sounds: []radio.EmergencyRole{radio.RoleSiren}, Repeats: 1}
	signed, err := wire.Seal(wire.Alert, string(s.commune), a, s.person)
	if err != nil {
		t.Fatal(err)
	}
	stood := standstill(t)
	taken := clock.Mono()
	if err := s.inbox.Take(t.Context(), wire.AlertTopic(s.commune), signed); err != nil {
		t.Fatal(err)
	}
	s.until(t, 60*time.Second, func(v radio.Status) bool {
		last, err := s.journal.Recent(t.Context(), 5)
		return err == nil && len(last) == 2
	})
	got := rec.Stop(t)
	checkRecording(t, got, taken, stood(), newsPCM, sirenPCM)
	last, err := s.journal.Recent(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range last { // newest first: the bulletin, then the cycle
		if c.Outcome != radio.Aired || c.Consumed != c.Expected || c.Proof != "consumed" {
			b, _ := json.Marshal(c)
			t.Errorf("confirmation %s", b)
		}
	}
	if last[0].Interrupted != 1 || last[1].Origin != radio.FromAlert {
		t.Errorf("interrupted %d, origin %s", last[0].Interrupted, last[1].Origin)
	}
	if r := s.alerts.Receipts(); len(r) != 1 || r[0].State != radio.ReceiptDone {
		t.Errorf("receipts %+v", r)
	}
}

// until polls the desk's status.
func (s *stormRooms) until(t *testing.T, limit time.Duration, ok func(radio.Status) bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for {
		var v radio.Status
		s.playout.Fill(&v)
		if ok(v) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %+v", limit, v)
		}
	}
}

// standstill watches from now on for how long this machine leaves a process alone that wants
// to run. A limit of the design is one for a device that has a processor to spare; a machine
// that also runs other tests owes what it took.
func standstill(t *testing.T) func() time.Duration {
	const every = 5 * time.Millisecond
	ended, longest := make(chan struct{}), make(chan time.Duration, 1)
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		most, last := time.Duration(0), clock.Mono()
		for end := last + 2*time.Second; last < end; {
			select {
			case <-tick.C:
			case <-ended:
				longest <- most
				return
			}
			now := clock.Mono()
			most, last = max(most, now-last-every), now
		}
		longest <- most
	}()
	t.Cleanup(func() { close(ended) })
	return func() time.Duration { return <-longest }
}

const fade = radio.SampleRate / 100

func checkRecording(t *testing.T, got soundlab.Sound, taken, stood time.Duration, news, siren []int16) {
	t.Helper()
	pcm := got.Left
	from := find(pcm, news[:2*radio.SampleRate])
	at := find(pcm, siren)
	if from < 0 || at < 0 {
		t.Fatalf("in %d samples recorded the bulletin stands at %d, the siren at %d, sample for sample", len(pcm), from, at)
	}
	cut := 0
	for cut < len(news) && pcm[from+cut] == news[cut] {
		cut++
	}
	silent := from + cut + fade
	for i := silent; i < at; i++ {
		if pcm[i] != 0 {
			t.Fatalf("sound at sample %d, between the cut at %d and the siren at %d", i, from+cut, at)
		}
	}
	late, first := got.MonoAt(silent)-taken, got.MonoAt(at)-taken
	t.Logf("the bulletin is silent %s after the alert was taken, the siren begins %s after it; this machine stood still for %s", late, first, stood)
	if late > time.Second+stood || first > 2*time.Second+stood {
		t.Errorf("silent after %s, siren after %s, on a machine that stood still for %s", late, first, stood)
	}
	tail := news[len(news)-radio.SampleRate:]
	end := find(pcm[at+len(siren):], tail)
	if end < 0 {
		t.Fatal("the end of the bulletin is not in the recording")
	}
	origin := at + len(siren) + end + len(tail) - len(news) // where its first sample would be
	begin := at + len(siren)
	for begin < len(pcm) && pcm[begin] == 0 {
		begin++
	}
	again := from + cut - (begin - origin + from) // samples before the cut
	t.Logf("it goes on %.3f s before the cut, %.3f s after the siren", float64(again)/radio.SampleRate, float64(begin-at-len(siren))/radio.SampleRate)
	if again < 2*radio.SampleRate-radio.FrameSamples || again > 2*radio.SampleRate+2*radio.FrameSamples {
		t.Errorf("it goes on %d samples before the cut, want two seconds", again)
	}
	if place := begin - origin + fade; !slices.Equal(pcm[begin+fade:origin+len(news)], news[place:]) {
		t.Error("the rest of the bulletin is not there sample for sample")
	}
}

// find says where want stands in a recording, or −1.
func find(pcm, want []int16) int {
	for i := 0; i+len(want) <= len(pcm); i++ {
		if pcm[i+len(want)/2] == want[len(want)/2] && slices.Equal(pcm[i:i+len(want)], want) {
			return i
		}
	}
	return -1
}

// childWith is the test's own program as the player's child, in the sound lab.
func childWith(t *testing.T, env []string) *player.Player {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := player.New(player.Config{Command: []string{self}, Env: append(append(os.Environ(), env...), bePlayer+"=1")}, silent)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var silent = slog.New(slog.DiscardHandler)
