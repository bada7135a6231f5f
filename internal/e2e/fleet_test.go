package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"loaxa/internal/fleet"
	"loaxa/internal/radio"
)

// fleetProcess is a loaxa-fleet with its statistics.
type fleetProcess struct {
	*process
	h   *house
	out string
}

// fleetCodes are the codes of n clusters, as deviceLines takes them.
func fleetCodes(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("c%05d", i)
	}
	return out
}

// fleet starts devices without sound; codes enrols those that are new.
func (h *house) fleet(agents int, codes string, flags ...string) *fleetProcess {
	h.t.Helper()
	args := []string{"--agents", strconv.Itoa(agents), "--centre", h.devicesURL(), "--data", filepath.Join(h.dir, "fleet"),
		"--every", "500ms", "--jitter", "0s", "--connect-rate", "400", "--log-level", "error"}
	if codes != "" {
		list := filepath.Join(h.dir, "codes.csv")
		if err := os.WriteFile(list, []byte(codes), 0o600); err != nil {
			h.t.Fatal(err)
		}
		args = append(args, "--codes", list)
	}
	f := &fleetProcess{h: h, out: filepath.Join(h.dir, fmt.Sprintf("fleet-%d.jsonl", time.Now().UnixNano()))}
	cmd := exec.Command(programs.fleet, append(args, flags...)...)
	// startProcess gives both outputs to one file; the statistics are told apart by their form.
	f.process = startProcess(h.t, "fleet", f.out, cmd)
	return f
}

// lines reads the statistics so far.
func (f *fleetProcess) lines() (stats []fleet.Line, alerts map[string]fleet.AlertLine) {
	f.h.t.Helper()
	b, err := os.Open(f.out)
	if err != nil {
		f.h.t.Fatal(err)
	}
	defer b.Close()
	alerts = map[string]fleet.AlertLine{}
	for s := bufio.NewScanner(b); s.Scan(); {
		line := s.Text()
		if !strings.HasPrefix(line, "{") {
			continue
		}
		var l fleet.Line
		var a fleet.AlertLine
		if json.Unmarshal([]byte(line), &l) != nil {
			continue // half written
		}
		if l.Event != "alert" {
			stats = append(stats, l)
		} else if json.Unmarshal([]byte(line), &a) == nil {
			alerts[string(a.Alert)+strconv.FormatBool(a.Cancel)] = a
		}
	}
	return stats, alerts
}

// last is the newest line of the statistics.
func (f *fleetProcess) last() fleet.Line {
	stats, _ := f.lines()
	if len(stats) == 0 {
		return fleet.Line{}
	}
	return stats[len(stats)-1]
}

// connected waits until all devices are, and hold their documents.
func (f *fleetProcess) connected(limit time.Duration) {
	f.h.t.Helper()
	f.h.eventually(limit, "the whole fleet is connected", func() bool {
		l := f.last()
		return l.Agents > 0 && l.Connected == int64(l.Agents) && l.Welcomes >= int64(l.Agents) && l.Documents >= 3*int64(l.Agents)
	})
}

// signers gives two persons of the province keys that sign alerts.
func (h *house) signers() {
	h.t.Helper()
	for _, login := range []string{"ky1", "ky2"} {
		h.command(secret, "user", "add", "--login", login, "--name", login, "--role", "approver", "--password-stdin")
		h.command(secret+"-"+login+"\n", "key", "person", "add", "--root", filepath.Join(h.dir, "root.jwk"), "--user", login, "--area", "tinh", "--may", "alert", "--password-stdin")
	}
}

// alarm has both persons sign an alert to an area, and gives its id when it is sent.
func (h *house) alarm(area string, flags ...string) radio.AlertID {
	h.t.Helper()
	return h.sent(secret+"-ky1\n"+secret+"-ky2\n", append([]string{"--as", "ky1,ky2", "--area", area, "--headline", "Bão số 5", "--text", "Về nơi tránh trú."}, flags...)...)
}

// sent sends an alert from the command line, with the passwords of those who sign.
func (h *house) sent(passwords string, flags ...string) radio.AlertID {
	h.t.Helper()
	said := h.command(passwords, append([]string{"alert", "send", "--password-stdin"}, flags...)...)
	id, _, ok := strings.Cut(said, ":")
	if !ok || !strings.Contains(said, "sent") {
		h.t.Fatalf("alert not sent: %s", said)
	}
	return radio.AlertID(id)
}

// board reads the reach of an alert.
func (h *house) board(id radio.AlertID) radio.AlertBoard {
	h.t.Helper()
	var b radio.AlertBoard
	if err := json.Unmarshal([]byte(h.command("", "alert", "show", "--json", string(id))), &b); err != nil {
		h.t.Fatal(err)
	}
	return b
}

// TestFleet: devices without sound are devices to the centre. They enrol by code, confirm
// what is planned, carry alerts and commands through their receipts, come back after a
// storm that breaks all connections, and start again without enrolment.
func TestFleet(t *testing.T) {
	lane(t, short)
	const n = 40
	h := newHouse(t, fleetCodes(n))
	h.signers()
	h.serve()
	h.upload("mot", "Bản tin một", tone(t, 3, 440))
	due := dueMinute(45 * time.Second)
	h.schedule(due, "mot")
	codes := h.command("", "device", "codes")
	if got := strings.Count(codes, "\n"); got != n {
		t.Fatalf("%d codes for %d devices:\n%s", got, n, codes)
	}
	f := h.fleet(n, codes, "--reconnect-storm", "20s", "--loss", "0.02")
	f.connected(60 * time.Second)
	id := h.alarm("tinh", "--repeats", "1")
	h.eventually(90*time.Second, "every device is done with the alert", func() bool {
		c := h.board(id).All.Counts
		return c.Devices == n && c.Done == n
	})
	planned := func() (rows []radio.AsRun) {
		for _, r := range h.told(radio.Aired) {
			if r.Origin == radio.FromSchedule {
				rows = append(rows, r)
			}
		}
		return rows
	}
	h.eventually(time.Until(due)+60*time.Second, "every airing is confirmed", func() bool { return len(planned()) >= n })
	for _, r := range planned() {
		if r.Proof != "paced" {
			t.Fatalf("the fleet claims sound: %+v", r)
		}
	}
	if _, alerts := f.lines(); alerts[string(id)+"false"].Devices != n {
		t.Errorf("alert reached %+v", alerts)
	}
	f.stop(t)
	if l := f.last(); l.Event != "summary" || l.Drops == 0 || l.Failed != 0 || l.HeldBack != 0 {
		t.Errorf("summary %+v", l)
	}
	again := h.fleet(n, "")
	again.connected(60 * time.Second)
	again.stop(t)
	t.Logf("%.0f kB an agent", again.last().AgentKB)
}
