package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/central/store/storetest"
	"loaxa/internal/radio"
	"loaxa/internal/timetable"
)

// nobody wants to be told.
type nobody struct{}

func (nobody) Notices([]radio.FaultNews, radio.Millis) []radio.Notice { return nil }

// BenchmarkLook is one look at 3,500 devices on SQLite, half an hour before an hour with
// ten items on all of them: a thirtieth of the devices has reported since the last look.
func BenchmarkLook(b *testing.B) {
	const communes, each, audio = 70, 50, 20
	ctx := b.Context()
	db, err := store.Open(ctx, storetest.File(b))
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	}()
	clock := noon
	now := func() time.Time { return clock }
	w := newWorld(b, communes, each)
	plan := radio.PlanChange{At: radio.At(noon), Author: id[radio.UserID]('u', 1), Approver: id[radio.UserID]('u', 2)}
	seen := map[radio.AreaID]bool{}
	for _, p := range w.places {
		for _, a := range p.Chain {
			if !seen[a.ID] {
				seen[a.ID] = true
				plan.Areas = append(plan.Areas, a)
			}
		}
		plan.Devices = append(plan.Devices, p.Device)
	}
	if err := db.ApplyPlan(ctx, plan); err != nil {
		b.Fatal(err)
	}
	hash := func(n int) radio.SHA256 { return radio.SHA256(fmt.Sprintf("%064x", n)) }
	say := func(d radio.DeviceID) radio.DeviceNews {
		s := healthy(d)
		s.At = radio.At(clock)
		for n := range audio {
			s.Audio = append(s.Audio, radio.AudioStatus{SHA256: hash(n), Title: "Bản tin tuyên truyền", Bytes: 1 << 20, Have: 1 << 20, Ready: true})
		}
		report, err := json.Marshal(s)
		if err != nil {
			b.Fatal(err)
		}
		return radio.DeviceNews{Device: d, Received: radio.At(clock), Hello: []byte(`{}`), Connection: 3, Reported: report}
	}
	put := func(news []radio.DeviceNews, rows []radio.AsRunChange) {
		err := db.Log(ctx, func(tx *store.LogTx) error {
			if err := tx.PutNews(ctx, news); err != nil {
				return err
			}
			return tx.PutAsRuns(ctx, rows)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for part := range slices.Chunk(w.places, 100) {
		var rows []radio.AsRunChange
		var news []radio.DeviceNews
		for _, p := range part {
			news = append(news, say(p.Device.ID))
			for n := range 50 { // ten items soon, twenty before and twenty after them
				start, outcome := radio.At(noon.Add(10*time.Minute+time.Duration(n-20)*time.Minute)), radio.PendingOutcome
				if n < 20 {
					start, outcome = start.Add(-time.Hour), radio.Aired
				} else if n >= 30 {
					start = start.Add(time.Hour)
				}
				key := radio.AiringKey{Device: p.Device.ID, Schedule: id[radio.ScheduleID]('s', 1), Slot: id[radio.SlotID]('l', 1), SlotAt: start, Entry: id[radio.EntryID]('e', n), Repeat: 1}
				rows = append(rows, radio.AsRunChange{Row: radio.AsRun{Airing: key.ID(), Key: key, Origin: radio.FromSchedule, Day: "2026-11-23", Start: start, Samples: 44100 * 50,
					FrozenAt: radio.At(noon.Add(-48 * time.Hour)), Outcome: outcome, Title: "Bản tin", SHA256: hash(n % audio), Commune: p.Commune().ID, DeviceName: p.Device.Name}})
			}
		}
		put(news, rows)
	}
	zone, err := timetable.LoadZone("Asia/Ho_Chi_Minh")
	if err != nil {
		b.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	watch := New(db, db, NewFleet(db, now, quiet), nobody{}, Options{Zone: zone}, now, quiet)
	if err := watch.Look(context.Background()); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		b.StopTimer()
		clock = clock.Add(every)
		if clock.Sub(noon) > 8*time.Minute {
			clock = noon // the next airings stay ahead
		}
		var news []radio.DeviceNews
		for range len(w.places) / 30 {
			news = append(news, say(w.places[n%len(w.places)].Device.ID))
			n++
		}
		put(news, nil)
		b.StartTimer()
		if err := watch.Look(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
