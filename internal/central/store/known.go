package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// The log as it was known at an instant: the rows as they stand, with the outcome that
// the words said until then have given them. Words are only added to, so nothing has to
// be kept for it; the price is that the rows of the days asked for are walked.

// asKnownPage is how many rows are read at a time.
const asKnownPage = 500

// current is the filter without what the instant decides.
func current(f radio.LogFilter) radio.LogFilter {
	f.KnownAt, f.Outcome = 0, ""
	return f
}

// fits says whether a row, as it was known, has the outcome the filter asks for.
func fits(f radio.LogFilter, a radio.AsRun) bool {
	if f.Outcome == radio.Unplanned {
		return !a.Planned()
	}
	return slices.Contains(f.Outcomes(), a.Outcome)
}

// asKnown gives a page of the log as it was known at f.KnownAt.
func (v *LogView) asKnown(ctx context.Context, f radio.LogFilter, after radio.LogCursor, limit int) ([]radio.AsRun, error) {
	var out []radio.AsRun
	for {
		rows, err := v.AsRuns(ctx, current(f), after, asKnownPage)
		if err != nil {
			return nil, err
		}
		known, err := v.then(ctx, rows, f.KnownAt)
		if err != nil {
			return nil, err
		}
		for _, a := range known {
			if fits(f, a) {
				out = append(out, a)
			}
			if len(out) == limit {
				return out, nil
			}
		}
		if len(rows) < asKnownPage {
			return out, nil
		}
		after = rows[len(rows)-1].Cursor()
	}
}

// then gives the rows as they were known at an instant, without those nobody knew of.
func (v *LogView) then(ctx context.Context, rows []radio.AsRun, at radio.Millis) ([]radio.AsRun, error) {
	out := make([]radio.AsRun, 0, len(rows))
	for _, a := range rows {
		if a.KnownAt <= at && a.FrozenAt <= at {
			out = append(out, a) // nothing that counts was said since
			continue
		}
		said, err := collect(ctx, v.q, scanWord, `SELECT airing, n, known_at, said, outcome, reason, started_at, consumed, expected, at_least, proof, stale, clock, journal, seq
			FROM airing_word WHERE month = $1 AND device = $2 AND airing = $3 ORDER BY n`, monthOf(a.Ref().At), string(a.Key.Device), string(a.Airing))
		if err != nil {
			return nil, v.store.kind(fmt.Errorf("words about airing %s: %w", a.Airing, err))
		}
		if was, ok := (radio.KeptRow{AsRun: a, Said: said}).AsKnown(at); ok {
			out = append(out, was)
		}
	}
	return out, nil
}

// countsKnown counts as counts does, as it was known at f.KnownAt.
func (v *LogView) countsKnown(ctx context.Context, f radio.LogFilter, by ...string) (out []radio.LogCount, err error) {
	if v.q == v.store.read {
		// Sums and rows are read apart: of one instant, or a word that comes between counts twice.
		err = v.store.LogSnapshot(ctx, func(one *LogView) error {
			out, err = one.countsKnown(ctx, f, by...)
			return err
		})
		return out, err
	}
	now, err := v.counts(ctx, current(f), by...)
	if err != nil {
		return nil, err
	}
	sums := map[radio.LogCount]int64{}
	for _, c := range now {
		n := c.Rows
		c.Rows = 0
		sums[c] += n
	}
	if err := v.since(ctx, f, func(a radio.AsRun, was *radio.AsRun) {
		sums[cellOf(a, by)]--
		if was != nil {
			sums[cellOf(*was, by)]++
		}
	}); err != nil {
		return nil, err
	}
	for c, n := range sums {
		if c.Rows = n; n != 0 && fits(f, radio.AsRun{Outcome: c.Outcome, Origin: radio.FromSchedule, FrozenAt: radio.Millis(bit(c.Planned))}) {
			out = append(out, c)
		}
	}
	order := radio.Outcomes()
	slices.SortFunc(out, func(a, b radio.LogCount) int {
		return cmp.Or(inOrder(by, a, b), cmp.Compare(bit(a.Planned), bit(b.Planned)), cmp.Compare(slices.Index(order, a.Outcome), slices.Index(order, b.Outcome)))
	})
	return out, nil
}

// cellOf is where a row counts, by some of day, commune, slot and month.
func cellOf(a radio.AsRun, by []string) radio.LogCount {
	c := radio.LogCount{Planned: a.Planned(), Outcome: a.Outcome}
	for _, k := range by {
		switch k {
		case "commune":
			c.Commune = a.Commune
		case "slot":
			c.Slot = a.SlotTime
		case "month":
			c.Day = radio.Date(month(a.Day))
		default:
			c.Day = a.Day
		}
	}
	return c
}

func inOrder(by []string, a, b radio.LogCount) int {
	for _, k := range by {
		n := cmp.Compare(a.Day, b.Day)
		switch k {
		case "commune":
			n = cmp.Compare(a.Commune, b.Commune)
		case "slot":
			n = cmp.Compare(a.Slot, b.Slot)
		}
		if n != 0 {
			return n
		}
	}
	return 0
}

// since hands out the rows of a filter about which something was said after f.KnownAt,
// as they are and as they were; nil for one nobody knew of.
func (v *LogView) since(ctx context.Context, f radio.LogFilter, each func(a radio.AsRun, was *radio.AsRun)) error {
	part := plain(current(f))
	order := []string{"day", "start", "airing"}
	if part.Device != "" {
		order = order[1:]
	}
	for after := (radio.LogCursor{}); ; {
		w := airingWhere(part, nil)
		w.add("(a.known_at > ? OR a.frozen_at > ?)", int64(f.KnownAt), int64(f.KnownAt))
		if after != (radio.LogCursor{}) {
			w.add("(a.day, a.start, a.airing) < (?, ?, ?)", string(after.Day), int64(after.Start), string(after.Airing))
		}
		by := ""
		for _, k := range order {
			by += ", a." + k + " DESC"
		}
		if part.Device != "" {
			by = ", a.day DESC" + by
		}
		found, err := collect(ctx, v.q, scanFound, "SELECT "+airingColumns+", a.place, a.item FROM airing a"+v.store.by(airingIndex(part))+w.text()+
			" ORDER BY "+by[2:]+fmt.Sprintf(" LIMIT %d", asKnownPage), w.args...)
		if err != nil {
			return v.store.kind(fmt.Errorf("what was said since: %w", err))
		}
		for _, a := range found {
			known, err := v.then(ctx, []radio.AsRun{a.AsRun}, f.KnownAt)
			switch {
			case err != nil:
				return err
			case len(known) == 0:
				each(a.AsRun, nil)
			default:
				each(a.AsRun, &known[0])
			}
			after = a.Cursor()
		}
		if len(found) < asKnownPage {
			return nil
		}
	}
}
