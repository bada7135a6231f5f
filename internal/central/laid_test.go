package central

import (
	"testing"
	"time"

	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
)

// TestLaid: what is laid down is read once while nothing changes, and anew at once after
// a change; a reader may change the list it was given.
func TestLaid(t *testing.T) {
	c := opened(t)
	now := time.Now()
	ring := newRingOf(t, "AN", "P")
	l := newLaid(c.store, func() time.Time { return now }, ring)
	ctx := t.Context()
	count := func() (int, int64) {
		t.Helper()
		places, err := l.Places(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i := range places {
			places[i].Device.Name = "changed by a reader"
		}
		g, err := l.Generation(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return len(places), g
	}
	n, first := count()
	if n != 0 {
		t.Fatalf("%d places in an empty centre", n)
	}
	plan := storetest.SamplePlan()
	if err := c.store.ApplyPlan(ctx, plan); err != nil {
		t.Fatal(err)
	}
	n, second := count()
	if n != 1 || second == first {
		t.Fatalf("%d places, generation %d after %d: the change is not seen", n, second, first)
	}
	if _, same := count(); same != second {
		t.Errorf("generation %d after %d, and nothing changed", same, second)
	}
	places, err := l.Places(ctx)
	if err != nil || places[0].Device.Name != plan.Devices[0].Name {
		t.Errorf("a reader's change stays: %+v, %v", places, err)
	}
	for name, got := range map[string]func() (int, error){
		"areas":     func() (int, error) { x, err := l.Areas(ctx); return len(x), err },
		"campaigns": func() (int, error) { x, err := l.Campaigns(ctx); return len(x), err },
		"schedules": func() (int, error) { x, err := l.CurrentSchedules(ctx); return len(x), err },
		"bulletins": func() (int, error) { x, err := l.Bulletins(ctx); return len(x), err },
		"current":   func() (int, error) { x, err := l.CurrentBulletins(ctx); return len(x), err },
	} {
		if n, err := got(); err != nil || n == 0 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	gone := plan.Schedules[0]
	gone.Version, gone.WithdrawnAt = 2, 5
	if err := c.store.AddScheduleVersion(ctx, gone, radio.DeskAct{At: 5, By: plan.Author, Action: "schedule.withdraw"}); err != nil {
		t.Fatal(err)
	}
	if x, err := l.CurrentSchedules(ctx); err != nil || len(x) != 0 {
		t.Errorf("%d schedules on the air after the withdrawal, %v", len(x), err)
	}
	_, before := count()
	ring.ring.Version++
	if _, after := count(); after == before {
		t.Error("a new keyring changes nothing, and with it approvals hold that did not")
	}
	// What the head of the audit does not show is read after a while all the same.
	_, before = count()
	now = now.Add(laidLife + time.Second)
	if _, after := count(); after == before {
		t.Error("a generation lasts for ever")
	}
}
