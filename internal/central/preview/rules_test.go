package preview_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// TestRulesEffects: what a draft of rules would silence or make quieter, in the next 14 days.
func TestRulesEffects(t *testing.T) {
	h := newHouse()
	h.plan.Schedules = []radio.Schedule{schedule(1, radio.Target{Area: area(10)}, slot(1, "0 6 * * *", 1), slot(2, "0 17 * * *", 1)), schedule(2, radio.Target{Area: area(20)}, slot(3, "0 6 * * *", 1))}
	rule := radio.PolicyRule{ID: id[radio.PolicyID]('p', 1), Target: radio.Target{Area: area(10)}, Zone: zone, Label: "xã", Windows: []radio.Window{{From: 300, To: 1260}}}
	ask := func(r radio.PolicyRule) radio.RulesEffects {
		t.Helper()
		e, err := h.preview().Rules(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if e := ask(rule); len(e.Effects) != 0 || e.DeviceCount != 4 || e.Days != 14 {
		t.Errorf("rules that change nothing: %+v", e)
	}
	morning := rule
	morning.Windows = []radio.Window{{From: 300, To: 420}}
	e := ask(morning)
	if len(e.Effects) != 14 || e.Silent != 56 || e.Quieter != 0 || e.Effects[0].Veto != radio.VetoHours || e.Effects[0].DeviceCount != 4 || len(e.Effects[0].Devices) != 4 || !e.Effects[0].Silent {
		t.Errorf("only mornings: %+v", e)
	}
	quieter := rule
	// It begins within the airing: what the first second of it has is not all.
	quieter.Volume = []radio.VolumeSpan{{From: 361, To: 362, GainDB: -6}}
	if e := ask(quieter); e.Quieter != 0 {
		t.Errorf("one minute of sound does not reach 06:01: %+v", e)
	}
	quieter.Volume[0].From = 360
	if e := ask(quieter); e.Silent != 0 || e.Quieter != 56 || e.Effects[0].IsDB != -6 || e.Effects[0].WasDB != 0 {
		t.Errorf("quieter: %+v", e)
	}
	// Against what counts already: the same volume is nothing new, and a version that is to
	// come is counted from its day.
	h.plan.Policies = []radio.PolicyRule{quieter}
	h.plan.Policies[0].Version = 3
	if e := ask(quieter); len(e.Effects) != 0 {
		t.Errorf("as it is: %+v", e)
	}
	h.plan.Policies = nil
	later := morning
	later.From = "2026-12-10"
	if e := ask(later); e.From != "2026-12-10" || len(e.Effects) != 14 {
		t.Errorf("later: %s %d", e.From, len(e.Effects))
	}
	// A hamlet's profile reaches its own devices only.
	school := radio.PolicyRule{ID: id[radio.PolicyID]('p', 2), Target: radio.Target{Area: area(11)}, Zone: zone, Label: "trường", Profile: true, Quiet: []radio.Window{{From: 355, To: 365, Days: []int{1}}}}
	if e := ask(school); e.DeviceCount != 2 || e.Silent != 4 || e.Effects[0].Veto != radio.VetoQuiet {
		t.Errorf("school: %+v", e)
	}
	bad := rule
	bad.Volume = []radio.VolumeSpan{{From: 5, To: 5}}
	if _, err := h.preview().Rules(t.Context(), bad); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("rules no device could obey: %v", err)
	}
}

// Rules that make policies too large for the wire are refused before anybody approves them:
// the devices would go on with what they hold.
func TestRulesTooLargeForADevice(t *testing.T) {
	h := newHouse()
	h.plan.Schedules = []radio.Schedule{schedule(1, radio.Target{Area: area(10)}, slot(1, "0 6 * * *", 1))}
	large := func(year int) radio.PolicyRule {
		r := radio.PolicyRule{ID: id[radio.PolicyID]('p', 1), Version: 1, Target: radio.Target{Area: area(10)}, Zone: zone, Label: "xã", Windows: []radio.Window{{From: 300, To: 1260}}}
		day := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		for range radio.MaxExceptions {
			e := radio.PolicyException{From: radio.DateOf(day), Until: radio.DateOf(day), Label: strings.Repeat("ngày lễ ", 10)}
			for m := range radio.MaxExceptionWindows {
				e.Windows = append(e.Windows, radio.Window{From: radio.TimeOfDay(60 * m), To: radio.TimeOfDay(60*m + 30)})
			}
			r.Exceptions, day = append(r.Exceptions, e), day.AddDate(0, 0, 1)
		}
		return r
	}
	rule := large(2027)
	if _, err := h.preview().Rules(t.Context(), rule); err != nil {
		t.Fatalf("alone it fits: %v", err)
	}
	h.plan.Policies = []radio.PolicyRule{rule}
	next := large(2028)
	next.From = radio.DateOf(now.AddDate(0, 0, 10))
	_, err := h.preview().Rules(t.Context(), next)
	var invalid *radio.Invalid
	if !errors.As(err, &invalid) || len(invalid.Problems) != 1 || !strings.Contains(invalid.Problems[0].VI, "bớt ngày") {
		t.Errorf("%v", err)
	}
}
