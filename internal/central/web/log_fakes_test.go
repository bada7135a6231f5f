package web

import (
	"context"

	"loaxa/internal/radio"
)

func (l *fakeLog) LogTotals(_ context.Context, f radio.LogFilter) (radio.LogTotals, error) {
	t := radio.LogTotals{Outcomes: map[radio.Outcome]int64{}}
	for _, a := range l.pick(f) {
		t.Add(radio.LogCount{Planned: a.Planned(), Outcome: a.Outcome, Rows: 1})
	}
	return t, l.err
}

// sums counts row by row; nothing asks that equal keys stand together.
func (l *fakeLog) sums(f radio.LogFilter, day func(radio.AsRun) radio.Date) ([]radio.LogCount, error) {
	var out []radio.LogCount
	for _, a := range l.pick(f) {
		out = append(out, radio.LogCount{Day: day(a), Commune: a.Commune, CommuneName: a.CommuneName, Slot: a.SlotTime, Planned: a.Planned(), Outcome: a.Outcome, Rows: 1})
	}
	return out, l.err
}

func (l *fakeLog) LogSlots(_ context.Context, f radio.LogFilter) ([]radio.LogCount, error) {
	return l.sums(f, func(a radio.AsRun) radio.Date { return a.Day })
}

func (l *fakeLog) LogCommunes(_ context.Context, f radio.LogFilter) ([]radio.LogCount, error) {
	return l.sums(f, func(a radio.AsRun) radio.Date { return "" })
}

func (l *fakeLog) LogMonths(_ context.Context, f radio.LogFilter) ([]radio.LogCount, error) {
	return l.sums(f, func(a radio.AsRun) radio.Date { return a.Day[:7] })
}
