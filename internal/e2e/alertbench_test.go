package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/e2e/soundlab"
	"loaxa/internal/radio"
)

const (
	// benchAlerts is how many alerts each size of fleet gets.
	benchAlerts = 10
	// loud is what a recording of nothing never reaches.
	loud = 60
)

// TestBenchAlert is `make bench-alert`: how long an alert takes from the moment it is sent
// (the transaction with the last signature) to each device, and back to the centre; and to
// the first sample of a real agent in a recording. It makes no claim and so cannot fail
// but by what does not arrive at all. BENCH_ALERT_DIR gets the table.
func TestBenchAlert(t *testing.T) {
	dir := os.Getenv("BENCH_ALERT_DIR")
	if dir == "" {
		t.Skip("a measurement: make bench-alert")
	}
	sizes, drills := numbers(t, os.Getenv("BENCH_ALERT_AGENTS")), numbers(t, os.Getenv("BENCH_ALERT_DRILLS"))
	h := newHouse(t, []string{"real"}, "LOAXA_LOG_LEVEL=warn")
	h.signers()
	h.fleetAreas(slices.Max(sizes), sizes)
	h.serve()
	for _, login := range []string{"ky1", "ky2"} {
		h.setSecond(login)
	}
	report := &alertTable{t: t, path: filepath.Join(dir, "table.md")}
	report.line("| what | n | p50 | p99 | max | load average |\n|---|---|---|---|---|---|")
	report.drills(h, drills[0])
	codes := h.command("", "device", "codes")
	for i, n := range sizes {
		f := h.fleet(n, codes, "--connect-rate", "200", "--every", "2s", "--data", filepath.Join(h.dir, "fleet"))
		f.connected(15*time.Minute + time.Duration(n/15)*time.Second)
		area := h.communeOf("c00000")
		if i > 0 {
			area = h.fleetProvince()
		}
		report.fleet(h, f, n, area)
		l := f.last()
		f.stop(t)
		report.line(fmt.Sprintf("\n%d agents: %.0f kB each (%d kB, heap %d kB, stacks %d kB), %d goroutines; %d connections, %d messages\n", n, l.AgentKB, l.RSSKB, l.HeapKB, l.StackKB, l.Goroutines, l.Connects, l.Messages))
	}
}

func numbers(t *testing.T, list string) (out []int) {
	t.Helper()
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			t.Fatalf("%q: want numbers, a comma between", list)
		}
		out = append(out, n)
	}
	return out
}

// fleetAreas lays down the clusters of a fleet: area vungN holds the first so many of them.
func (h *house) fleetAreas(most int, sizes []int) {
	h.t.Helper()
	var b strings.Builder
	b.WriteString("areas:\n  - {code: tinh, kind: province, name: Tỉnh thử, zone: " + zone + "}\n" +
		"  - {code: xa, kind: commune, name: Xã thử, parent: tinh}\n  - {code: thon, kind: hamlet, name: Thôn thử, parent: xa}\n")
	if len(sizes) > 2 || !slices.IsSorted(sizes) {
		h.t.Fatalf("sizes %v: one or two, the smaller first", sizes)
	}
	// The first size is a commune of its own; the second is the whole province.
	b.WriteString("  - {code: vung0, kind: commune, name: Vùng 0, parent: tinh}\n  - {code: thon0, kind: hamlet, name: Thôn 0, parent: vung0}\n" +
		"  - {code: rest, kind: commune, name: Vùng 1, parent: tinh}\n  - {code: thon1, kind: hamlet, name: Thôn 1, parent: rest}\n" +
		"policies:\n  - {area: tinh, label: thử, windows: [{from: \"00:00\", to: \"24:00\"}]}\ndevices:\n" + deviceLines([]string{"real"}))
	for i, code := range fleetCodes(most) {
		hamlet := "thon0"
		if i >= sizes[0] {
			hamlet = "thon1"
		}
		fmt.Fprintf(&b, "  - {code: %s, name: Cụm loa %s, hamlet: %s, rendition: 64}\n", code, code, hamlet)
	}
	h.write("areas.yaml", b.String())
	h.importPlan()
}

// communeOf finds the commune of a cluster.
func (h *house) communeOf(code string) radio.AreaID {
	h.t.Helper()
	var found struct {
		Devices []struct {
			Commune radio.AreaID `json:"commune"`
		} `json:"devices"`
	}
	h.get("/api/v1/devices?q="+code, &found)
	if len(found.Devices) != 1 {
		h.t.Fatalf("%d clusters %s", len(found.Devices), code)
	}
	return found.Devices[0].Commune
}

// fleetProvince reads the province out of an identity of the fleet.
func (h *house) fleetProvince() radio.AreaID {
	h.t.Helper()
	var m struct {
		Identity struct {
			Province radio.AreaID `json:"province"`
		} `json:"identity"`
	}
	b, err := os.ReadFile(filepath.Join(h.dir, "fleet", "c00000.json"))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return m.Identity.Province
}

