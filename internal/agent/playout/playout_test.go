package playout_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
)

var issued = day.Add(-48 * time.Hour)

func one(cron string, seconds int) *radio.Programme {
	return programme(1, issued, slot{cron: cron, items: []item{{"news", seconds}}})
}

func TestPlaysOnTheSecond(t *testing.T) {
	bubble(t, at(7, 0, 0), func(w *world) {
		w.plan.prog = programme(1, issued, slot{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 30}}})
		w.start()
		w.run(at(7, 59, 39))
		if w.player.opened != 0 {
			t.Error("player started earlier than 20 s before")
		}
		w.run(at(7, 59, 41))
		if w.player.opened != 1 {
			t.Error("player not started 20 s before")
		}
		w.run(at(8, 2, 0))
		w.want("a 08:00 aired", "b 08:01 aired")
		w.wantSounds("a 08:00:00.000", "b 08:01:00.000")
		if w.player.opened != 1 || w.player.stream != nil {
			t.Errorf("player opened %d times, still open %v; want one stream, closed after the session", w.player.opened, w.player.stream != nil)
		}
		c := w.journal.results()[0]
		if c.Consumed != c.Expected || c.StartedAt != radio.At(at(8, 0, 0)) || c.EndedAt != radio.At(at(8, 1, 0)) ||
			c.Driver != "fake" || c.Output != "loudspeaker" || c.Proof != "consumed" || c.Revision != 1 || c.SHA256 != hashOf("a") {
			t.Errorf("confirmation %+v", c)
		}
		kinds := w.journal.kinds(c.ID)
		if kinds[0] != "airing" || kinds[len(kinds)-1] != "result" || len(kinds) < 6 || len(kinds) > 9 {
			t.Errorf("records of a minute's airing %v, want airing, a checkpoint every 10 s, result", kinds)
		}
		if told := w.faults.told(); len(told) != 0 {
			t.Errorf("faults %v", told)
		}
		w.stop()
	})
}

// unreadable makes the player fail to read what it was handed.
func (w *world) unreadable() {
	w.player.mu.Lock()
	defer w.player.mu.Unlock()
	w.player.stream.queue[0].unread = true
}

func TestRecordIsOnDiskBeforeItSounds(t *testing.T) {
	bubble(t, at(7, 0, 0), func(w *world) {
		w.plan.prog = one("0 8 * * *", 10)
		w.player.heard = func(id radio.AiringID) {
			if kinds := w.journal.kinds(id); !slices.Equal(kinds, []string{"airing"}) {
				t.Errorf("records when it began to sound: %v", kinds)
			}
		}
		w.start()
		w.run(at(8, 1, 0))
		w.want("news 08:00 aired")
		w.stop()
	})
}

