package dispatch

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"loaxa/internal/radio"
)

// What waits for a person is told by device and document, and so is that it is over;
// what will be tried again is not told.
func TestRefused(t *testing.T) {
	h := newHouse(t, 2)
	var told []string
	d := h.dispatcher()
	d.rooms.Refused = func(id radio.DeviceID, document string, err error) {
		for n := range 2 {
			if id == device(n+1) && document == "programme" {
				told = append(told, fmt.Sprintf("%d %t", n+1, errors.Is(err, radio.ErrInvalid)))
			}
		}
	}
	say := func(want ...string) {
		t.Helper()
		told = nil
		_ = d.refresh(t.Context(), true, nil)
		if !slices.Equal(told, want) {
			t.Fatalf("told %q, want %q", told, want)
		}
	}
	say("1 false", "2 false")
	s := schedule(2, radio.Target{Device: device(1)}, "0 6 * * *", 1)
	s.Zone = "Asia/Tokyo"
	h.plan.Schedules = append(h.plan.Schedules, s)
	say("1 true", "2 false")
	h.plan.Schedules = h.plan.Schedules[:1]
	h.plan.Schedules[0].Slots[0].Cron = "7 5 * * *"
	h.fail["add"] = radio.ErrUnavailable
	say()
	delete(h.fail, "add")
	say("1 false", "2 false")
}
