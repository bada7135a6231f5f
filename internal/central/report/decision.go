package report

import (
	"cmp"
	"context"

	"loaxa/internal/radio"
)

// mostWords bounds what is looked through for one airing.
const mostWords = 1000

// decision is what the commune said, before it was to sound, of an airing that came from
// above: why it sounds at another time, or does not.
func (w *walk) decision(ctx context.Context) error {
	if w.row.Origin != radio.FromSchedule || w.row.Priority != radio.Normal {
		return nil
	}
	areas := []radio.AreaID{w.row.Commune, w.row.Hamlet}
	all, err := w.acts.Decisions(ctx, areas, w.row.Key.Schedule, mostWords)
	if err != nil {
		return err
	}
	var before []radio.Decision
	for _, d := range all {
		if d.At < w.row.Start {
			before = append(before, d)
		}
	}
	word, ok := counted(radio.NewDecided(before, nil).At(areas), w.row)
	if !ok {
		return nil
	}
	w.add(radio.AirStep{Act: radio.ActCommuneDecided, At: word.At, By: word.By, ID: string(word.Schedule), Code: w.row.ScheduleCode, Title: w.row.ScheduleTitle, Decision: word.Do, Why: word.Reason})
	return nil
}

// counted is the word by which the row stands where it does: the one that moved it there,
// else that of its date, else the standing one.
func counted(said radio.Settlement, row radio.AsRun) (radio.Decision, bool) {
	schedule, slot := row.Key.Schedule, row.Key.Slot
	for _, d := range said.Dates(schedule, slot) {
		if d.Do == radio.DecideMove && cmp.Or(d.ToDate, d.Date) == row.Day && d.To == row.SlotTime {
			return d, true
		}
	}
	if d, ok := said.On(schedule, slot, row.Day); ok && d.Do != radio.DecideMove {
		return d, true
	}
	if d, ok := said.Standing(schedule, slot); ok && (d.Do != radio.DecideMove || d.To == row.SlotTime) {
		return d, true
	}
	return radio.Decision{}, false
}
