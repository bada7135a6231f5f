package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// flood has the chairman alert the commune from the command line.
func (s *storm) flood(flags ...string) radio.AlertID {
	s.t.Helper()
	return s.sent(keyWord(chairman)+"\n", append([]string{"--as", chairman, "--area", "tay", "--headline", "Lũ quét", "--text", "Lên cao ngay.", "--sounds", "siren"}, flags...)...)
}

// heardFiles are the recordings of a device with anything in them, also those that its
// death has left unfinished.
func (a *agentProcess) heardFiles() (names []string) {
	a.h.t.Helper()
	all, err := filepath.Glob(filepath.Join(a.dir, "recorded", "*.wav*"))
	if err != nil {
		a.h.t.Fatal(err)
	}
	for _, name := range all {
		b, err := os.ReadFile(name)
		if err != nil {
			a.h.t.Fatal(err)
		}
		if filepath.Ext(name) != ".json" && slices.ContainsFunc(b[min(44, len(b)):], func(v byte) bool { return v != 0 }) {
			names = append(names, name)
		}
	}
	return names
}

// TestStormCancelled: the tombstone silences within seconds; a device that was off when it
// came, and one that was off all the time, never sound the alert again.
func TestStormCancelled(t *testing.T) {
	lane(t, short)
	s := newStorm(t, "tay1", "tay2", "tay3")
	var agents []*agentProcess
	for _, code := range []string{"tay1", "tay2", "tay3"} {
		agents = append(agents, s.agent(code, `driver: "null"`))
	}
	for _, a := range agents {
		a.armed()
	}
	here, cut, off := agents[0], agents[1], agents[2]
	off.kill(t)
	id := s.flood("--repeats", "20", "--interval", "2s")
	here.sounds("Lũ quét", 5*time.Second)
	cut.sounds("Lũ quét", 5*time.Second)
	cut.kill(t)
	heard := len(cut.heardFiles())
	s.as(chairman)
	var a radio.AlertRecord
	s.post("/api/v1/alerts/"+string(id)+"/cancel", map[string]any{"why": "Nước đã rút", "sign": radio.SignWith{Password: keyWord(chairman), Code: s.code(chairman)}}, &a)
	if a.State != radio.AlertCancelled {
		t.Fatalf("after the cancel: %s", a.State)
	}
	here.sounds("", 3*time.Second)
	if status, said := s.try("POST", "/api/v1/alerts/"+string(id)+"/cancel", map[string]any{"sign": radio.SignWith{Password: keyWord(chairman), Code: s.code(chairman)}}); status != http.StatusConflict {
		t.Errorf("cancelled twice: %d %s", status, said)
	}
	cut.start()
	s.until(time.Now().Add(5 * time.Second)) // by now the alert comes late
	off.start()
	s.eventually(60*time.Second, "every device has ended it", func() bool { return s.reach(id).All.Counts.Stopped == 3 })
	for _, x := range []*agentProcess{cut, off} {
		if d := s.reach(id).device(x.code); d.Reason != radio.ReasonCancelled {
			t.Errorf("%s ended it for the reason %q", x.code, d.Reason)
		}
	}
	s.until(time.Now().Add(4 * time.Second)) // longer than the interval of the alert
	for _, x := range agents {
		if v, ok := x.status(); !ok || v.Sounding != nil {
			t.Errorf("%s sounds %+v", x.code, v.Sounding)
		}
	}
	if n := len(cut.heardFiles()); n != heard {
		t.Errorf("the device that was off when the tombstone came has %d recordings with sound, and had %d", n, heard)
	}
	if n := len(off.heardFiles()); n != 0 {
		t.Errorf("the device that was off all the time has %d recordings with sound", n)
	}
	s.as(second)
	for _, r := range s.log() {
		switch {
		case r.DeviceCode == "tay1" && r.Outcome == radio.Partial && r.Reason == radio.ReasonCancelled && r.Consumed > 0 && r.Consumed < r.Expected:
		case r.DeviceCode == "tay2" && r.Outcome == radio.Partial && r.Reason == radio.ReasonOff && r.AtLeast:
		case r.Outcome == radio.Aired && r.DeviceCode != "tay3": // a whole cycle before
		default:
			t.Errorf("%s cycle %d: %s %s, %d of %d samples", r.DeviceCode, r.Key.Repeat, r.Outcome, r.Reason, r.Consumed, r.Expected)
		}
	}
	s.page("/alerts/"+string(id), "Đã hủy phát", "Nước đã rút", "Đã dừng")
}

