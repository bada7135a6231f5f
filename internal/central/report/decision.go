package report

import (
	"context"
	"errors"

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
	deciders, err := w.deciders(ctx)
	if err != nil {
		return err
	}
	var areas []radio.AreaID
	for _, d := range deciders {
		areas = append(areas, d.Area)
	}
	all, err := w.acts.Decisions(ctx, areas, w.row.Key.Schedule, mostWords)
	if err != nil {
		return err
	}
	word, ok := radio.WordOn(w.row, radio.NewDecided(all, nil), deciders)
	if !ok {
		return nil
	}
	w.add(radio.AirStep{Act: radio.ActCommuneDecided, At: word.At, By: word.By, ID: string(word.Schedule), Code: w.row.ScheduleCode, Title: w.row.ScheduleTitle, Decision: word.Do, To: word.MovesTo(), Why: word.Reason})
	return nil
}

// deciders are those whose word counted where the row's device stood on its day.
func (w *walk) deciders(ctx context.Context) ([]radio.Decider, error) {
	p, err := w.acts.Place(ctx, w.row.Key.Device)
	if errors.Is(err, radio.ErrNotFound) {
		return w.row.Deciders(radio.Place{}), nil
	}
	return w.row.Deciders(p), err
}