// Each row lets something be wrong with one airing of 60 s at 08:00, grace 120 s.
func TestOutcomes(t *testing.T) {
	cases := map[string]struct {
		start  time.Time
		before func(w *world)
		during func(w *world) // runs from 07:50 on
		want   string
		sounds int
	}{
		"plain": {want: "aired", sounds: 1},
		"no audio": {before: func(w *world) { w.audio.missing[hashOf("news")] = true },
			want: "missed:no_audio"},
		"audio comes a second before": {before: func(w *world) { w.audio.missing[hashOf("news")] = true },
			during: func(w *world) { w.run(at(7, 59, 59)); w.audio.set(hashOf("news"), true) }, want: "aired", sounds: 1},
		"audio comes a second after": {before: func(w *world) { w.audio.missing[hashOf("news")] = true },
			during: func(w *world) { w.run(at(8, 0, 1)); w.audio.set(hashOf("news"), true) }, want: "missed:no_audio"},
		"cache cannot give it, then can": {before: func(w *world) { w.audio.broken[hashOf("news")] = true },
			during: func(w *world) {
				w.run(at(7, 59, 58))
				w.audio.mu.Lock()
				delete(w.audio.broken, hashOf("news"))
				w.audio.mu.Unlock()
				w.audio.set(hashOf("news"), true)
			}, want: "aired", sounds: 1},
		"cache cannot give it": {before: func(w *world) { w.audio.broken[hashOf("news")] = true }, want: "missed:no_audio"},
		"rotten in the cache, fetched again": {before: func(w *world) { w.audio.rotten[hashOf("news")] = true },
			during: func(w *world) { w.run(at(7, 59, 50)); w.audio.set(hashOf("news"), true) }, want: "aired", sounds: 1},
		"rotten in the cache, not fetched": {before: func(w *world) { w.audio.rotten[hashOf("news")] = true }, want: "missed:no_audio"},
		"unreadable when handed over, fetched again": {during: func(w *world) {
			w.run(at(7, 59, 58))
			w.audio.set(hashOf("news"), false)
			w.unreadable()
			w.run(at(7, 59, 59))
			w.audio.set(hashOf("news"), true)
		}, want: "aired", sounds: 1},
		"unreadable when handed over": {during: func(w *world) {
			w.run(at(7, 59, 58))
			w.audio.set(hashOf("news"), false)
			w.unreadable()
		}, want: "missed:no_audio"},
		"outside the hours": {before: func(w *world) { w.plan.policy.Windows = []radio.Window{{From: 9 * 60, To: 21 * 60}} },
			want: "refused:policy"},
		"end passes the window": {before: func(w *world) { w.plan.policy.Windows = []radio.Window{{From: 5 * 60, To: 8*60 + 0}} },
			want: "refused:policy"},
		"mourning day":        {before: func(w *world) { w.plan.policy.Mourning = []radio.Date{"2026-11-23"} }, want: "refused:policy"},
		"policy with no zone": {before: func(w *world) { w.plan.policy.Zone = "Nowhere/Never" }, want: "refused:policy"},
		"bulletin expired":    {before: func(w *world) { w.plan.prog.Audio[0].ValidUntil = radio.At(at(8, 0, 0)) }, want: "refused:expired"},
		"bulletin not yet":    {before: func(w *world) { w.plan.prog.Audio[0].ValidFrom = radio.At(at(8, 0, 1)) }, want: "refused:not_yet"},
		"programme expired":   {before: func(w *world) { w.plan.prog.NotAfter = radio.At(at(7, 59, 0)) }, want: "refused:expired"},
		"unknown kind":        {before: func(w *world) { w.plan.prog.Slots[0].Items[0].Kind = "hologram" }, want: "refused:unsupported"},
		"clock untrusted over it": {during: func(w *world) {
			w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
			w.run(at(8, 10, 0))
			w.clk.SetState(clock.Trusted, clock.SourceKernel, 0)
		}, want: "missed:clock"},
		"clock trusted within the grace": {during: func(w *world) {
			w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
			w.run(at(8, 0, 30))
			w.clk.SetState(clock.Trusted, clock.SourceKernel, 0)
		}, want: "partial:late", sounds: 1},
		"clock in holdover": {during: func(w *world) { w.clk.SetState(clock.Holdover, clock.SourceKernel, time.Second) }, want: "aired", sounds: 1},
		"clock assumed":     {during: func(w *world) { w.clk.SetState(clock.Trusted, clock.SourceAssumed, 0) }, want: "aired", sounds: 1},
		"clock lost while it sounds": {during: func(w *world) {
			w.run(at(8, 0, 20))
			w.clk.SetState(clock.Untrusted, clock.SourceNone, 0)
			w.run(at(8, 2, 0))
			w.clk.SetState(clock.Trusted, clock.SourceKernel, 0)
		}, want: "aired", sounds: 1},
		"agent starts within the grace": {start: at(8, 0, 20), want: "partial:late", sounds: 1},
		"step +6 s before it": {during: func(w *world) { w.run(at(7, 59, 0)); w.clk.Step(6 * time.Second) },
			want: "aired", sounds: 1},
		"step +6 s over its instant": {during: func(w *world) { w.run(at(7, 59, 56)); w.clk.Step(6 * time.Second) },
			want: "aired", sounds: 1}, // 2 s late: it still begins at its first sample
		"step +2 h over it":     {during: func(w *world) { w.run(at(7, 55, 0)); w.clk.Step(2 * time.Hour) }, want: "missed:late"},
		"step +90 s over it":    {during: func(w *world) { w.run(at(7, 59, 20)); w.clk.Step(90 * time.Second) }, want: "partial:late", sounds: 1},
		"step -4 s before it":   {during: func(w *world) { w.run(at(7, 59, 58)); w.clk.Step(-4 * time.Second) }, want: "aired", sounds: 1},
		"step -4 s when armed":  {during: func(w *world) { w.run(at(7, 59, 59)); w.clk.Step(-4 * time.Second) }, want: "aired", sounds: 1},
		"step -4 s in it":       {during: func(w *world) { w.run(at(8, 0, 2)); w.clk.Step(-4 * time.Second) }, want: "aired", sounds: 1},
		"step -1 h after it":    {during: func(w *world) { w.run(at(8, 5, 0)); w.clk.Step(-time.Hour) }, want: "aired", sounds: 1},
		"step into quiet hours": {during: func(w *world) { w.run(at(8, 0, 30)); w.clk.Step(14 * time.Hour) }, want: "partial:policy", sounds: 1},
		"policy closes while it sounds": {during: func(w *world) {
			w.run(at(8, 0, 30))
			w.plan.set(func(p *fakePlan) { p.policy.Windows = nil; p.policy.Revision = 2 })
		}, want: "partial:policy", sounds: 1},
		"policy closes when armed": {during: func(w *world) {
			w.run(at(7, 59, 58))
			w.plan.set(func(p *fakePlan) { p.policy.Windows = nil; p.policy.Revision = 2 })
		}, want: "refused:policy"},
		"new policy ends inside it": {during: func(w *world) {
			w.run(at(8, 0, 10))
			w.plan.set(func(p *fakePlan) { p.policy.Windows = []radio.Window{{From: 300, To: 8*60 + 1}}; p.policy.Revision = 2 })
		}, want: "aired", sounds: 1}, // to 08:01, which is just its end
		"taken out while it sounds": {during: func(w *world) {
			w.run(at(8, 0, 30))
			w.plan.set(func(p *fakePlan) {
				p.prog = programme(2, at(8, 0, 29), slot{cron: "0 9 * * *", items: []item{{"other", 5}}})
			})
		}, want: "partial:withdrawn", sounds: 1},
		"taken out when armed": {during: func(w *world) {
			w.run(at(7, 59, 58))
			w.plan.set(func(p *fakePlan) { p.prog = programme(2, at(7, 59, 57)) })
		}, want: "refused:withdrawn"},
		"version withdrawn while it sounds": {during: func(w *world) {
			w.run(at(8, 0, 30))
			next := one("0 8 * * *", 60)
			next.Revision, next.IssuedAt, next.Withdrawn = 2, radio.At(at(8, 0, 29)), []radio.SHA256{hashOf("news")}
			w.plan.set(func(p *fakePlan) { p.prog = next })
		}, want: "partial:withdrawn", sounds: 1},
		"new revision that still holds it": {during: func(w *world) {
			w.run(at(8, 0, 30))
			next := programme(2, at(8, 0, 29), slot{cron: "0 8,9 * * *", items: []item{{"news", 60}, {"more", 5}}})
			w.plan.set(func(p *fakePlan) { p.prog = next })
			w.run(at(8, 2, 0))
		}, want: "aired", sounds: 2},
		"player dies in it": {during: func(w *world) { w.run(at(8, 0, 30)); w.player.crash("segfault") }, want: "partial:output", sounds: 2},
		"player hangs in it": {during: func(w *world) { w.run(at(8, 0, 30)); w.player.hang() },
			want: "partial:output", sounds: 2},
		"player dies when armed":  {during: func(w *world) { w.run(at(7, 59, 58)); w.player.crash("segfault") }, want: "aired", sounds: 1},
		"output cannot be opened": {before: func(w *world) { w.player.openErr = errors.New("no such device") }, want: "failed:output"},
		"output comes back within the grace": {before: func(w *world) { w.player.openErr = errors.New("no such device") },
			during: func(w *world) { w.run(at(8, 0, 20)); w.player.setOpenErr(nil) }, want: "partial:output", sounds: 1},
		"output lost for good in it": {during: func(w *world) {
			w.run(at(8, 0, 30))
			w.player.setOpenErr(errors.New("gone"))
			w.player.crash("device lost")
		}, want: "partial:output", sounds: 1},
		"disk full": {during: func(w *world) { w.journal.setFull(true); w.run(at(8, 5, 0)); w.journal.setFull(false) }, want: "aired", sounds: 1},
		"decoder fails": {during: func(w *world) {
			w.run(at(8, 0, 0))
			w.player.mu.Lock()
			w.player.stream.queue[0].decodeAt = 20 * radio.SampleRate
			w.player.mu.Unlock()
		}, want: "partial:decoder", sounds: 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			start := c.start
			if start.IsZero() {
				start = at(7, 50, 0)
			}
			bubble(t, start, func(w *world) {
				w.plan.prog = one("0 8 * * *", 60)
				if c.before != nil {
					c.before(w)
				}
				w.start()
				if c.during != nil {
					c.during(w)
				}
				w.run(at(8, 30, 0))
				w.run(w.clk.Now().Add(time.Minute))
				results := w.told()
				first := slices.IndexFunc(results, func(s string) bool { return strings.Contains(s, "08:00") })
				// A programme that does not hold it any more cannot name it.
				if first < 0 || !strings.HasSuffix(results[first], " "+c.want) {
					t.Errorf("results %q, want %s; sounds %v", results, c.want, w.player.sounds)
				}
				if len(w.player.sounds) != c.sounds {
					t.Errorf("%d sounds %v, want %d", len(w.player.sounds), w.player.sounds, c.sounds)
				}
				w.stop()
			})
		})
	}
}
