package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// refused runs a loaxa command that must fail, and gives what it said.
func (h *house) refused(args ...string) string {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), programs.centre, args...)
	cmd.Env = h.env()
	out, err := cmd.CombinedOutput()
	if err == nil {
		h.t.Fatalf("loaxa %s went through:\n%s", strings.Join(args, " "), out)
	}
	return string(out)
}

// told reads the rows of the log with an outcome, by airing.
func (h *house) told(outcome radio.Outcome) map[radio.AiringID]radio.AsRun {
	h.t.Helper()
	var page struct {
		Airings []radio.AsRun `json:"airings"`
	}
	h.get("/api/v1/log?limit=1000&outcome="+url.QueryEscape(string(outcome)), &page)
	rows := make(map[radio.AiringID]radio.AsRun, len(page.Airings))
	for _, r := range page.Airings {
		rows[r.Airing] = r
	}
	return rows
}

// everyMinute lays down a slot that comes due each minute.
func (h *house) everyMinute(bulletin string) {
	h.t.Helper()
	h.write("schedule.yaml", `schedules:
  - code: thu
    title: Phiên thử
    targets: [{area: tinh}]
    from: 2020-01-01
    slots:
      - {code: phien, cron: "* * * * *", items: [{code: i1, bulletin: `+bulletin+`}]}
`)
	h.importPlan()
}

// TestRestoreDrill: the centre's disk dies, and a backup made while it served brings it
// back: the log is what it was, people sign in, devices come with their certificates.
func TestRestoreDrill(t *testing.T) {
	lane(t, long)
	drill(t, newHouse(t, []string{"a", "b"}), func() {})
}

// TestRestoreDrillOnPostgres is the same with PostgreSQL, into a fresh database.
func TestRestoreDrillOnPostgres(t *testing.T) {
	lane(t, long)
	if testing.Short() {
		t.Skip("PostgreSQL is not started with -short")
	}
	pg, err := storetest.StartPostgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(); err != nil {
			t.Error(err)
		}
	})
	database := func() string {
		dsn, err := pg.Database()
		if err != nil {
			t.Fatal(err)
		}
		return "LOAXA_DATABASE=" + dsn
	}
	h := newHouse(t, []string{"a", "b"}, database())
	drill(t, h, func() {
		if said := h.refused("restore", "--from", filepath.Join(h.dir, "b.tar.gz")); !strings.Contains(said, "database is not empty") {
			t.Errorf("over a full database: %s", said)
		}
		h.extra = []string{database()}
	})
}

