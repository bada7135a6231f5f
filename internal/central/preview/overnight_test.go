package preview_test

import (
	"slices"
	"testing"

	"loaxa/internal/radio"
)

// A slot of Sunday 23:58 is of Sunday's week, also what it sounds on Monday at 00:01 and
// what waits for that.
func TestOvernightSlotIsOfItsWeek(t *testing.T) {
	h := newHouse()
	h.plan.Policies = []radio.PolicyRule{{Target: inCommune, Zone: zone, Label: "x", Windows: []radio.Window{{From: 0, To: 24 * 60}}}}
	h.plan.Schedules = []radio.Schedule{
		with(schedule(1, inCommune, slot(1, "58 23 * * 0", 3, 3, 1)), prior),
		schedule(2, inCommune, slot(2, "59 23 * * 0", 2)), // shifted past midnight, beyond its grace: dropped
		schedule(3, inCommune, slot(3, "4 0 * * 1", 4)),   // of Monday
	}
	p := h.preview()
	for _, c := range []struct {
		from    radio.Date
		days    int
		want    []string
		samples map[int]int64 // seconds by day
	}{
		{"2026-11-23", 7, []string{"2026-11-29 4 Bản tin số 3 odd", "2026-11-29 4 Bản tin số 2 missed overlap odd", "2026-11-29 4 Bản tin số 3 odd", "2026-11-29 4 Bản tin số 1 odd"}, map[int]int64{6: 420}},
		{"2026-11-29", 1, []string{"2026-11-29 4 Bản tin số 3 odd", "2026-11-29 4 Bản tin số 2 missed overlap odd", "2026-11-29 4 Bản tin số 3 odd", "2026-11-29 4 Bản tin số 1 odd"}, map[int]int64{0: 420}},
		{"2026-11-30", 6, []string{"2026-11-30 4 Bản tin số 4 +60s odd"}, map[int]int64{0: 240}},
	} {
		got, err := p.Week(t.Context(), inCommune, c.from, c.days)
		if err != nil {
			t.Fatal(err)
		}
		if lines := rows(got); !slices.Equal(lines, c.want) {
			t.Errorf("from %s\n got %q\nwant %q", c.from, lines, c.want)
		}
		for i, d := range got.Days {
			if d.Samples != c.samples[i]*radio.SampleRate {
				t.Errorf("%s: %d s, want %d", d.Day, d.Samples/radio.SampleRate, c.samples[i])
			}
		}
	}
}
