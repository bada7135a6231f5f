package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// LogDevices lists the devices with rows in the parts of the log from an instant on.
func (s *Store) LogDevices(ctx context.Context, from radio.Millis) ([]radio.DeviceID, error) {
	parts, err := s.LogParts(ctx)
	if err != nil {
		return nil, err
	}
	return s.monthDevices(ctx, slices.DeleteFunc(parts, func(p int64) bool { return p < monthOf(from) }))
}

// Settle adds days to the books of some devices in one transaction. each gets the end of a
// device's book and its rows that start from from until to, which settle now; it gives the
// entries. A device whose newest programme has not been met with the log yet waits: its rows
// may still move.
func (s *Store) Settle(ctx context.Context, devices []radio.DeviceID, from, to radio.Millis, each func(end radio.BookEnd, rows []radio.KeptRow) ([]radio.SettledDay, error)) error {
	err := s.Log(ctx, func(t *LogTx) error {
		for _, d := range devices {
			if err := t.settle(ctx, d, from, to, each); err != nil {
				return fmt.Errorf("device %s: %w", d, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("settle days: %w", err)
	}
	return nil
}

func (t *LogTx) settle(ctx context.Context, d radio.DeviceID, from, to radio.Millis, each func(radio.BookEnd, []radio.KeptRow) ([]radio.SettledDay, error)) error {
	var waits int64
	if err := t.q.QueryRowContext(ctx, `SELECT COUNT(*) FROM issued WHERE device = $1 AND document = 'programme'
		AND revision > COALESCE((SELECT revision FROM airing_freeze WHERE device = $1), 0) AND issued_at < $2`, string(d), int64(to)).Scan(&waits); err != nil || waits > 0 {
		return err
	}
	ends, err := collect(ctx, t.q, scanBookEnd, `SELECT device, n, day, link FROM settled_end WHERE device = $1`, string(d))
	if err != nil {
		return err
	}
	end := radio.BookEnd{Device: d}
	if len(ends) > 0 {
		end = ends[0]
	}
	// By any zone's clock the days behind the book's end begin later than this.
	if day, err := time.Parse(time.DateOnly, string(end.Day)); err == nil {
		from = max(from, radio.At(day))
	}
	rows, err := t.keptBetween(ctx, d, from, to)
	if err != nil || len(rows) == 0 {
		return err
	}
	days, err := each(end, rows)
	if err != nil || len(days) == 0 {
		return err
	}
	var list [][]any
	for _, x := range days {
		list = append(list, []any{string(d), int64(x.N), string(x.Before), string(x.Day), int64(x.KnownAt), int64(x.Rows), string(x.Digest), x.Link[:], x.Body})
	}
	if err := t.put(ctx, bulk{table: "settled_day", columns: []string{"device text", "n bigint", "before text", "day text", "known_at bigint", "log_rows bigint",
		"digest text", "link bytea", "body bytea"}}, list); err != nil {
		return err
	}
	last := days[len(days)-1]
	return t.put(ctx, bulk{table: "settled_end", columns: []string{"device text", "n bigint", "day text", "link bytea"},
		conflict: "ON CONFLICT (device) DO UPDATE SET n = excluded.n, day = excluded.day, link = excluded.link"},
		[][]any{{string(d), int64(last.N), string(last.Day), last.Link[:]}})
}

// keptBetween gives a device's rows that start from one instant until another, with all that
// was said about them, in the order of day and airing.
func (t *LogTx) keptBetween(ctx context.Context, d radio.DeviceID, from, to radio.Millis) ([]radio.KeptRow, error) {
	args := []any{string(d), int64(from), int64(to)}
	found, err := collect(ctx, t.q, scanFound, `SELECT `+airingColumns+`, a.place, a.item FROM airing a WHERE a.device = $1 AND a.start >= $2 AND a.start < $3 ORDER BY a.day, a.airing`, args...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	rows, err := t.store.describeAny(ctx, t.q, found)
	if err != nil {
		return nil, err
	}
	said, err := collect(ctx, t.q, scanWord, `SELECT w.airing, w.n, w.known_at, w.said, w.outcome, w.reason, w.started_at, w.consumed, w.expected, w.at_least, w.proof, w.stale, w.clock, w.journal, w.seq
		FROM airing a JOIN airing_word w ON w.month = a.month AND w.device = a.device AND w.airing = a.airing
		WHERE a.device = $1 AND a.start >= $2 AND a.start < $3 ORDER BY w.airing, w.month, w.n`, args...)
	if err != nil {
		return nil, err
	}
	words := map[radio.AiringID][]radio.Word{}
	for _, w := range said {
		words[w.Airing] = append(words[w.Airing], w)
	}
	out := make([]radio.KeptRow, len(rows))
	for i, a := range rows {
		out[i] = radio.KeptRow{AsRun: a, Said: words[a.Airing]}
	}
	return out, nil
}

func scanBookEnd(r *sql.Rows) (radio.BookEnd, error) {
	var e radio.BookEnd
	var link []byte
	err := r.Scan(&e.Device, &e.N, &e.Day, &link)
	copy(e.Link[:], link)
	return e, err
}

// BookEnds gives the end of every device's book of days.
func (s *Store) BookEnds(ctx context.Context) ([]radio.BookEnd, error) {
	out, err := bookEnds(ctx, s.read)
	return out, s.kind(err)
}

func bookEnds(ctx context.Context, q querier) ([]radio.BookEnd, error) {
	out, err := collect(ctx, q, scanBookEnd, `SELECT device, n, day, link FROM settled_end ORDER BY device`)
	if err != nil {
		return nil, fmt.Errorf("ends of the books of days: %w", err)
	}
	return out, nil
}

// SettledDays gives at most limit entries of a device's book of days behind entry after, with
// their bodies or without.
func (s *Store) SettledDays(ctx context.Context, device radio.DeviceID, after uint64, limit int, bodies bool) ([]radio.SettledDay, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.SettledDay, error) {
		x := radio.SettledDay{Device: device}
		var link []byte
		err := r.Scan(&x.N, &x.Before, &x.Day, &x.KnownAt, &x.Rows, &x.Digest, &link, &x.Body)
		copy(x.Link[:], link)
		return x, err
	}, `SELECT n, before, day, known_at, log_rows, digest, link, CASE WHEN $4 = 1 THEN body END FROM settled_day WHERE device = $1 AND n > $2 ORDER BY n LIMIT $3`, string(device), int64(after), limit, bit(bodies))
	if err != nil {
		return nil, s.kind(fmt.Errorf("settled days of device %s: %w", device, err))
	}
	return out, nil
}