// drill walks through a disaster; fresh gives the house an empty database.
func drill(t *testing.T, h *house, fresh func()) {
	h.serve()
	one := h.upload("mot", "Bản tin một", tone(t, 4, 440))
	a := h.agent("a", `driver: "null"`)
	h.everyMinute("mot")
	archive := filepath.Join(h.dir, "b.tar.gz")
	h.eventually(150*time.Second, "something aired before the backup", func() bool { return len(h.told(radio.Aired)) >= 1 })
	h.command("", "backup", "--to", archive)
	// Three of the bulletin, eight of the emergency set: four sounds in two renditions.
	if said := h.command("", "backup", "verify", archive); !strings.Contains(said, " 11 audio files") {
		t.Errorf("verify: %s", said)
	}
	inBackup := len(h.told(radio.Aired))

	// Since the backup: more is aired, a bulletin comes, a device is enrolled.
	b := h.agent("b", `driver: "null"`)
	h.upload("hai", "Bản tin hai", tone(t, 3, 660))
	h.eventually(150*time.Second, "two devices aired after the backup", func() bool {
		devices := map[string]bool{}
		for _, r := range h.told(radio.Aired) {
			devices[r.DeviceCode] = true
		}
		return len(devices) == 2 && len(h.told(radio.Aired)) >= inBackup+2
	})
	if said := h.refused("restore", "--from", archive); !strings.Contains(said, "another loaxa serves") {
		t.Errorf("under a running centre: %s", said)
	}
	before := h.told(radio.Aired)
	held, ok := a.status()
	if !ok {
		t.Fatal("no status")
	}

	h.centre.kill(t)
	if said := h.refused("restore", "--from", archive); !strings.Contains(said, "exists: a backup goes into an empty data folder only") {
		t.Errorf("over what is left: %s", said)
	}
	if err := os.RemoveAll(h.data()); err != nil {
		t.Fatal(err)
	}
	damaged := h.damage(archive)
	fresh()
	if said := h.refused("restore", "--from", damaged); !strings.Contains(said, "invalid") {
		t.Errorf("a damaged archive: %s", said)
	}
	if said := h.command("", "restore", "--from", archive); !strings.Contains(said, "loaxa serve") {
		t.Errorf("restore: %s", said)
	}
	h.serve() // the author signs in
	h.as(second)
	h.decoded(one, 64) // every sample of the audio is there

	// The log fills up from the device's journal with what it had before.
	h.eventually(120*time.Second, "the log is what it was", func() bool {
		after := h.told(radio.Aired)
		for _, want := range ofDevice(before, "a") {
			if got, ok := after[want.Airing]; !ok || !sameAiring(got, want) {
				return false
			}
		}
		return true
	})
	h.eventually(90*time.Second, "the device follows the restored centre and airs on", func() bool {
		s, ok := a.status()
		return ok && s.Link.Connected && s.Journal.Acked == s.Journal.Head && s.Revisions.Programme >= held.Revisions.Programme &&
			len(ofDevice(h.told(radio.Aired), "a")) > len(ofDevice(before, "a"))
	})
	h.everyMinuteOnce(a)
	h.sumsHold()

	// A device enrolled after the backup is a stranger until it gets a new code.
	if s, ok := b.status(); !ok || s.Link.Connected {
		t.Errorf("device b: status %v, connected %v", ok, s.Link.Connected)
	}
	b.stop(t)
	b.enrol("--force")
	b.start()
	h.eventually(60*time.Second, "the device enrolled again connects", func() bool {
		s, ok := b.status()
		return ok && s.Link.Connected && s.Revisions.Programme > 0
	})
}

func ofDevice(rows map[radio.AiringID]radio.AsRun, code string) (out []radio.AsRun) {
	for _, r := range rows {
		if r.DeviceCode == code {
			out = append(out, r)
		}
	}
	return out
}

func sameAiring(a, b radio.AsRun) bool {
	return a.Key == b.Key && a.Start == b.Start && a.StartedAt == b.StartedAt && a.Outcome == b.Outcome && a.Consumed == b.Consumed &&
		a.Expected == b.Expected && a.Title == b.Title && a.SHA256 == b.SHA256 && a.DeviceCode == b.DeviceCode && a.FrozenAt != 0
}

// damage copies an archive with one bit turned.
func (h *house) damage(archive string) string {
	h.t.Helper()
	b, err := os.ReadFile(archive)
	if err != nil {
		h.t.Fatal(err)
	}
	b = bytes.Clone(b)
	b[len(b)/2] ^= 1
	path := archive + ".damaged"
	if err := os.WriteFile(path, b, 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// everyMinuteOnce proves that the device's airings have neither a gap nor a double.
func (h *house) everyMinuteOnce(a *agentProcess) {
	h.t.Helper()
	var starts []radio.Millis
	for _, r := range ofDevice(h.told(radio.Aired), a.code) {
		starts = append(starts, r.Start)
	}
	slices.Sort(starts)
	for i := 1; i < len(starts); i++ {
		if d := starts[i].Sub(starts[i-1]); d != time.Minute {
			h.t.Errorf("%s between two airings of a slot that comes due each minute", d)
		}
	}
}

// sumsHold proves that every planned airing has exactly one outcome.
func (h *house) sumsHold() {
	h.t.Helper()
	lines := strings.Split(strings.TrimSpace(h.command("", "log", "--limit", "1")), "\n")
	sums := strings.Split(lines[len(lines)-1], " · ")
	var planned, told int
	for i, s := range sums {
		var word string
		var n int
		if _, err := fmt.Sscanf(s, "%s %d", &word, &n); err != nil {
			h.t.Fatal(errors.Join(err, errors.New(lines[len(lines)-1])))
		}
		if i == 0 {
			planned = n
		} else {
			told += n
		}
	}
	if planned == 0 || planned != told {
		h.t.Errorf("the outcomes do not add up to the plan: %s", lines[len(lines)-1])
	}
}
