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

// Place is in a commune that took the one of the row, from July 2026 on.
func (s said) Place(context.Context, radio.DeviceID) (radio.Place, error) {
	return radio.Place{Chain: []radio.Area{{ID: "tinh", Kind: radio.Province}, {ID: "moi", Kind: radio.Commune},
		{ID: "xa", Kind: radio.Commune, ValidTo: "2026-11-30"}, {ID: "thon", Kind: radio.Hamlet}}}, nil
}

// TestWhichWordPutItThere: the trail of an airing names the word by which it sounds when it
// does, or does not.
func TestWhichWordPutItThere(t *testing.T) {
	word := func(n int64, date radio.Date, do radio.DecisionKind, to radio.TimeOfDay, toDate radio.Date) radio.Decision {
		return radio.Decision{N: n, Area: "xa", Schedule: "s", Slot: "l", Date: date, Do: do, To: to, ToDate: toDate, By: "an", At: radio.Millis(n), Reason: "vì"}
	}
	row := radio.AsRun{Origin: radio.FromSchedule, Priority: radio.Normal, Commune: "xa", Hamlet: "thon", Day: "2026-11-24", SlotTime: 17 * 60, Start: 100, Key: radio.AiringKey{Schedule: "s", Slot: "l"}}
	gone := func(r *radio.AsRun) { r.Outcome = radio.Cancelled }
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
		{"cancelled, as it moved elsewhere", []radio.Decision{word(1, "", radio.DecideMove, 18*60, "")}, gone, 1},
		{"cancelled, as that day moved elsewhere", []radio.Decision{word(1, "", radio.DecideAccept, 0, ""), word(2, "2026-11-24", radio.DecideMove, 17*60, "2026-11-25")}, gone, 2},
		{"cancelled, as it was moved on", []radio.Decision{word(1, "2026-11-22", radio.DecideMove, 17*60, "2026-11-24"), word(2, "2026-11-22", radio.DecideMove, 9*60, "2026-11-23")}, gone, 2},
		{"cancelled, as its move was taken back", []radio.Decision{word(1, "2026-11-22", radio.DecideMove, 17*60, "2026-11-24"), word(2, "2026-11-22", radio.DecideUndo, 0, "")}, gone, 2},
		{"cancelled, but not by the commune", []radio.Decision{word(1, "", radio.DecideAccept, 0, "")}, gone, 0},
		{"cancelled where it was moved to", []radio.Decision{word(1, "", radio.DecideMove, 17*60, "")}, gone, 0},
		{"cancelled before it moved", []radio.Decision{word(200, "", radio.DecideMove, 18*60, "")}, gone, 0},
		{"the commune that took it had no word yet", []radio.Decision{{N: 1, Area: "moi", Schedule: "s", Slot: "l", Do: radio.DecideDecline, At: 1}}, nil, 0},
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
