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

func (l *fakeLog) JournalProof(_ context.Context, ref radio.JournalRef, seq uint64) (radio.JournalProof, [][]byte, error) {
	if seq%2 == 0 {
		return radio.JournalProof{}, nil, radio.ErrNotFound
	}
	return radio.JournalProof{JournalRef: ref, First: seq - 1, Last: seq, Signatures: []byte("[]")}, make([][]byte, 2), nil
}

func (l *fakeLog) LogSlotTimes(context.Context, radio.Date, radio.Date) ([]radio.TimeOfDay, error) {
	return []radio.TimeOfDay{5 * 60, 17 * 60}, nil
}
