package storetest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

// alertCycles: the board's question gives what a recount of all rows gives, whatever the
// rows claim to be.
func alertCycles(t *testing.T, s *store.Store) {
	const day = 24 * time.Hour
	rnd := rand.New(rand.NewPCG(1, 2))
	alerts := []radio.AlertID{radio.NewID[radio.AlertID](), radio.NewID[radio.AlertID](), radio.NewID[radio.AlertID]()}
	devices := []radio.DeviceID{radio.NewID[radio.DeviceID](), radio.NewID[radio.DeviceID](), radio.NewID[radio.DeviceID]()}
	var rows []radio.AsRunChange
	add := func(of radio.AlertID, origin radio.Origin, cycle int, at radio.Millis) {
		key := (radio.Alert{ID: of}).CycleKey(devices[rnd.IntN(len(devices))], cycle, alertAt.Add(time.Duration(rnd.IntN(1000))*time.Second))
		r := radio.AsRun{Airing: key.ID(), Key: key, Origin: origin, Day: "2026-11-23", Start: at, Samples: 100, Priority: radio.Emergency,
			Outcome: radio.Aired, From: radio.WordDevice, StartedAt: at, Consumed: 100, Expected: 100, KnownAt: at, Words: 1}
		switch rnd.IntN(10) {
		case 0: // a device's lie: the row names one alert, the airing another
			r.Key.Schedule = radio.ScheduleID(alerts[rnd.IntN(len(alerts))])
		case 1:
			r.Airing = radio.NewID[radio.AiringID]()
		}
		rows = append(rows, radio.AsRunChange{Row: r})
	}
	for i := range 300 {
		origin := radio.FromAlert
		if rnd.IntN(10) == 0 {
			origin = radio.FromLocal
		}
		add(alerts[i%len(alerts)], origin, 1+i/len(alerts), alertAt.Add(time.Duration(rnd.IntN(9*24)-4*24)*time.Hour/2))
	}
	must(t, s.Log(t.Context(), func(tx *store.LogTx) error { return tx.PutAsRuns(t.Context(), rows) }))
	for _, id := range alerts {
		var want []radio.AlertCycle
		for _, c := range rows {
			r := c.Row
			mine := r.Key.Schedule == radio.ScheduleID(id) && (radio.Alert{ID: id}).CycleKey(r.Key.Device, r.Key.Repeat, r.Key.SlotAt).ID() == r.Airing
			if mine && r.Origin == radio.FromAlert && r.Start >= alertAt.Add(-day) && r.Start < alertAt.Add(day)+1000 {
				want = append(want, radio.AlertCycle{Device: r.Key.Device, Cycle: r.Key.Repeat, Outcome: radio.Aired, StartedAt: r.StartedAt, Consumed: 100, Expected: 100})
			}
		}
		got := need[[]radio.AlertCycle](t)(s.AlertCycles(t.Context(), radio.AlertRecord{ID: id, Paper: radio.AlertPaper{SentAt: alertAt, ExpiresAt: alertAt + 1000}}))
		if !slices.IsSortedFunc(got, func(a, b radio.AlertCycle) int { return cmp.Compare(a.StartedAt, b.StartedAt) }) {
			t.Error("the cycles do not come in order")
		}
		byCycle := func(a, b radio.AlertCycle) int { return cmp.Compare(a.Cycle, b.Cycle) }
		slices.SortFunc(got, byCycle)
		slices.SortFunc(want, byCycle)
		if len(want) < 10 {
			t.Fatalf("%d cycles are too few to compare", len(want))
		}
		same(t, "cycles", got, want)
	}
}
