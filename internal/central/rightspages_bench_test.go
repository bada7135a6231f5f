package central

import (
	"fmt"
	"testing"
	"time"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

// BenchmarkRightsPages asks for the pages of a commune's rights over the province of
// BenchmarkSchedulePages, in which every commune has answered about some of the schedules
// of the province, the communes have rules of their own, and the log of one commune holds
// a week. "first" is the page when somebody has just decided something.
//
//	go test -run '^$' -bench RightsPages -benchtime 5x ./internal/central
func BenchmarkRightsPages(b *testing.B) {
	p := layProvince(b)
	p.answered(b)
	p.aired(b)
	at := string(p.where)
	device := string(benchID[radio.DeviceID]('d', 700))
	for _, page := range []struct{ name, path string }{
		{"offers", "/offers"},
		{"offers-commune", "/offers/" + at},
		{"answers", "/schedules/" + string(p.onAir)},
		{"timeline-commune", "/timeline/" + at},
		{"rules", "/rules"},
		{"rules-commune", "/rules/" + at},
		{"areas", "/areas"},
		{"overview", "/overview"},
		{"submissions", "/submissions"},
		{"explain", "/explain?device=" + device},
		{"rehearsal-commune", "/schedules/rehearsal?commune=" + at},
	} {
		b.Run("first/"+page.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				p.answer(b, p.where, radio.DecideAccept)
				b.StartTimer()
				p.get(b, page.path)
			}
		})
		b.Run(page.name, func(b *testing.B) {
			p.get(b, page.path)
			for b.Loop() {
				p.get(b, page.path)
			}
		})
	}
}

// answer has a commune say something about the first schedule of the province.
func (p *benchProvince) answer(b *testing.B, commune radio.AreaID, do radio.DecisionKind) {
	b.Helper()
	word := radio.Decision{Area: commune, Schedule: p.onAir, Do: do, Reason: "Bận lễ hội", By: "a", At: radio.At(time.Now())}
	if err := p.c.store.AddDecisions(b.Context(), []radio.Decision{word}); err != nil {
		b.Fatal(err)
	}
}

// answered has every commune answer, and lays down rules of the province, of every second
// commune and of a hamlet in each.
func (p *benchProvince) answered(b *testing.B) {
	b.Helper()
	change := radio.PlanChange{At: radio.At(time.Now()), Author: "a", Approver: "b"}
	rule := func(n int, area radio.AreaID) {
		change.Policies = append(change.Policies, radio.PolicyRule{ID: benchID[radio.PolicyID]('p', n), Version: 1, Target: radio.Target{Area: area}, Zone: "Asia/Ho_Chi_Minh", Label: "QĐ 1",
			Windows: []radio.Window{{From: 5 * 60, To: 7 * 60}, {From: 17 * 60, To: 19 * 60}}, Author: "a", Approver: "b", ApprovedAt: change.At})
	}
	rule(0, benchID[radio.AreaID]('a', 0))
	for n := 1; n <= 69; n++ {
		commune := benchID[radio.AreaID]('a', n)
		for range 3 {
			p.answer(b, commune, []radio.DecisionKind{radio.DecideAccept, radio.DecideDecline, radio.DecideUndo}[n%3])
		}
		if n%2 == 0 {
			rule(n, commune)
			rule(1000+n, benchID[radio.AreaID]('h', 10*n+1))
		}
	}
	if err := p.c.store.ApplyPlan(b.Context(), change); err != nil {
		b.Fatal(err)
	}
}

// aired puts a week of the commune into the log: 50 clusters, 12 airings a day.
func (p *benchProvince) aired(b *testing.B) {
	b.Helper()
	places, err := p.c.store.Places(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	for _, at := range places {
		if at.Commune().ID != p.where {
			continue
		}
		var changes []radio.AsRunChange
		for n := range 7 * 12 {
			start := radio.At(now.Add(-time.Duration(n)*2*time.Hour - time.Hour).Truncate(time.Minute))
			key := radio.AiringKey{Device: at.Device.ID, Schedule: p.onAir, Slot: benchID[radio.SlotID]('l', 2), SlotAt: start, Entry: benchID[radio.EntryID]('e', n), Repeat: 1}
			row := radio.AsRun{Airing: key.ID(), Key: key, Origin: radio.FromSchedule, Day: radio.DateOf(start.Time().Add(7 * time.Hour)), Start: start, Samples: 44100 * 120,
				Priority: radio.Normal, Revision: 7, Held: 7, FrozenAt: start - 1000, Deadline: start + 86400_000, Title: fmt.Sprint("Bản tin ", n), SHA256: "00",
				ScheduleCode: "lich-1", ScheduleTitle: "Lịch số 1", Outcome: radio.Aired, From: radio.WordDevice, Expected: 44100 * 120, Consumed: 44100 * 120, KnownAt: start}
			row.Stands(at)
			changes = append(changes, radio.AsRunChange{Row: row})
		}
		if err := p.c.store.Log(b.Context(), func(tx *store.LogTx) error { return tx.PutAsRuns(b.Context(), changes) }); err != nil {
			b.Fatal(err)
		}
	}
}
