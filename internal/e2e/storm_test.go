package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"loaxa/audio"
	"loaxa/internal/radio"
)

// chairman signs alone for the commune of Tây; ky1 and ky2 sign together for everything.
const chairman = "tay.chu-tich"

// keyWord opens the key of a signer; it may not hold the login of many letters.
func keyWord(login string) string {
	if login == chairman {
		login = "chu"
	}
	return secret + "-" + login
}

// stormAreas are two communes; clusters whose codes begin with dong stand in the other one.
func stormAreas(codes []string) string {
	var b strings.Builder
	b.WriteString("areas:\n  - {code: tinh, kind: province, name: Tỉnh thử, zone: " + zone + "}\n" +
		"  - {code: tay, kind: commune, name: Xã Tây, parent: tinh}\n  - {code: dong, kind: commune, name: Xã Đông, parent: tinh}\n" +
		"  - {code: thon-tay, kind: hamlet, name: Thôn Tây, parent: tay}\n  - {code: thon-nui, kind: hamlet, name: Thôn Núi, parent: tay}\n" +
		"  - {code: thon-dong, kind: hamlet, name: Thôn Đông, parent: dong}\n" +
		"policies:\n  - {area: tinh, label: thử, windows: [{from: \"00:00\", to: \"24:00\"}]}\ndevices:\n")
	for i, c := range codes {
		hamlet := []string{"thon-tay", "thon-nui"}[i%2]
		if strings.HasPrefix(c, "dong") {
			hamlet = "thon-dong"
		}
		fmt.Fprintf(&b, "  - {code: %s, name: Cụm loa %s, hamlet: %s, rendition: 64}\n", c, c, hamlet)
	}
	return b.String()
}

// storm is a house whose people can sign, and whose audio comes by a line of its own.
type storm struct {
	*house
	line *line
}

func newStorm(t *testing.T, codes ...string) *storm {
	t.Helper()
	h := newHouse(t, nil)
	h.write("areas.yaml", stormAreas(codes))
	h.importPlan()
	s := &storm{h, newLine(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(h.ports.devices)))}
	root := filepath.Join(h.dir, "root.jwk")
	h.command("", "key", "sign", "--root", root, "--broker", "mqtts://127.0.0.1:"+strconv.Itoa(h.ports.mqtt), "--media", "https://"+s.line.addr)
	h.signers()
	h.command(secret, "user", "add", "--login", chairman, "--name", "Lò Văn Chủ", "--role", "approver@tay", "--role", "operator@tay", "--password-stdin")
	h.command(keyWord(chairman)+"\n", "key", "person", "add", "--root", root, "--user", chairman, "--area", "tay", "--may", "alert", "--password-stdin")
	h.serve()
	for _, login := range []string{"ky1", "ky2", chairman} {
		h.setSecond(login)
	}
	h.as(author)
	return s
}

// line carries connections to an address until it is cut.
type line struct {
	addr string
	l    net.Listener
	wg   sync.WaitGroup
	mu   sync.Mutex
	open map[net.Conn]bool // nil: cut
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &line{addr: l.Addr().String(), l: l, open: map[net.Conn]bool{}}
	n.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // cut
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			if !n.keep(in, out) {
				return
			}
			n.wg.Go(func() { _, _ = io.Copy(in, out); n.drop(in, out) }) // ends when either side does
			n.wg.Go(func() { _, _ = io.Copy(out, in); n.drop(in, out) })
		}
	})
	t.Cleanup(n.cut)
	return n
}

func (n *line) keep(conns ...net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range conns {
		if n.open == nil {
			_ = c.Close()
			continue
		}
		n.open[c] = true
	}
	return n.open != nil
}

func (n *line) drop(conns ...net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(n.open, c)
	}
}

// cut ends every connection and lets none through any more.
func (n *line) cut() {
	n.mu.Lock()
	for c := range n.open {
		_ = c.Close()
	}
	n.open = nil
	n.mu.Unlock()
	_ = n.l.Close()
	n.wg.Wait()
}

// try asks the API and gives what it answers, whatever that is.
func (h *house) try(method, path string, body any) (status int, answer string) {
	h.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url(path), bytes.NewReader(b))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(got)
}

