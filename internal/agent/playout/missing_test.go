package playout_test

import (
	"slices"
	"testing"

	"loaxa/internal/radio"
)

// Missing or damaged audio is no hole in the session: the next item follows within a
// second, with the cause in the outcome, and the next slot begins on its own second.
func TestTheNextItemFollowsWithinASecond(t *testing.T) {
	slots := []slot{{cron: "0 8 * * *", items: []item{{"a", 60}, {"b", 30}, {"c", 10}}}, {cron: "3 8 * * *", items: []item{{"d", 10}}}}
	for name, c := range map[string]struct {
		slots  []slot
		before func(w *world)
		during func(w *world)
		heard  []string
		want   []string
	}{
		"the first is missing": {before: func(w *world) { w.audio.missing[hashOf("a")] = true },
			heard: []string{"b 08:00:00.5", "c 08:00:30.5", "d 08:03:00.0"}, want: []string{"a missed:no_audio", "b aired", "c aired", "d aired"}},
		"the second is missing": {before: func(w *world) { w.audio.missing[hashOf("b")] = true },
			heard: []string{"a 08:00:00.0", "c 08:01:00.5", "d 08:03:00.0"}, want: []string{"a aired", "b missed:no_audio", "c aired", "d aired"}},
		"two are missing": {before: func(w *world) { w.audio.missing[hashOf("a")], w.audio.missing[hashOf("b")] = true, true },
			heard: []string{"c 08:00:01.0", "d 08:03:00.0"}, want: []string{"a missed:no_audio", "b missed:no_audio", "c aired", "d aired"}},
		"all are missing": {before: func(w *world) {
			w.audio.missing[hashOf("a")], w.audio.missing[hashOf("b")], w.audio.missing[hashOf("c")] = true, true, true
		},
			heard: []string{"d 08:03:00.0"}, want: []string{"a missed:no_audio", "b missed:no_audio", "c missed:no_audio", "d aired"}},
		"the decoder gives up inside": {during: func(w *world) {
			w.run(at(8, 0, 0))
			w.player.mu.Lock()
			w.player.stream.queue[0].decodeAt = 20 * radio.SampleRate
			w.player.mu.Unlock()
		}, heard: []string{"a 08:00:00.0", "b 08:00:20.5", "c 08:00:50.5", "d 08:03:00.0"}, want: []string{"a partial:decoder", "b aired", "c aired", "d aired"}},
		"not out of the permitted hours": {before: func(w *world) {
			w.audio.missing[hashOf("a")] = true
			w.plan.policy.Windows = []radio.Window{{From: 8*60 + 1, To: 9 * 60}}
		}, heard: []string{"b 08:01:00.0", "c 08:01:30.0", "d 08:03:00.0"}, want: []string{"a refused:policy", "b aired", "c aired", "d aired"}},
		"not over what another slot plans": {slots: []slot{{cron: "0 8 * * *", items: []item{{"a", 30}, {"b", 60}}}, {cron: "1 8 * * *", items: []item{{"p", 20}}, priority: radio.Prior}},
			before: func(w *world) { w.audio.missing[hashOf("a")] = true },
			heard:  []string{"p 08:01:00.0", "b 08:01:20.0"}, want: []string{"a missed:no_audio", "p aired", "b aired"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, at(7, 55, 0), func(w *world) {
				if c.slots == nil {
					c.slots = slots
				}
				w.plan.prog = programme(1, issued, c.slots...)
				if c.before != nil {
					c.before(w)
				}
				w.start()
				if c.during != nil {
					c.during(w)
				}
				w.run(at(8, 10, 0))
				if got := w.heard(); !slices.EqualFunc(got, c.heard, near) {
					t.Errorf("sounds\n got %q\nwant %q", got, c.heard)
				}
				var got []string
				for _, r := range w.journal.results() {
					s := w.name(r.ID) + " " + string(r.Outcome)
					if r.Reason != "" {
						s += ":" + string(r.Reason)
					}
					got = append(got, s)
				}
				slices.Sort(got)
				slices.Sort(c.want)
				if !slices.Equal(got, c.want) {
					t.Errorf("results\n got %q\nwant %q", got, c.want)
				}
				w.stop()
			})
		})
	}
}
