// Package report answers what was planned and what became of it, in plain structs: a
// page of the confirmation log, totals by outcome, the same by day and commune, and all
// that was ever said about one airing. It reads the rows reconcile keeps in store and
// hands them to web and to commands, which make pages and files of them.
package report

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"loaxa/internal/radio"
)

// Store reads the log.
type Store interface {
	AsRuns(ctx context.Context, f radio.LogFilter, after radio.LogCursor, limit int) ([]radio.AsRun, error)
	LogTotals(ctx context.Context, f radio.LogFilter) (radio.LogTotals, error)
	Sums
	AsRunHistory(ctx context.Context, device radio.DeviceID, airing radio.AiringID) (radio.AsRun, []radio.Word, error)
	// JournalProof gives the batch that brought a record, and all records it signed.
	JournalProof(ctx context.Context, ref radio.JournalRef, seq uint64) (radio.JournalProof, [][]byte, error)
	// LogChoices lists what stands in the log on a filter's first day.
	LogChoices(ctx context.Context, f radio.LogFilter) (radio.LogChoices, error)
}

// Sums counts the log by outcome.
type Sums interface {
	// LogCounts counts by day and commune, days in order.
	LogCounts(ctx context.Context, f radio.LogFilter) ([]radio.LogCount, error)
	// LogSlots counts by commune and slot.
	LogSlots(ctx context.Context, f radio.LogFilter) ([]radio.LogCount, error)
	LogCommunes(ctx context.Context, f radio.LogFilter) ([]radio.LogCount, error)
	// LogMonths counts by commune and local month, which stands in Day.
	LogMonths(ctx context.Context, f radio.LogFilter) ([]radio.LogCount, error)
}

// overdueAfter the planned end a pending airing is shown as overdue (design §3).
const overdueAfter = 10 * time.Minute

// Report is safe for concurrent use.
type Report struct {
	store Store
	now   func() time.Time
}

// New only stores.
func New(store Store, now func() time.Time) *Report { return &Report{store: store, now: now} }

// Log gives a page of at most limit rows, newest first, after the cursor.
func (r *Report) Log(ctx context.Context, f radio.LogFilter, after radio.LogCursor, limit int) (radio.LogPage, error) {
	if err := f.Check(); err != nil {
		return radio.LogPage{}, err
	}
	if limit < 1 || limit > radio.MaxLogRows {
		var e radio.Invalid
		e.Add("limit", "số dòng từ 1 đến "+strconv.Itoa(radio.MaxLogRows), "want 1 to "+strconv.Itoa(radio.MaxLogRows)+" rows")
		return radio.LogPage{}, e.Err()
	}
	// One row more tells whether another page follows.
	rows, err := r.store.AsRuns(ctx, f, after, limit+1)
	if err != nil {
		return radio.LogPage{}, err
	}
	var page radio.LogPage
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		page.Next = last.Cursor()
	}
	now := radio.At(r.now())
	page.Rows = make([]radio.LogRow, len(rows))
	for i, a := range rows {
		page.Rows[i] = rowAt(a, now)
	}
	return page, nil
}

func rowAt(a radio.AsRun, now radio.Millis) radio.LogRow {
	pending := a.Outcome == radio.PendingOutcome
	return radio.LogRow{AsRun: a, Future: pending && a.Start > now, Overdue: pending && now > a.End().Add(overdueAfter)}
}

// Totals counts what the filter lets through.
func (r *Report) Totals(ctx context.Context, f radio.LogFilter) (radio.LogTotals, error) {
	if err := f.Check(); err != nil {
		return radio.LogTotals{}, err
	}
	return r.store.LogTotals(ctx, f)
}

// Days counts by local day and commune, in that order.
func (r *Report) Days(ctx context.Context, f radio.LogFilter) ([]radio.LogDay, error) {
	counts, err := r.counts(ctx, f)
	if err != nil {
		return nil, err
	}
	var days []radio.LogDay
	for _, c := range counts {
		if n := len(days); n == 0 || days[n-1].Day != c.Day || days[n-1].Commune != c.Commune {
			days = append(days, radio.LogDay{Day: c.Day, Commune: c.Commune, CommuneName: c.CommuneName})
		}
		days[len(days)-1].Add(c)
	}
	return days, nil
}

func (r *Report) counts(ctx context.Context, f radio.LogFilter) ([]radio.LogCount, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	return r.store.LogCounts(ctx, f)
}

// History gives an airing's row and every word said about it, the first word first.
func (r *Report) History(ctx context.Context, device radio.DeviceID, airing radio.AiringID) (radio.LogRow, []radio.Word, error) {
	if !radio.ValidID(device) || !radio.ValidID(airing) {
		return radio.LogRow{}, nil, fmt.Errorf("airing: %w", radio.ErrNotFound)
	}
	a, words, err := r.store.AsRunHistory(ctx, device, airing)
	if err != nil {
		return radio.LogRow{}, nil, err
	}
	return rowAt(a, radio.At(r.now())), words, nil
}

// Proofs says of every word that stands in a journal whether the centre holds the signed
// batch that brought it.
func (r *Report) Proofs(ctx context.Context, device radio.DeviceID, words []radio.Word) ([]radio.LogProof, error) {
	var out []radio.LogProof
	for _, w := range words {
		if w.Journal == "" {
			continue
		}
		p := radio.LogProof{Journal: w.Journal, Seq: w.Seq}
		batch, records, err := r.store.JournalProof(ctx, radio.JournalRef{Device: device, Journal: w.Journal}, w.Seq)
		if err != nil && !errors.Is(err, radio.ErrNotFound) {
			return nil, err
		}
		// A signature without all it signed proves nothing.
		if err == nil && len(batch.Signatures) > 0 && uint64(len(records)) == batch.Last-batch.First+1 {
			p.Held, p.First, p.Last = true, batch.First, batch.Last
		}
		out = append(out, p)
	}
	return out, nil
}

// Choices lists what stands in the log on one day, in the communes the reader may see.
func (r *Report) Choices(ctx context.Context, day radio.Date, communes []radio.AreaID) (radio.LogChoices, error) {
	return r.store.LogChoices(ctx, radio.LogFilter{From: day, Communes: communes})
}