// emergencySound gives a sound of the emergency set as every device holds it.
func emergencySound(t *testing.T, role radio.EmergencyRole) radio.Rendition {
	t.Helper()
	fsys, err := audio.Emergency()
	if err != nil {
		t.Fatal(err)
	}
	b, err := fs.ReadFile(fsys, "set.json")
	if err != nil {
		t.Fatal(err)
	}
	var set []struct {
		Role       radio.EmergencyRole `json:"role"`
		Renditions []radio.Rendition   `json:"renditions"`
	}
	if err := json.Unmarshal(b, &set); err != nil {
		t.Fatal(err)
	}
	for _, e := range set {
		for _, r := range e.Renditions {
			if e.Role == role && r.Kbps == radio.LightKbps {
				return r
			}
		}
	}
	t.Fatalf("no %s", role)
	return radio.Rendition{}
}

// armed waits until a device is connected and holds the whole emergency set.
func (a *agentProcess) armed() {
	a.h.t.Helper()
	a.h.eventually(60*time.Second, a.code+" is ready for an emergency", func() bool {
		s, ok := a.status()
		return ok && s.Link.Connected && len(s.Emergency) > 0 && !slices.ContainsFunc(s.Emergency, func(e radio.EmergencyStatus) bool { return !e.Ready })
	})
}

// sounds waits until a device sounds something of that title; "" for silence.
func (a *agentProcess) sounds(title string, limit time.Duration) {
	a.h.t.Helper()
	a.h.eventually(limit, a.code+" sounds "+strconv.Quote(title), func() bool {
		s, ok := a.status()
		return ok && (s.Sounding == nil && title == "" || s.Sounding != nil && s.Sounding.Title == title && s.Sounding.Consumed > 0)
	})
}

// cyclesOf are the rows of the log that an alert has made on a device.
func (h *house) cyclesOf(code string) (rows []radio.AsRun) {
	h.t.Helper()
	for _, r := range h.log() {
		if r.DeviceCode == code && (r.Origin == radio.FromAlert || r.Origin == radio.FromLocal) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b radio.AsRun) int { return a.Key.Repeat - b.Key.Repeat })
	return rows
}

func (b boardOf) device(code string) radio.AlertDevice {
	for _, d := range b.Devices {
		if d.Code == code {
			return d
		}
	}
	return radio.AlertDevice{}
}

type boardOf struct{ radio.AlertBoard }

// reach reads the board as a person's page does.
func (h *house) reach(id radio.AlertID) (b boardOf) {
	h.t.Helper()
	h.get("/api/v1/alerts/"+string(id)+"/board", &b)
	return b
}

// TestStorm: a chairman alone alerts the commune while a bulletin sounds everywhere, with
// the audio's HTTPS gone. The siren cuts the bulletin at once and the voice comes behind
// it by MQTT; the bulletin goes on and counts once. The neighbouring commune hears only
// what the province sends, and that takes two persons.
func TestStorm(t *testing.T) {
	lane(t, long)
	s := newStorm(t, "tay1", "tay2", "dong1")
	var agents []*agentProcess
	for _, code := range []string{"tay1", "tay2", "dong1"} {
		agents = append(agents, s.agent(code, `driver: "null"`))
	}
	news := s.upload("tin", "Bản tin dài", rising(t, 20))
	due := dueMinute(12 * time.Second)
	s.schedule(due, "tin")
	for _, a := range agents {
		a.ready(due)
		a.armed()
	}
	s.line.cut()
	s.as(chairman)
	var voice radio.Rendition
	s.ask("POST", "/api/v1/alerts/voice", "audio/mpeg", bytes.NewReader(tone(t, 4, 990)), &voice)
	w := radio.AlertWish{Area: s.communeOf("tay1"), Headline: "Lũ quét", Text: "Lên cao ngay.", Sounds: []radio.EmergencyRole{radio.RoleSiren}, Voice: &voice,
		Repeats: 2, IntervalS: 3, LifeMinutes: 15}
	var flood radio.AlertRecord
	s.post("/api/v1/alerts", w, &flood)
	s.until(due.Add(4 * time.Second))
	for _, a := range agents {
		a.sounds("Bản tin dài", 10*time.Second)
	}
	s.post("/api/v1/alerts/"+string(flood.ID)+"/signatures", map[string]any{"version": flood.Version, "sign": radio.SignWith{Password: keyWord(chairman), Code: s.code(chairman)}}, &flood)
	if flood.State != radio.AlertIssued || len(flood.Paper.Signatures) != 1 {
		t.Fatalf("%s with %d signatures", flood.State, len(flood.Paper.Signatures))
	}
	for _, a := range agents[:2] {
		a.sounds("Lũ quét", 3*time.Second)
	}
	if v, ok := agents[2].status(); !ok || v.Sounding == nil || v.Sounding.Title != "Bản tin dài" || len(v.Alerts) != 0 {
		t.Errorf("the other commune: %+v, %d alerts", v.Sounding, len(v.Alerts))
	}
	s.eventually(60*time.Second, "both devices are done", func() bool { return s.reach(flood.ID).All.Counts.Done == 2 })
	s.page("/alerts/"+string(flood.ID), "Lũ quét", "Thôn Tây", "Thôn Núi", "2/2 cụm loa đã có tin")
	s.province(agents)
	s.stormLog(flood.ID)
	for _, a := range agents {
		a.stop(t)
	}
	for _, a := range agents[:2] {
		s.stormSound(a, s.decoded(news, 64), s.pcm(emergencySound(t, radio.RoleSiren)), s.pcm(voice))
	}
	lead := s.pcm(emergencySound(t, radio.RoleLeadIn))
	if i := slices.IndexFunc(agents[2].recordings(), func(pcm []int16) bool { return sounded(pcm, lead) >= 0 }); i < 0 {
		t.Error("the other commune did not sound what the province sent")
	}
}

