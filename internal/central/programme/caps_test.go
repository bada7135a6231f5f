package programme

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"loaxa/internal/raced"
	"loaxa/internal/radio"
)

// TestCapsAgainstTheWalker: random rule sets with exceptions, mourning, caps and windows
// over midnight; the preview of a random plan against a row of all that has
// sounded, walked anew for every airing: sessions are its stretches with pauses below
// five seconds. It shares no code with the house but the order of the airings.
func TestCapsAgainstTheWalker(t *testing.T) {
	begin := time.Date(2027, time.February, 4, 17, 0, 0, 0, time.UTC) // midnight in Hanoi
	const days = 3
	vetoes := map[radio.Veto]int{}
	for seed := range raced.Some(uint64(2000)) {
		r := rand.New(rand.NewPCG(seed, 29))
		policy := randomRule(r, begin.In(hanoi), days)
		prog, lengths := randomProgramme(r)
		got, err := resolver.Preview(prog, policy, radio.Settings{}, begin, begin.AddDate(0, 0, days))
		if err != nil {
			t.Fatal(err)
		}
		w := &row{policy: policy, begin: begin.AddDate(0, 0, -2)}
		// The day before counts too: a session of its evening may go on.
		all, err := resolver.Preview(prog, policy, radio.Settings{}, begin.AddDate(0, 0, -1), begin.AddDate(0, 0, days))
		if err != nil {
			t.Fatal(err)
		}
		verdicts := map[radio.AiringID]radio.Veto{}
		for _, a := range all {
			verdicts[a.ID] = w.judge(a, lengths[a.Bulletin])
		}
		for _, a := range got {
			want := verdicts[a.ID]
			if a.Veto != want || (want != "") != (a.Reason == radio.ReasonPolicy) {
				t.Fatalf("seed %d: %s of %s at %s: refused by %q, the walker says %q\n%+v", seed, a.Title,
					time.Duration(lengths[a.Bulletin])*time.Second, a.Start.Time().In(hanoi), a.Veto, want, policy)
			}
			vetoes[a.Veto]++
		}
	}
	for _, v := range []radio.Veto{radio.NoVeto, radio.VetoHours, radio.VetoMourning, radio.VetoException, radio.VetoSessions, radio.VetoMinutes} {
		if vetoes[v] < raced.Some(300) {
			t.Errorf("%d refused by %q: the rules are too tame", vetoes[v], v)
		}
	}
}

func randomRule(r *rand.Rand, begin time.Time, days int) radio.Policy {
	windows := func(n int) (out []radio.Window) {
		for range n {
			if w := (radio.Window{From: radio.TimeOfDay(10 * r.IntN(144)), To: radio.TimeOfDay(10 * (1 + r.IntN(144)))}); w.From != w.To {
				out = append(out, w)
			}
		}
		return out
	}
	p := radio.Policy{Zone: zone, Windows: windows(1 + r.IntN(3))}
	if r.IntN(2) == 0 {
		p.Windows = append(p.Windows, radio.Window{From: 0, To: 1440}) // caps matter where much is permitted
	}
	if r.IntN(3) > 0 {
		p.MaxSessions = 1 + r.IntN(6)
	}
	if r.IntN(3) > 0 {
		p.MaxMinutes = 1 + r.IntN(60)
	}
	date := func(n int) radio.Date { return radio.DateOf(begin.AddDate(0, 0, n)) }
	for d := range days {
		switch r.IntN(6) {
		case 0:
			p.Mourning = append(p.Mourning, date(d))
		case 1:
			p.Exceptions = append(p.Exceptions, radio.PolicyException{From: date(d), Until: date(d), Label: "x", Windows: windows(r.IntN(3))})
		}
	}
	return p
}

