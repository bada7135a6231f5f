package timetable

import (
	"testing"
	"time"

	"loaxa/internal/radio"
)

func TestNext(t *testing.T) {
	// Saturday 22 November 2025, 09:30 in Hà Tĩnh.
	now := time.Date(2025, 11, 22, 2, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		name, cron  string
		from, until radio.Date
		except      []radio.Date
		want        string // UTC; "" for never
	}{
		{"later today", "0 17 * * *", "", "", nil, "2025-11-22T10:00"},
		{"this very minute", "30 9 * * *", "", "", nil, "2025-11-22T02:30"},
		{"past today", "0 5 * * *", "", "", nil, "2025-11-22T22:00"},
		{"a day left out", "0 17 * * *", "", "", []radio.Date{"2025-11-22"}, "2025-11-23T10:00"},
		{"begins in two years", "0 5 * * *", "2027-12-01", "", nil, "2027-11-30T22:00"},
		{"ended", "0 5 * * *", "", "2025-11-21", nil, ""},
		{"no rule", "x", "", "", nil, ""},
	} {
		s := radio.Schedule{Zone: "Asia/Ho_Chi_Minh", From: c.from, Until: c.until, Except: c.except}
		at, ok := Next(s, radio.Slot{Cron: c.cron}, now)
		got := ""
		if ok {
			got = at.UTC().Format("2006-01-02T15:04")
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if _, ok := Next(radio.Schedule{Zone: "Local"}, radio.Slot{Cron: "0 5 * * *"}, now); ok {
		t.Error("a zone of the machine is taken")
	}
}
