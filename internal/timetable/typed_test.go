package timetable

import (
	"errors"
	"testing"
	"time"

	"loaxa/internal/radio"
)

func TestTyped(t *testing.T) {
	for name, c := range map[string]struct{ zone, text, want string }{
		"Hà Tĩnh":             {"Asia/Ho_Chi_Minh", "2026-11-23T08:00", "2026-11-23T01:00:00Z"},
		"with seconds":        {"Asia/Ho_Chi_Minh", "2026-11-23T08:00:07", "2026-11-23T01:00:07Z"},
		"shown twice":         {"Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30:00Z"},
		"leapt over":          {"Europe/Berlin", "2026-03-29T02:30", ""},
		"no such day":         {"Asia/Ho_Chi_Minh", "2026-02-30T08:00", ""},
		"another form":        {"Asia/Ho_Chi_Minh", "23/11/2026 08:00", ""},
		"with a zone":         {"Asia/Ho_Chi_Minh", "2026-11-23T08:00:00Z", ""},
		"nothing":             {"Asia/Ho_Chi_Minh", "", ""},
		"a year of six digit": {"Asia/Ho_Chi_Minh", "202600-11-23T08:00", ""},
	} {
		t.Run(name, func(t *testing.T) {
			z, err := LoadZone(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			got, err := z.Typed(c.text)
			if c.want == "" {
				if !errors.Is(err, radio.ErrInvalid) {
					t.Errorf("%s, %v", got, err)
				}
				return
			}
			if err != nil || got.UTC().Format(time.RFC3339) != c.want {
				t.Errorf("%s, %v; want %s", got, err, c.want)
			}
		})
	}
}
