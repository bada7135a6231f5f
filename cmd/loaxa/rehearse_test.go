package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestRehearse types the command on a centre whose only schedule has no approved audio:
// it says so, and how to solve it.
func TestRehearse(t *testing.T) {
	d := settled(t)
	d.run(0, `devices.*DAY.*COMMUNE.*DEVICE.*START`, "", "rehearse")
	said := d.run(0, `^\{`, "", "rehearse --json --from 2027-01-01 --to 2027-01-03")
	var r radio.Rehearsal
	if err := json.Unmarshal([]byte(said), &r); err != nil {
		t.Fatal(err, said)
	}
	if r.From != "2027-01-01" || r.To != "2027-01-03" || len(r.Days) != 3 || r.Zone != "Asia/Ho_Chi_Minh" {
		t.Errorf("%+v", r)
	}
	d.run(0, `^$`, "", "rehearse --airings --area cam-xuyen") // nothing is enrolled
	d.run(0, `devices`, "", "rehearse --area cam-xuyen --limit 1")
	d.run(0, "have passed", "", "rehearse --from 2020-01-01 --to 2020-01-03")
	d.run(2, "31 days|31 ngày", "", "rehearse --from 2027-01-01 --to 2027-03-01")
	d.run(2, "not both", "", "rehearse --area cam-xuyen --device x")
	d.run(2, "khong-co", "", "rehearse --device khong-co")
	d.run(2, "khong-co", "", "rehearse --area khong-co")
	d.run(2, "used wrongly", "", "rehearse today")
}

// TestWriteRehearsal: every figure stands in what a person reads, and what is left out is
// counted.
func TestWriteRehearsal(t *testing.T) {
	zone := time.FixedZone("+7", 7*3600)
	at := radio.At(time.Date(2026, 11, 23, 3, 30, 0, 0, zone))
	row := radio.PreviewRow{PreviewAiring: radio.PreviewAiring{Start: at, Title: "Bản tin", Samples: 60 * radio.SampleRate}, DeviceCount: 2, Odd: true}
	refused := row
	refused.Outcome, refused.Reason, refused.Veto, refused.Odd = radio.Refused, radio.ReasonPolicy, radio.VetoMinutes, false
	r := radio.Rehearsal{Zone: "Asia/Ho_Chi_Minh", From: "2026-11-23", To: "2026-11-29", Devices: 2, Idle: 1,
		Sum:  radio.RehearsalSum{Airings: 2, Samples: 120 * radio.SampleRate, Night: 2, Dropped: 2, Bytes: 3_500_000, Late: 1, OverCap: 1},
		Days: []radio.RehearsalDay{{Day: "2026-11-23", RehearsalSum: radio.RehearsalSum{Airings: 2}, Longest: 60 * radio.SampleRate}},
		Loads: []radio.RehearsalLoad{{Code: "cum-1", Bytes: 2_500_000, BPS: 12_000, Measured: true, Done: at, Late: &radio.LateAudio{Title: "Bản tin", At: at}},
			{Code: "cum-2", Bytes: 1_000_000, BPS: 64_000, CapBytes: 9_000_000, UsedBytes: 8_500_000, OverCap: true}},
		Rows: []radio.PreviewRow{row, refused, row}, More: 4, Conflicts: []radio.Conflict{{VI: "Trùng giờ.", EN: "It overlaps.", FixVI: "Đổi giờ.", FixEN: "Move it."}}}
	var b strings.Builder
	if err := writeRehearsal(&b, r, zone, 2); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 devices, 1 more not enrolled", "2 airings would sound, 2.0 min · 2 at night · 2 would not sound · 3.5 MB to download · 1 devices too late, 1 over their data",
		"2026-11-23", "1.0 min", "12 kbit/s", "64 kbit/s (assumed)", `too late for "Bản tin" at 2026-11-23 03:30:00`, "over its data: 8.5 MB of 9.0 MB used",
		"sound AT NIGHT", "refused: minutes", "… and 5 more airings", "! Trùng giờ.\n  It overlaps.\n  → Đổi giờ.\n  → Move it."} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
}
