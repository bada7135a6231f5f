package report

import (
	"context"
	"testing"

	"loaxa/internal/radio"
)

// said knows only what communes said.
type said struct {
	Acts
	words []radio.Decision
}

func (s said) Decisions(context.Context, []radio.AreaID, radio.ScheduleID, int) ([]radio.Decision, error) {
	return s.words, nil
}

// TestWhichWordPutItThere: the trail of an airing names the word by which it sounds when it
// does, or does not.
func TestWhichWordPutItThere(t *testing.T) {
	word := func(n int64, date radio.Date, do radio.DecisionKind, to radio.TimeOfDay, toDate radio.Date) radio.Decision {
		return radio.Decision{N: n, Area: "xa", Schedule: "s", Slot: "l", Date: date, Do: do, To: to, ToDate: toDate, By: "an", At: radio.Millis(n), Reason: "vì"}
	}
	row := radio.AsRun{Origin: radio.FromSchedule, Priority: radio.Normal, Commune: "xa", Hamlet: "thon", Day: "2026-11-24", SlotTime: 17 * 60, Start: 100, Key: radio.AiringKey{Schedule: "s", Slot: "l"}}
	for _, c := range []struct {
		name  string
		words []radio.Decision
		row   func(*radio.AsRun)
		want  int64 // the word's number; 0 for none
	}{
		{"nothing said", nil, nil, 0},
		{"declined for good", []radio.Decision{word(1, "", radio.DecideDecline, 0, "")}, nil, 1},
		{"declined that day", []radio.Decision{word(1, "", radio.DecideAccept, 0, ""), word(2, "2026-11-24", radio.DecideDecline, 0, "")}, nil, 2},
		{"declined another day", []radio.Decision{word(1, "", radio.DecideAccept, 0, ""), word(2, "2026-11-25", radio.DecideDecline, 0, "")}, nil, 1},
		{"moved here every day", []radio.Decision{word(1, "", radio.DecideMove, 17*60, "")}, nil, 1},
		{"moved elsewhere since", []radio.Decision{word(1, "", radio.DecideMove, 18*60, "")}, nil, 0},
		{"moved here from another day", []radio.Decision{word(1, "", radio.DecideDecline, 0, ""), word(2, "2026-11-22", radio.DecideMove, 17*60, "2026-11-24")}, nil, 2},
		{"taken back", []radio.Decision{word(1, "", radio.DecideDecline, 0, ""), word(2, "", radio.DecideUndo, 0, "")}, nil, 0},
		{"said afterwards", []radio.Decision{word(200, "", radio.DecideDecline, 0, "")}, nil, 0},
		{"priority", []radio.Decision{word(1, "", radio.DecideDecline, 0, "")}, func(r *radio.AsRun) { r.Priority = radio.Prior }, 0},
		{"an alert", []radio.Decision{word(1, "", radio.DecideDecline, 0, "")}, func(r *radio.AsRun) { r.Origin = radio.FromAlert }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := row
			if c.row != nil {
				c.row(&r)
			}
			w := &walk{acts: said{words: c.words}, row: r, names: map[radio.UserID]string{"an": "An"}}
			if err := w.decision(t.Context()); err != nil {
				t.Fatal(err)
			}
			switch {
			case c.want == 0 && len(w.steps) > 0:
				t.Errorf("steps %+v", w.steps)
			case c.want > 0 && (len(w.steps) != 1 || w.steps[0].At != radio.Millis(c.want) || w.steps[0].Name != "An" || w.steps[0].Why != "vì" || w.steps[0].Act != radio.ActCommuneDecided):
				t.Errorf("steps %+v, want that of word %d", w.steps, c.want)
			}
		})
	}
}