// sign composes an alert and has both persons sign it over the API; it gives what was sent.
func (h *house) sign(w radio.AlertWish) radio.AlertRecord {
	h.t.Helper()
	var a radio.AlertRecord
	for i, login := range []string{"ky1", "ky2"} {
		h.as(login)
		if i == 0 {
			h.post("/api/v1/alerts", w, &a)
		}
		h.post("/api/v1/alerts/"+string(a.ID)+"/signatures", map[string]any{"version": a.Version, "sign": radio.SignWith{Password: secret + "-" + login, Code: h.code(login)}}, &a)
	}
	if a.Paper.SentAt == 0 {
		h.t.Fatalf("alert not sent: %+v", a)
	}
	return a
}

// alertTable is what the benchmark prints.
type alertTable struct {
	t    *testing.T
	path string
}

func (r *alertTable) line(text string) {
	r.t.Helper()
	r.t.Log(text)
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = fmt.Fprintln(f, text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// row gives nearest-rank percentiles of milliseconds.
func (r *alertTable) row(what string, ms []float64) {
	r.t.Helper()
	slices.Sort(ms)
	at := func(percent int) float64 { return ms[(len(ms)*percent+99)/100-1] }
	r.line(fmt.Sprintf("| %s | %d | %.0f ms | %.0f ms | %.0f ms | %s |", what, len(ms), at(50), at(99), ms[len(ms)-1], load(r.t)))
}

func load(t *testing.T) string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(b))[:2], " ")
}

// fleet sends alerts to a fleet, one when the one before is done everywhere.
func (r *alertTable) fleet(h *house, f *fleetProcess, n int, area radio.AreaID) {
	w := radio.AlertWish{Area: area, Headline: "Đo thời gian", Text: "Đo thời gian.", Sounds: []radio.EmergencyRole{radio.RoleLeadIn}, Repeats: 1, LifeMinutes: 15}
	var p50, p99, worst, back50, back99, backWorst []float64
	for range benchAlerts {
		a := h.sign(w)
		// Asking takes the processors that are measured: nobody asks while it arrives.
		h.until(time.Now().Add(8 * time.Second))
		h.eventually(2*time.Minute, "the alert is at every device", func() bool {
			_, lines := f.lines()
			return lines[string(a.ID)+"false"].Devices == n
		})
		_, lines := f.lines()
		l, sent := lines[string(a.ID)+"false"], float64(a.Paper.SentAt)
		took := func(us int64) float64 { return max(float64(us)/1000-sent, 0) }
		p50, p99, worst = append(p50, took(l.P50US)), append(p99, took(l.P99US)), append(worst, took(l.MaxUS))
		var b radio.AlertBoard
		h.eventually(3*time.Minute, "every device is done with it", func() bool {
			b = h.board(a.ID)
			return b.All.Counts.Done >= n
		})
		back50, back99, backWorst = append(back50, float64(b.All.Received.P50)), append(back99, float64(b.All.Received.P99)), append(backWorst, float64(b.All.Received.Max))
	}
	for _, x := range []struct {
		what string
		ms   []float64
	}{{"sent → received at the device: p50", p50}, {"p99", p99}, {"max", worst},
		{"sent → received known at the centre: p50", back50}, {"p99", back99}, {"max", backWorst}} {
		r.row(fmt.Sprintf("%d devices, %d alerts, %s of an alert", n, benchAlerts, x.what), x.ms)
	}
}

// drills measures a real agent with its sound in a recording.
func (r *alertTable) drills(h *house, n int) {
	lab := soundlab.Start(r.t)
	a := h.agent("real", "driver: alsa", lab.Env(soundlab.Sink1)...)
	h.eventually(2*time.Minute, "the emergency set is there", func() bool {
		s, ok := a.status()
		if !ok || len(s.Emergency) == 0 {
			return false
		}
		for _, e := range s.Emergency {
			if !e.Ready {
				return false
			}
		}
		return true
	})
	rec := lab.Record(r.t, soundlab.Sink1)
	w := radio.AlertWish{Area: h.communeOf("real"), Headline: "Diễn tập", Text: "Đây là diễn tập.", Drill: true, Sounds: []radio.EmergencyRole{radio.RoleDrill}, Repeats: 1, LifeMinutes: 15}
	var sent []time.Duration
	for range n {
		x := h.sign(w)
		sent = append(sent, clock.Mono()-time.Since(x.Paper.SentAt.Time()))
		h.eventually(time.Minute, "the drill is over", func() bool { return h.board(x.ID).All.Counts.Done == 1 })
		h.until(time.Now().Add(3 * time.Second)) // the player is gone, the recording silent
	}
	heard := rec.Stop(r.t)
	a.stop(r.t)
	var ms []float64
	at := 0
	for i, s := range sent {
		for at < len(heard.Left) && heard.MonoAt(at) < s {
			at += radio.SampleRate / 1000
		}
		for at < len(heard.Left) && heard.Left[at] < loud && heard.Left[at] > -loud {
			at++
		}
		if at == len(heard.Left) || i+1 < len(sent) && heard.MonoAt(at) > sent[i+1] {
			r.t.Errorf("drill %d is not in the recording", i)
			continue
		}
		ms = append(ms, float64(heard.MonoAt(at)-s)/float64(time.Millisecond))
	}
	if len(ms) > 0 {
		r.row("one agent with sound (alsa): sent → first sample", ms)
	}
}