// province: an alert to all is not sent by one person, however often that one signs, nor
// with the help of one who may speak for a commune only.
func (s *storm) province(agents []*agentProcess) {
	t := s.t
	t.Helper()
	said := s.command(secret+"-ky1\n", "alert", "send", "--as", "ky1", "--area", "tinh", "--headline", "Bão số 5", "--text", "Về nơi trú.", "--sounds", "lead_in",
		"--repeats", "1", "--password-stdin")
	id, _, ok := strings.Cut(said, ":")
	if !ok || !strings.Contains(said, "a second person must sign") {
		t.Fatalf("one person: %s", said)
	}
	var a radio.AlertRecord
	sign := func(login string) (int, string) {
		s.as(login)
		return s.try("POST", "/api/v1/alerts/"+id+"/signatures", map[string]any{"version": 1, "sign": radio.SignWith{Password: keyWord(login), Code: s.code(login)}})
	}
	if status, said := sign("ky1"); status != http.StatusConflict {
		t.Errorf("the same person again: %d %s", status, said)
	}
	if status, said := sign(chairman); status != http.StatusNotFound && status != http.StatusForbidden {
		t.Errorf("a commune's chairman for the province: %d %s", status, said)
	}
	s.as("ky1")
	s.get("/api/v1/alerts/"+id, &a)
	if a.State != radio.AlertDraft || a.Paper.SentAt != 0 || len(s.reach(a.ID).Devices) != 0 {
		t.Errorf("with one person: %s, sent at %d", a.State, a.Paper.SentAt)
	}
	if status, said := sign("ky2"); status != http.StatusOK {
		t.Fatalf("the second person: %d %s", status, said)
	}
	for _, x := range agents {
		x.sounds("Bão số 5", 3*time.Second)
	}
	s.eventually(30*time.Second, "all devices are done", func() bool { return s.reach(a.ID).All.Counts.Done == 3 })
}

