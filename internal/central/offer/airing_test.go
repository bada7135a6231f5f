package offer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// planned lists when something sounds in the commune, by the planner.
func (h *town) planned(t *testing.T, from radio.Date, days int) []string {
	t.Helper()
	week, err := h.weeks.Week(t.Context(), radio.Target{Area: area(10)}, from, days)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range week.Rows {
		if r.Reason == radio.ReasonMoved {
			t.Errorf("told where it is not: %+v", r)
		}
		if r.Outcome == "" {
			out = append(out, r.SlotAt.Time().Add(7*time.Hour).Format("02 15:04"))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (h *town) say(t *testing.T, words ...radio.Decision) {
	t.Helper()
	if err := h.Decide(t.Context(), an, area(10), words); err != nil {
		t.Fatal(err)
	}
}

func (h *town) refused(t *testing.T, field, say string, words ...radio.Decision) {
	t.Helper()
	kept := len(h.words)
	err := h.Decide(t.Context(), an, area(10), words)
	var bad *radio.Invalid
	if !errors.As(err, &bad) || bad.Problems[0].Field != field || !strings.Contains(bad.Problems[0].EN, say) || !strings.Contains(bad.Problems[0].VI, " ") {
		t.Errorf("%v, want %s: %s", err, field, say)
	}
	if len(h.words) != kept {
		t.Errorf("refused, but kept %+v", h.words[kept:])
	}
}

// TestOneAiringOfMany: a slot that comes twice a day; the commune moves one airing, declines
// another, and the others stay. The inbox says of each what the planner does with it.
func TestOneAiringOfMany(t *testing.T) {
	h := newTown()
	s, sl := h.lay(1, "0 9,17 * * *")
	move := radio.Decision{Schedule: s, Slot: sl, Date: "2026-11-24", Time: "17:00", Do: radio.DecideMove, To: 18*60 + 30}
	h.refused(t, "date", "choose the date and the airing", radio.Decision{Schedule: s, Slot: sl, Do: radio.DecideMove, To: 60})
	h.refused(t, "time", "choose the airing to move", radio.Decision{Schedule: s, Slot: sl, Date: "2026-11-24", Do: radio.DecideMove, To: 18 * 60})
	h.say(t, move, radio.Decision{Schedule: s, Slot: sl, Date: "2026-11-25", Time: "09:00", Do: radio.DecideDecline, Reason: "Lễ hội"})
	if got, want := fmt.Sprint(h.planned(t, "2026-11-24", 2)), "[24 09:00 24 18:30 25 17:00]"; got != want {
		t.Errorf("planned %s, want %s", got, want)
	}
	var told []string
	for _, c := range h.inbox(t).Offers[0].Coming[2:6] {
		at := "off"
		if c.SoundsAt != 0 {
			at = c.SoundsAt.Time().Add(7 * time.Hour).Format("02 15:04")
		}
		told = append(told, fmt.Sprint(c.Date[8:], " ", c.Time, " ", c.State, " ", at))
	}
	if got, want := strings.Join(told, "; "), "24 09:00 by_default 24 09:00; 24 17:00 moved 24 18:30; 25 09:00 declined off; 25 17:00 by_default 25 17:00"; got != want {
		t.Errorf("told %s\nwant %s", got, want)
	}
	// While the default holds, what was not spoken of is held on that date, too.
	h.rules = []radio.OfferRule{{N: 1, Area: area(10), Default: radio.OfferHold, At: 1}}
	if got, want := fmt.Sprint(h.planned(t, "2026-11-24", 2)), "[24 18:30]"; got != want {
		t.Errorf("held: planned %s, want %s", got, want)
	}
	undo := radio.Decision{Schedule: s, Slot: sl, Date: "2026-11-24", Time: "17:00", Do: radio.DecideUndo}
	h.say(t, undo)
	if got := h.planned(t, "2026-11-24", 2); len(got) != 0 {
		t.Errorf("taken back: %v", got)
	}
}

// TestTwoAtOneInstant: two airings of a slot at one instant would sound once, so that the
// word that brings them there is refused, by whatever way; moving the other one first mends
// it. Where a schedule was edited so that they meet, the inbox says it.
func TestTwoAtOneInstant(t *testing.T) {
	h := newTown()
	s, sl := h.lay(1, "0 17 * * *")
	move := func(date, to radio.Date, at radio.TimeOfDay) radio.Decision {
		return radio.Decision{Schedule: s, Slot: sl, Date: date, ToDate: to, Do: radio.DecideMove, To: at}
	}
	h.say(t, move("2026-11-24", "2026-11-26", 6*60))
	h.refused(t, "to", "24/11/2026 and 17:00 25/11/2026", move("2026-11-25", "2026-11-26", 6*60))
	h.refused(t, "to", "would both come", move("2026-11-27", "2026-11-28", 7*60), move("2026-11-28", "", 7*60))
	h.refused(t, "to", "would both come", radio.Decision{Schedule: s, Slot: sl, Do: radio.DecideMove, To: 6 * 60})
	// The 26th goes elsewhere first; then its own time is free, until it wants to come back.
	h.say(t, move("2026-11-26", "", 18*60))
	h.say(t, move("2026-11-25", "2026-11-26", 17*60))
	h.refused(t, "to", "would both come", radio.Decision{Schedule: s, Slot: sl, Date: "2026-11-26", Do: radio.DecideUndo})
	if got, want := fmt.Sprint(h.planned(t, "2026-11-24", 3)), "[26 06:00 26 17:00 26 18:00]"; got != want {
		t.Errorf("planned %s, want %s", got, want)
	}
	// The province lays it at 06:00: the 24th was moved to where the 26th comes now, but for
	// its own move; without that they meet.
	h.plan.Schedules[0].Slots[0].Cron = "0 6 * * *"
	h.words = slices.DeleteFunc(h.words, func(w radio.Decision) bool { return w.Date == "2026-11-26" })
	n := 0
	for _, c := range h.inbox(t).Offers[0].Coming {
		if c.Twice {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d airings are told to meet, want 2", n)
	}
	// What was so before is no reason: another date can be answered.
	h.say(t, radio.Decision{Schedule: s, Slot: sl, Date: "2026-12-01", Do: radio.DecideDecline, Reason: "Lễ"})
}

// TestTooManyByThemselves: more airings than a device takes beside a rule are refused before
// any falls out of the programme.
func TestTooManyByThemselves(t *testing.T) {
	h := newTown()
	s, sl := h.lay(1, "0 8,12,17 * * *")
	h.rules = []radio.OfferRule{{N: 1, Area: area(10), Default: radio.OfferHold, At: 1}}
	var words []radio.Decision
	for day := 1; day <= 43; day++ {
		words = append(words, radio.Decision{Schedule: s, Slot: sl, Date: radio.DateOf(now.AddDate(0, 0, day)), Do: radio.DecideAccept})
	}
	h.refused(t, "date", "at most 128", words...)
	h.say(t, words[:42]...)
	if got := h.planned(t, "2026-11-24", 14); len(got) != 3*14 {
		t.Errorf("%d airings of the first 14 days", len(got))
	}
}

// TestMovedOutOfHours: what was moved to where no cluster may play is told, with why.
func TestMovedOutOfHours(t *testing.T) {
	h := newTown()
	s, sl := h.lay(1, "0 17 * * *")
	h.say(t, radio.Decision{Schedule: s, Slot: sl, Date: "2026-11-24", Do: radio.DecideMove, To: 23 * 60})
	b := h.inbox(t)
	for _, c := range b.Offers[0].Coming {
		if off := c.Date == "2026-11-24"; c.Off != off || off && (c.Reason != radio.ReasonPolicy || c.Veto == "") {
			t.Errorf("%+v", c)
		}
	}
}
