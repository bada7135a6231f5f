package timetable

import (
	"testing"
	"time"
)

func TestZoneDays(t *testing.T) {
	cases := []struct {
		name, zone, date string
		from, to         string
	}{
		{"Vietnam", hanoi, "2026-03-01", "2026-02-28T17:00:00Z", "2026-03-01T17:00:00Z"},
		{"day of 23 hours", "Europe/Paris", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"day of 25 hours", "Europe/Paris", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"midnight does not exist", "Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"},
		{"day that was leapt over", "Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			z, err := LoadZone(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			from, to, err := z.Day("2026-01-01")
			if err != nil || !from.Before(to) {
				t.Fatal(from, to, err)
			}
			from, to, err = z.Day(dateOf(c.date))
			if err != nil || from.UTC().Format(time.RFC3339) != c.from || to.UTC().Format(time.RFC3339) != c.to {
				t.Fatalf("day %s is %s to %s, %v; want %s to %s", c.date, from, to, err, c.from, c.to)
			}
			if from.Before(to) && (string(z.Date(from)) != c.date || string(z.Date(from.Add(-1))) == c.date || string(z.Date(to)) == c.date) {
				t.Errorf("dates at the seams: %s %s %s", z.Date(from.Add(-1)), z.Date(from), z.Date(to))
			}
		})
	}
	z, err := LoadZone(hanoi)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := z.Day("30/12/2026"); err == nil {
		t.Error("a date of another form was taken")
	}
	if got := z.TimeOfDay(at("2026-03-01T20:15:30Z")).String(); got != "03:15" {
		t.Errorf("time of day %s", got)
	}
}

// The first instant of a civil time, against a walk over every minute of the days
// around clock changes.
func TestZoneFirstInstant(t *testing.T) {
	for _, c := range []struct{ zone, from string }{
		{"Europe/Paris", "2026-03-28"}, {"Europe/Paris", "2026-10-24"},
		{"Africa/Cairo", "2026-04-23"}, {"Australia/Lord_Howe", "2026-04-04"},
		{"America/St_Johns", "2026-11-01"}, {hanoi, "2026-01-01"},
	} {
		z, err := LoadZone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		first := map[time.Time]time.Time{}
		begin := day(c.from)
		for i := range 4 * 24 * 60 {
			at := begin.Add(time.Duration(i-24*60) * time.Minute)
			if _, seen := first[z.civil(at)]; !seen {
				first[z.civil(at)] = at
			}
		}
		for i := range 2 * 24 * 60 {
			civil := begin.Add(time.Duration(i) * time.Minute)
			want, exists := first[civil]
			got, ok := z.instant(civil)
			if ok != exists || (ok && !got.Equal(want)) {
				t.Fatalf("%s %s: %s %v, want %s %v", c.zone, civil, got, ok, want, exists)
			}
		}
	}
}
