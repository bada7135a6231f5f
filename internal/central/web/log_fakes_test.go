package web

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

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

func (l *fakeLog) LogChoices(_ context.Context, f radio.LogFilter) (radio.LogChoices, error) {
	f.To = f.From
	var c radio.LogChoices
	for _, a := range l.pick(f) {
		if a.Planned() && !slices.Contains(c.Slots, a.SlotTime) {
			c.Slots = append(c.Slots, a.SlotTime)
		}
		if a.Campaign != "" && !slices.Contains(c.Campaigns, a.Campaign) {
			c.Campaigns = append(c.Campaigns, a.Campaign)
		}
		if a.Bulletin != "" && !slices.Contains(c.Bulletins, a.Bulletin) {
			c.Bulletins = append(c.Bulletins, a.Bulletin)
		}
	}
	return c, l.err
}

// fakeFiles writes a line for each row, as export does within its formats.
type fakeFiles struct {
	log   *fakeLog
	asked []LogFile
	err   error
}

func (f *fakeFiles) CSV(_ context.Context, file LogFile, begin func(time.Time) (io.Writer, error)) error {
	f.asked = append(f.asked, file)
	if f.err != nil {
		return f.err
	}
	if err := file.Filter.Check(); err != nil {
		return err
	}
	w, err := begin(now)
	if err != nil {
		return err
	}
	for _, a := range f.log.pick(file.Filter) {
		if _, err := fmt.Fprintf(w, "%s,%s,%s,%s\r\n", a.Day, a.CommuneName, a.DeviceName, file.Words.Outcome(a.Outcome)); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeFiles) XLSX(ctx context.Context, file LogFile, begin func(time.Time) (io.Writer, error)) error {
	return f.CSV(ctx, file, begin)
}
