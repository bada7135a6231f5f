package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestRehearsalIsThePublishedPlan: what `loaxa rehearse` tells beside a running centre,
// airing by airing, is what that centre publishes to its devices and freezes in the log:
// the same ids at the same instants, on every device, shifts and overlaps included.
func TestRehearsalIsThePublishedPlan(t *testing.T) {
	lane(t, short)
	const n = 3
	h := newHouse(t, fleetCodes(n))
	h.serve()
	h.upload("mot", "Bản tin một", tone(t, 3, 440))
	h.upload("hai", "Bản tin hai", tone(t, 4, 660))
	// Slots that meet: the second is shifted behind the first, the third waits for a
	// priority schedule, and every quarter of an hour something of two lengths begins.
	h.write("schedule.yaml", `schedules:
  - code: thuong
    title: Thường
    priority: normal
    grace: 30s
    targets: [{area: tinh}]
    slots:
      - {code: sang, cron: "0 5,11,17 * * *", items: [{code: a, bulletin: mot, repeat: 10, gap: 1500ms}, {code: b, bulletin: hai, repeat: 9}]}
      - {code: trung, cron: "1 5,11,17 * * *", items: [{code: a, bulletin: hai}]}
      - {code: deu, cron: "*/15 * * * *", items: [{code: a, bulletin: mot}]}
  - code: uu-tien
    title: Ưu tiên
    priority: priority
    targets: [{device: c00001}]
    slots:
      - {code: gio, cron: "0 * * * *", items: [{code: a, bulletin: hai, repeat: 10}]}
`)
	h.importPlan()
	f := h.fleet(n, h.command("", "device", "codes"))
	f.connected(60 * time.Second)
	margin := time.Minute // what is due while this test looks
	from, to := radio.At(time.Now().Add(margin)), radio.At(time.Now().Add(23*time.Hour))
	told := map[radio.AiringID]string{}
	line := func(d radio.DeviceID, at radio.Millis, samples int64, title string) string {
		return fmt.Sprintf("%s %s %d %s", d, at.Time().Format(time.RFC3339Nano), samples, title)
	}
	shifted, overlap := 0, 0
	for row := range strings.Lines(h.command("", "rehearse", "--airings")) {
		var a radio.PreviewAiring
		if err := json.Unmarshal([]byte(row), &a); err != nil {
			t.Fatal(err, row)
		}
		if a.Start >= from && a.Start < to {
			told[a.ID] = line(a.Device, a.Start, a.Samples, a.Title)
			if a.ShiftMS > 0 {
				shifted++
			}
			if a.Outcome != "" {
				overlap++
			}
		}
	}
	if len(told) < n*90 || shifted == 0 || overlap == 0 {
		t.Fatalf("%d airings rehearsed, %d shifted, %d dropped: the plan is too tame", len(told), shifted, overlap)
	}
	frozen := func() map[radio.AiringID]string {
		out := map[radio.AiringID]string{}
		for row := range strings.Lines(h.command("", "log", "--json", "--origin", string(radio.FromSchedule), "--limit", "5000")) {
			var r radio.AsRun
			if err := json.Unmarshal([]byte(row), &r); err != nil {
				t.Fatal(err, row)
			}
			if r.Start >= from && r.Start < to {
				out[r.Airing] = line(r.Key.Device, r.Start, r.Samples, r.Title)
			}
		}
		return out
	}
	var log map[radio.AiringID]string
	h.eventually(60*time.Second, "the coming day is frozen", func() bool { log = frozen(); return len(log) >= len(told) })
	for id, want := range told {
		if log[id] != want {
			t.Errorf("rehearsed %s %s, frozen %q", id, want, log[id])
		}
	}
	for id, got := range log {
		if told[id] == "" {
			t.Errorf("frozen, but not rehearsed: %s %s", id, got)
		}
	}
	var r radio.Rehearsal
	h.get("/api/v1/rehearsal", &r)
	if r.Devices != n || r.Sum.Airings == 0 || r.Sum.Dropped == 0 || len(r.Loads) != n {
		t.Errorf("%d devices, sum %+v", r.Devices, r.Sum)
	}
	h.page("/schedules/rehearsal", "Chạy thử bảy ngày", "Tỉnh thử", "Giờ đêm", "Cách xử lý:")
	f.stop(t)
}
