package radio

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestLogFilterCheck(t *testing.T) {
	id := IDFromBytes[string]([16]byte{1})
	for _, c := range []struct {
		name   string
		filter LogFilter
		fields []string // with a problem
	}{
		{"nothing", LogFilter{}, nil},
		{"everything", LogFilter{Commune: AreaID(id), Device: DeviceID(id), From: "2025-11-20", To: "2025-11-20", Outcome: Missed, Campaign: CampaignID(id), Bulletin: BulletinID(id)}, nil},
		{"days that are none", LogFilter{From: "2025-02-30", To: "23/11/2025"}, []string{"from", "to"}},
		{"days in the wrong order", LogFilter{From: "2025-11-22", To: "2025-11-20"}, []string{"to"}},
		{"ids that are none", LogFilter{Commune: "Thạch Hà", Device: "' OR 1=1--", Campaign: "x", Bulletin: BulletinID(strings.Repeat("A", 100))}, []string{"commune", "device", "campaign", "bulletin"}},
		{"no such outcome", LogFilter{Outcome: "heard"}, []string{"outcome"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var fields []string
			var invalid *Invalid
			if err := c.filter.Check(); errors.As(err, &invalid) {
				for _, p := range invalid.Problems {
					fields = append(fields, p.Field)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(fields, c.fields) {
				t.Errorf("problems of %v, want %v", fields, c.fields)
			}
		})
	}
}

func TestLogCursor(t *testing.T) {
	id := IDFromBytes[AiringID]([16]byte{1})
	for _, c := range []LogCursor{{}, {Airing: id}, {Start: 1763700000000, Airing: id}} {
		if back, err := ParseLogCursor(c.String()); err != nil || back != c {
			t.Errorf("%+v became %q and %+v, %v", c, c, back, err)
		}
	}
	for _, bad := range []string{"x", "1", ".", "1.", "-1." + string(id), "1.short", "99999999999999999999." + string(id), strings.Repeat("1", 500)} {
		if _, err := ParseLogCursor(bad); !errors.Is(err, ErrInvalid) || len(err.Error()) > 150 {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzLogCursor(f *testing.F) {
	for _, s := range []string{"", "1763700000000." + string(IDFromBytes[AiringID]([16]byte{1})), "-1.x", ".", "+1."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseLogCursor(text)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if back, err := ParseLogCursor(c.String()); err != nil || back != c {
			t.Fatalf("%q: %+v became %+v, %v", text, c, back, err)
		}
	})
}

func TestLogTotals(t *testing.T) {
	var totals LogTotals
	for _, c := range []LogCount{{Planned: true, Outcome: Silent, Rows: 2}, {Outcome: Aired, Rows: 5}, {Planned: true, Outcome: PendingOutcome, Rows: 1}, {Planned: true, Outcome: Silent, Rows: 3}} {
		totals.Add(c)
	}
	if totals.Planned != 6 || totals.Unplanned != 5 {
		t.Errorf("%+v", totals)
	}
	var order []string
	for o, n := range totals.Each() {
		order = append(order, fmt.Sprintf("%s %d", o, n))
	}
	if got := strings.Join(order, ", "); got != "pending 1, silent 5" {
		t.Errorf("outcomes in order: %s", got)
	}
	if rest := maps.Collect((LogTotals{}).Each()); len(rest) != 0 {
		t.Errorf("nothing counted: %v", rest)
	}
}
