package e2e

import (
	"fmt"
	"testing"
	"time"

	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// TestVariantsSound: one slot, on one date, twice a minute apart; three clusters play
// three different things at one position: the bulletin, its variant, and the bulletin in
// place of a variant that nobody has approved. Devices and log say which, and that one
// stood in.
func TestVariantsSound(t *testing.T) {
	lane(t, long)
	h := newHouse(t, []string{"loa-a", "loa-b", "loa-c"})
	h.serve()
	plain := h.upload("tin", "Bản tin", tone(t, 3, 440))
	thai := h.upload("tin-thai", "Bản tin tiếng Thái", tone(t, 3, 660))
	hmong := h.handIn(author, "tin-mong", "Bản tin tiếng Mông", tone(t, 3, 880))
	var agents []*agentProcess
	for _, code := range []string{"loa-a", "loa-b", "loa-c"} {
		agents = append(agents, h.agent(code, `driver: "null"`))
	}
	z, err := timetable.LoadZone(zone)
	if err != nil {
		t.Fatal(err)
	}
	due := dueMinute(40 * time.Second)
	local := z.In(due)
	if local.Hour() == 23 && local.Minute() > 50 {
		t.Skip("two airings of one date do not fit before midnight")
	}
	h.write("schedule.yaml", fmt.Sprintf(`schedules:
  - code: thu
    title: Phiên thử
    targets: [{area: tinh}]
    slots:
      - code: phien
        times: ["%s"]
        dates: [%s]
        again: 1
        every_minutes: 1
        items:
          - code: a
            bulletin: tin
            variants: [{device: loa-b, bulletin: tin-thai}, {device: loa-c, bulletin: tin-mong}]
`, local.Format("15:04"), radio.DateOf(local)))
	h.importPlan()
	for _, a := range agents {
		a.ready(due)
	}
	want := map[string][2]radio.BulletinID{"loa-a": {plain.ID}, "loa-b": {thai.ID}, "loa-c": {plain.ID, hmong.ID}}
	h.until(due.Add(time.Minute))
	rows := h.outcomes(6, 60*time.Second)
	seen := map[string]int{}
	for _, r := range rows {
		w := want[r.DeviceCode]
		if r.Outcome != radio.Aired || r.From != radio.WordDevice || r.Bulletin != w[0] || r.Instead != w[1] {
			t.Errorf("%s at %s: %s %s of %q in place of %q", r.DeviceCode, r.Start.Time(), r.Outcome, r.Reason, r.Title, r.InsteadTitle)
		}
		if r.Instead != "" && r.InsteadTitle != "Bản tin tiếng Mông" {
			t.Errorf("what stood in is not named: %+v", r)
		}
		seen[r.DeviceCode]++
	}
	if len(rows) != 6 || seen["loa-a"] != 2 || seen["loa-b"] != 2 || seen["loa-c"] != 2 {
		t.Errorf("%d rows: %v", len(rows), seen)
	}
}