// stormLog: each bulletin and each cycle is one row, with an honest outcome; the receipts
// of both devices have come in their order.
func (s *storm) stormLog(flood radio.AlertID) {
	t := s.t
	t.Helper()
	s.as(second)
	var rows []radio.AsRun
	s.eventually(30*time.Second, "the log is complete", func() bool {
		rows = slices.DeleteFunc(s.log(), func(r radio.AsRun) bool { return r.Start > radio.At(time.Now()) }) // tomorrow's
		return len(rows) == 3+2*2+3 && !slices.ContainsFunc(rows, func(r radio.AsRun) bool { return r.Outcome == radio.PendingOutcome })
	})
	count := map[string]int{}
	for _, r := range rows {
		count[fmt.Sprint(r.DeviceCode, " ", r.Title, " ", r.Origin, " ", r.Outcome, " ", r.Reason)]++
		if r.Consumed != r.Expected || r.StartedAt == 0 {
			t.Errorf("%s %s: %d of %d samples", r.DeviceCode, r.Title, r.Consumed, r.Expected)
		}
	}
	for _, code := range []string{"tay1", "tay2", "dong1"} {
		want := map[string]int{" Bản tin dài schedule aired ": 1, " Bão số 5 alert aired ": 1, " Lũ quét alert aired ": 2}
		if code == "dong1" {
			delete(want, " Lũ quét alert aired ")
		}
		for line, n := range want {
			if count[code+line] != n {
				t.Errorf("%d rows of %s%q, want %d; all: %v", count[code+line], code, line, n, count)
			}
		}
	}
	s.as(chairman)
	b := s.reach(flood)
	if len(b.Devices) != 2 || b.All.Cycles != 4 || b.All.Whole != 4 {
		t.Errorf("board: %d devices, %d of %d cycles whole", len(b.Devices), b.All.Whole, b.All.Cycles)
	}
	for _, d := range b.Devices {
		if d.Word != radio.AlertDone || d.ReceivedMS < 0 || d.RunningMS < d.ReceivedMS || d.DoneMS <= d.RunningMS || len(d.Cycles) != 2 {
			t.Errorf("%s: %+v", d.Code, d)
		}
		t.Logf("%s: received after %d ms, running after %d ms, done after %d ms", d.Code, d.ReceivedMS, d.RunningMS, d.DoneMS)
	}
}

// stormSound judges what a device recorded: the bulletin cut, silence, siren and voice
// without a gap, an interval, both again, and the bulletin from two seconds before its cut.
func (s *storm) stormSound(a *agentProcess, news, siren, voice []int16) {
	t := s.t
	t.Helper()
	const sec = radio.SampleRate
	i := slices.IndexFunc(a.recordings(), func(pcm []int16) bool { return sounded(pcm, news[:2*sec]) >= 0 })
	if i < 0 {
		t.Fatalf("%s has not recorded the bulletin", a.code)
	}
	pcm := a.recordings()[i]
	from := sounded(pcm, news[:2*sec])
	cut := 0
	for cut < len(news) && pcm[from+cut] == news[cut] {
		cut++
	}
	cycle := append(slices.Clone(siren), voice...)
	at := from + cut
	for n := range 2 {
		begin := sounded(pcm[at:], cycle)
		if begin < 0 {
			t.Fatalf("%s: cycle %d is not there with its voice, sample for sample", a.code, n+1)
		}
		quiet := at
		if n == 0 {
			quiet += sec / 100 // the fade
		} else if gap := float64(begin) / sec; gap < 3 || gap > 9 {
			t.Errorf("%s: %.2f s between two cycles, want 3", a.code, gap)
		}
		if i := slices.IndexFunc(pcm[quiet:at+begin], func(v int16) bool { return v != 0 }); i >= 0 {
			t.Errorf("%s: sound before cycle %d, at sample %d", a.code, n+1, quiet+i)
		}
		at += begin + len(cycle)
	}
	if sounded(pcm[at:], news[len(news)-sec:]) < 0 {
		t.Fatalf("%s: the bulletin does not go on to its end", a.code)
	}
	begin := at
	for pcm[begin] == 0 {
		begin++
	}
	begin += sec / 100 // the fade
	place := sounded(news, pcm[begin:begin+sec/2])
	if again := cut - place + sec/100; place < 0 || again < 2*sec-sec/10 || again > 2*sec+sec/10 {
		t.Errorf("%s: cut at %.3f s, it goes on at %.3f s, want two seconds before", a.code, float64(cut)/sec, float64(place)/sec)
	}
}

// rising makes an MP3 of so many seconds of which no two moments are alike.
func rising(t *testing.T, seconds int) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi",
		"-i", fmt.Sprintf("aevalsrc='0.3*sin(2*PI*(300+17*t)*t)':s=44100:d=%d", seconds), "-ac", "1", "-c:a", "libmp3lame", "-b:a", "96k", "-f", "mp3", "-").Output()
	if err != nil {
		t.Fatalf("make a sound (ffmpeg, `make deps`): %v", err)
	}
	return out
}