// randomProgramme has slots at all hours, many of which touch.
func randomProgramme(r *rand.Rand) (radio.Programme, map[radio.BulletinID]int) {
	p := radio.Programme{Device: device(1), Zone: zone}
	lengths := map[radio.BulletinID]int{}
	for n := range 4 {
		lengths[bulletin(n)] = []int{50 + r.IntN(20), 60 * (1 + r.IntN(5)), 295 + r.IntN(6), 1 + r.IntN(900)}[n]
		p.Audio = append(p.Audio, radio.ProgrammeAudio{Bulletin: bulletin(n), Version: 1, Title: fmt.Sprint("tin ", n), Renditions: []radio.Rendition{{
			SHA256: hash(n), Kbps: 64, Bytes: 1 << 20, Frames: lengths[bulletin(n)]*radio.SampleRate/radio.FrameSamples + 1,
			Samples: int64(lengths[bulletin(n)]) * radio.SampleRate,
			Tail:    radio.FrameSamples - lengths[bulletin(n)]*radio.SampleRate%radio.FrameSamples}}})
	}
	for n := range 2 + r.IntN(4) {
		s := radio.ProgrammeSlot{Schedule: id[radio.ScheduleID]('s', n), Slot: id[radio.SlotID]('l', n), Priority: radio.Normal,
			Cron: fmt.Sprintf("%d,%d %d * * *", 5*r.IntN(6), 30+5*r.IntN(6), []int{0, 5, 5, 12, 23, 23}[r.IntN(6)]), GraceSeconds: 60 * r.IntN(5)}
		for k := range 1 + r.IntN(3) {
			s.Items = append(s.Items, radio.Item{Entry: id[radio.EntryID]('e', 64*n+k), Kind: radio.KindAudio, Bulletin: bulletin(r.IntN(4)), Version: 1, Repeat: 1})
		}
		p.Slots = append(p.Slots, s)
	}
	return p, lengths
}

// row is what sounds, in seconds from a midnight, in order.
type row struct {
	policy radio.Policy
	begin  time.Time
	spans  [][2]int
}

func (w *row) judge(a radio.PreviewAiring, seconds int) radio.Veto {
	if a.Reason != "" && a.Reason != radio.ReasonPolicy {
		return radio.NoVeto // not the policy's matter
	}
	first := int(a.Start.Time().Sub(w.begin) / time.Second)
	for s := first - first%60; s < first+seconds; s += 60 {
		if l := w.begin.Add(time.Duration(s) * time.Second).In(hanoi); !w.open(l) {
			return w.names(a.Start.Time().In(hanoi), l, s > first)
		}
	}
	sessions, sum := w.had(first)
	switch {
	case w.policy.MaxSessions > 0 && sessions > w.policy.MaxSessions:
		return radio.VetoSessions
	case w.policy.MaxMinutes > 0 && sum+seconds > w.policy.MaxMinutes*60:
		return radio.VetoMinutes
	}
	w.spans = append(w.spans, [2]int{first, first + seconds})
	return radio.NoVeto
}

// had walks along the row and gives, of the day of the session that sound at now would
// belong to, how many sessions it would have with it, and what it has had in seconds.
// A session is of the day on which it begins, with all its seconds.
func (w *row) had(now int) (sessions, seconds int) {
	type session struct{ day, seconds int }
	var all []session
	end := -86400
	for _, s := range append(slices.Clone(w.spans), [2]int{now, now}) {
		if s[0]-end >= 5 {
			all = append(all, session{day: s[0] / 86400})
		}
		all[len(all)-1].seconds += s[1] - s[0]
		end = s[1]
	}
	for _, x := range all {
		if x.day == all[len(all)-1].day {
			sessions++
			seconds += x.seconds
		}
	}
	return sessions, seconds
}

// open reads the digits of one local minute.
func (w *row) open(l time.Time) bool {
	today, yesterday := radio.DateOf(l), radio.DateOf(l.AddDate(0, 0, -1))
	if slices.Contains(w.policy.Mourning, today) {
		return false
	}
	m := radio.TimeOfDay(l.Hour()*60 + l.Minute())
	for _, win := range w.windows(today) {
		if m >= win.From && (m < win.To || win.To < win.From) {
			return true
		}
	}
	for _, win := range w.windows(yesterday) {
		if win.To < win.From && m < win.To && !w.special(today) { // exceptions last a day here
			return true
		}
	}
	return false
}

func (w *row) special(d radio.Date) bool {
	return slices.ContainsFunc(w.policy.Exceptions, func(e radio.PolicyException) bool { return e.From == d })
}

func (w *row) windows(d radio.Date) []radio.Window {
	for _, e := range w.policy.Exceptions {
		if e.From == d {
			return e.Windows
		}
	}
	return w.policy.Windows
}

// names says what rules the date whose minute is closed: the one on which a sound begins,
// or the one at whose midnight it would have to end.
func (w *row) names(start, closed time.Time, later bool) radio.Veto {
	of := func(d radio.Date) radio.Veto {
		switch {
		case slices.Contains(w.policy.Mourning, d):
			return radio.VetoMourning
		case w.special(d):
			return radio.VetoException
		}
		return radio.VetoHours
	}
	if later && closed.Hour() == 0 && closed.Minute() == 0 && of(radio.DateOf(closed)) != radio.VetoHours {
		return of(radio.DateOf(closed))
	}
	return of(radio.DateOf(start))
}