// TestStormReboot: a power cut in the first cycle. The device makes that cycle once more,
// and then the others; each is a row of its own, and the one that was cut says so.
func TestStormReboot(t *testing.T) {
	lane(t, short)
	s := newStorm(t, "tay1", "tay2", "dong1")
	var agents []*agentProcess
	for _, code := range []string{"tay1", "tay2", "dong1"} {
		agents = append(agents, s.agent(code, `driver: "null"`))
	}
	for _, a := range agents {
		a.armed()
	}
	id := s.flood("--repeats", "2", "--interval", "2s")
	agents[0].sounds("Lũ quét", 5*time.Second)
	s.until(time.Now().Add(2 * time.Second))
	agents[0].kill(t)
	agents[0].start()
	s.eventually(90*time.Second, "both devices are done", func() bool {
		s.as(second)
		rows := append(s.cyclesOf("tay1"), s.cyclesOf("tay2")...)
		board := s.reach(id).All
		return board.Counts.Done == 2 && board.Cycles == 5 && len(rows) == 5 && !slices.ContainsFunc(rows, func(r radio.AsRun) bool { return r.Outcome == radio.PendingOutcome })
	})
	rows := s.cyclesOf("tay1")
	for i, r := range rows {
		switch {
		case r.Key.Repeat != i+1:
			t.Errorf("cycle %d is counted as %d", i+1, r.Key.Repeat)
		case i == 0 && (r.Outcome != radio.Partial || r.Reason != radio.ReasonOff || !r.AtLeast || r.Consumed == 0):
			t.Errorf("the cycle that was cut: %s %s, at least: %v, %d samples", r.Outcome, r.Reason, r.AtLeast, r.Consumed)
		case i > 0 && r.Outcome != radio.Aired:
			t.Errorf("cycle %d after the reboot: %s %s", i+1, r.Outcome, r.Reason)
		}
	}
	v, ok := agents[0].status()
	if !ok || len(v.Alerts) != 1 || v.Alerts[0].Cycle != 2 || v.Alerts[0].Repeats != 2 {
		t.Errorf("the device counts %+v", v.Alerts)
	}
	if b := s.reach(id); b.All.Cycles != 5 || b.All.Whole != 4 {
		t.Errorf("board: %d of %d cycles whole", b.All.Whole, b.All.Cycles)
	}
	if rows := s.cyclesOf("dong1"); len(rows) != 0 || len(agents[2].heardFiles()) != 0 {
		t.Errorf("the other commune has sounded it: %d rows", len(rows))
	}
}

// TestStormWithoutATime: a device that was rebooted in the storm, knows no time and reaches
// nobody keeps the alert and is silent: it may have been cancelled, or be long over. When
// the centre's welcome has proven the time, it sounds.
func TestStormWithoutATime(t *testing.T) {
	lane(t, short)
	s := newStorm(t, "tay1")
	a := s.agent("tay1", `driver: "null"`, "LOAXA_AGENT_CLOCK_ASSUMED=false", "LOAXA_AGENT_CLOCK_RTC=")
	a.armed()
	if v, ok := a.status(); !ok || v.Clock.Source == "kernel" {
		t.Skip("this machine's clock is synchronised, so that no agent on it can be without a time")
	}
	id := s.flood("--repeats", "3", "--interval", "2s")
	a.sounds("Lũ quét", 5*time.Second)
	a.kill(t)
	s.centre.stop(t)
	heard := len(a.heardFiles())
	a.start()
	s.eventually(20*time.Second, "the agent is up", func() bool { _, ok := a.status(); return ok })
	for range 8 {
		v, ok := a.status()
		if !ok || v.Clock.State != "untrusted" || len(v.Alerts) != 1 || v.Alerts[0].ID != id {
			t.Fatalf("clock %s, alerts %+v", v.Clock.State, v.Alerts)
		}
		if v.Sounding != nil {
			t.Fatal("it sounds an alert that may have ended")
		}
		s.until(time.Now().Add(time.Second))
	}
	if n := len(a.heardFiles()); n != heard {
		t.Errorf("%d recordings with sound, had %d", n, heard)
	}
	s.serve()
	a.sounds("Lũ quét", 60*time.Second)
	if v, ok := a.status(); !ok || !v.Link.Connected {
		t.Error("it sounds before the centre has answered")
	}
	s.eventually(90*time.Second, "it is done", func() bool { s.as(chairman); return s.reach(id).All.Counts.Done == 1 })
}

// TestStormLateVoice: a device was off when the alert went out, the centre's broker has lost
// its memory since, and the audio's HTTPS is gone. The siren sounds when the device is back;
// the voice is missed, asked for, and sent once more.
func TestStormLateVoice(t *testing.T) {
	lane(t, short)
	s := newStorm(t, "tay1")
	a := s.agent("tay1", `driver: "null"`)
	a.armed()
	a.kill(t)
	s.line.cut()
	file := filepath.Join(s.dir, "voice.mp3")
	if err := os.WriteFile(file, tone(t, 3, 990), 0o600); err != nil {
		t.Fatal(err)
	}
	id := s.flood("--repeats", "3", "--interval", "2s", "--voice", file)
	s.until(time.Now().Add(2 * time.Second)) // sent, to nobody
	s.centre.stop(t)
	s.serve()
	a.start()
	a.sounds("Lũ quét", 30*time.Second)
	s.as(chairman)
	s.eventually(90*time.Second, "it is done", func() bool { return s.reach(id).All.Counts.Done == 1 && s.reach(id).All.Cycles == 3 })
	siren := emergencySound(t, radio.RoleSiren).Samples
	if last := s.cyclesOf("tay1")[2]; last.Expected < siren+2*radio.SampleRate || last.Outcome != radio.Aired {
		t.Errorf("the last cycle has %d samples, %s; the siren has %d", last.Expected, last.Outcome, siren)
	}
	if b, err := os.ReadFile(s.centre.log); err != nil || !strings.Contains(string(b), "voice sent again to a device that lacks it") {
		t.Errorf("the voice came otherwise than asked for: %v", err)
	}
}
