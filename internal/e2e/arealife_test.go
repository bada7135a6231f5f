package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// TestMergedCommune: two communes become one between two airings. The devices are told by
// their settings and go on with the same programme; an alert to the new commune reaches
// both, one to the old code its own part, signed by the old chairman alone; and the log
// stands under the old name for what sounded before.
func TestMergedCommune(t *testing.T) {
	lane(t, long)
	s := newStorm(t, "tay1", "dong1")
	west, east := s.agent("tay1", `driver: "null"`), s.agent("dong1", `driver: "null"`)
	s.upload("tin", "Bản tin ngắn", tone(t, 3, 440))
	due := dueMinute(15 * time.Second)
	again := due.Add(2 * time.Minute)
	z, err := timetable.LoadZone(zone)
	if err != nil {
		t.Fatal(err)
	}
	local, later := z.In(due), z.In(again)
	// For the commune that will be merged: what is laid down for it goes on.
	s.write("schedule.yaml", fmt.Sprintf("schedules:\n  - {code: thu, title: Phiên thử, priority: normal, targets: [{area: tay}, {area: dong}], from: %s, slots: [\n"+
		"      {code: truoc, cron: \"%d %d * * *\", items: [{code: i1, bulletin: tin}]},\n      {code: sau, cron: \"%d %d * * *\", items: [{code: i1, bulletin: tin}]}]}\n",
		radio.DateOf(local), local.Minute(), local.Hour(), later.Minute(), later.Hour()))
	s.importPlan()
	for _, a := range []*agentProcess{west, east} {
		a.ready(due)
		a.armed()
	}
	old := s.communeOf("tay1")
	s.until(due.Add(3 * time.Second))
	s.outcomes(2, 60*time.Second)

	said := s.command("", "area", "merge", "--from", string(radio.DateOf(local)), "--areas", "tay,dong", "--code", "tay-dong", "--name", "Xã Tây Đông", "--number", "01/NQ-HĐND", "--carry")
	if !strings.Contains(said, "Xã Tây (tay) → Xã Tây Đông") || !strings.Contains(said, "2 cụm loa") || !strings.Contains(said, "Lò Văn Chủ") || !strings.Contains(said, "in effect") {
		t.Errorf("the command says %q", said)
	}
	now := s.communeOf("tay1")
	if now == old {
		t.Fatal("the device stands where it stood")
	}
	if said := s.importPlan(); strings.Contains(said, "Xã Tây Đông") {
		t.Errorf("the files of before change the areas: %s", said)
	}

	// To the new commune: its two signers are of the province, no key is for it yet.
	sent := s.command(secret+"-ky1\n", "alert", "send", "--as", "ky1", "--area", "tay-dong", "--headline", "Nước lên", "--text", "Về nơi cao.", "--sounds", "lead_in",
		"--repeats", "1", "--password-stdin")
	id, _, _ := strings.Cut(sent, ":")
	s.as("ky2")
	if status, said := s.try("POST", "/api/v1/alerts/"+id+"/signatures", map[string]any{"version": 1, "sign": radio.SignWith{Password: keyWord("ky2"), Code: s.code("ky2")}}); status != http.StatusOK {
		t.Fatalf("the second signature: %d %s", status, said)
	}
	for _, a := range []*agentProcess{west, east} {
		a.sounds("Nước lên", 10*time.Second)
	}
	s.eventually(30*time.Second, "both are done", func() bool { return s.reach(radio.AlertID(id)).All.Counts.Done == 2 })

	// To the old code: the old chairman alone, for the old part alone.
	sent = s.command(keyWord(chairman)+"\n", "alert", "send", "--as", chairman, "--area", "tay", "--headline", "Sạt lở", "--text", "Rời nhà ngay.", "--sounds", "lead_in",
		"--repeats", "1", "--password-stdin")
	id, _, _ = strings.Cut(sent, ":")
	west.sounds("Sạt lở", 10*time.Second)
	s.eventually(30*time.Second, "the old part is done", func() bool { return s.reach(radio.AlertID(id)).All.Counts.Done == 1 })
	if b := s.reach(radio.AlertID(id)); len(b.Devices) != 1 || b.Devices[0].Code != "tay1" {
		t.Errorf("the alert to the old code went to %+v", b.Devices)
	}

	s.until(again.Add(3 * time.Second))
	s.as(author)
	// Four of the plan, three cycles of alerts.
	rows := slices.DeleteFunc(s.outcomes(7, 90*time.Second), func(r radio.AsRun) bool { return r.Origin != radio.FromSchedule })
	for _, r := range rows {
		want := "Xã Tây Đông"
		if r.Start < radio.At(again) {
			want = map[string]string{"tay1": "Xã Tây", "dong1": "Xã Đông"}[r.DeviceCode]
		}
		if r.CommuneName != want || r.Outcome != radio.Aired && r.Outcome != radio.Partial {
			t.Errorf("%s at %s: %s in %q, want aired in %q", r.DeviceCode, r.Start.Time(), r.Outcome, r.CommuneName, want)
		}
	}
	if len(rows) != 4 {
		t.Errorf("%d rows of the plan, want 4", len(rows))
	}
	var of struct {
		Airings []radio.AsRun `json:"airings"`
	}
	s.get("/api/v1/log?commune="+string(old), &of)
	if len(of.Airings) != 1 || of.Airings[0].CommuneName != "Xã Tây" {
		t.Errorf("the log of the old commune: %+v", of.Airings)
	}
	for _, a := range []*agentProcess{west, east} {
		if v, ok := a.status(); !ok || slices.ContainsFunc(v.Faults, func(f radio.FaultStatus) bool { return f.Code == "approval" }) {
			t.Errorf("faults: %+v", v.Faults)
		}
	}
}
