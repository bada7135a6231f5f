package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// What happened on a device at an instant is looked for in a part of its journals only:
// they are as long as the device's life, and ordered by number, not by time.

const (
	// eventsAround is how many records of a journal are looked through on each side of an
	// instant: some weeks of an ordinary device.
	eventsAround = 20_000
	// eventsAtMost bounds one answer.
	eventsAtMost = 200
	// clockless is an instant before any device: a clock that shows less is not set.
	clockless radio.Millis = 1_577_836_800_000 // 2020-01-01
)

// journalPart is a stretch of one journal, up to but without to.
type journalPart struct {
	journal radio.JournalID
	from    uint64
	to      uint64
}

// journalsAround finds in each journal of a device the records that lie around an
// instant. The centre's own time of receipt grows with the number, the device's clock
// need not.
func (s *Store) journalsAround(ctx context.Context, d radio.DeviceID, at radio.Millis) ([]journalPart, error) {
	heads, err := collect(ctx, s.read, scanHead, `SELECT h.device, h.journal, h.upto, h.link, h.linked FROM journal_head h WHERE h.device = $1 ORDER BY h.journal`, string(d))
	if err != nil {
		return nil, err
	}
	var out []journalPart
	for _, h := range heads {
		low, high := uint64(1), h.Upto+1
		for low < high {
			middle := low + (high-low)/2
			var seq uint64
			var received radio.Millis
			err := s.read.QueryRowContext(ctx, `SELECT seq, received FROM journal_record WHERE device = $1 AND journal = $2 AND seq >= $3 ORDER BY seq LIMIT 1`,
				string(d), string(h.Journal), int64(middle)).Scan(&seq, &received)
			switch {
			case errors.Is(err, sql.ErrNoRows), err == nil && received >= at:
				high = middle
			case err != nil:
				return nil, err
			default:
				low = seq + 1
			}
		}
		out = append(out, journalPart{h.Journal, low - min(low, eventsAround), low + eventsAround})
	}
	return out, nil
}

// DeviceEvents lists what a device's journals tell of itself between two instants: boots,
// documents that became active, troubles, its clock, what it refused as unproven; in the
// order in which it was written, at most 200. A record written while the clock was not set
// is found by the instant of its receipt.
func (s *Store) DeviceEvents(ctx context.Context, d radio.DeviceID, from, to radio.Millis) ([]radio.Heard, error) {
	parts, err := s.journalsAround(ctx, d, from)
	if err != nil {
		return nil, s.kind(fmt.Errorf("journals of device %s: %w", d, err))
	}
	var out []radio.Heard
	for _, p := range parts {
		found, err := s.heard(ctx, d, p, `kind IN ('boot', 'revision', 'fault', 'security', 'clock') AND (at >= $5 AND at < $6 OR at < $7 AND received >= $5 AND received < $6) ORDER BY seq`,
			int64(from), int64(to), int64(clockless))
		if err != nil {
			return nil, s.kind(fmt.Errorf("events of device %s: %w", d, err))
		}
		out = append(out, found...)
	}
	return out, nil
}

// LastEvents gives the newest boot, change of the clock, and activation of each document
// that a device's journals put at or before an instant.
func (s *Store) LastEvents(ctx context.Context, d radio.DeviceID, at radio.Millis) ([]radio.Heard, error) {
	parts, err := s.journalsAround(ctx, d, at)
	if err != nil {
		return nil, s.kind(fmt.Errorf("journals of device %s: %w", d, err))
	}
	newest := map[string]radio.Heard{}
	for _, p := range parts {
		for _, kind := range []radio.RecordKind{radio.RecordBoot, radio.RecordClock, radio.RecordRevision} {
			found, err := s.heard(ctx, d, p, `kind = $5 AND at <= $6 AND at >= $7 ORDER BY seq DESC`, string(kind), int64(at), int64(clockless))
			if err != nil {
				return nil, s.kind(fmt.Errorf("events of device %s: %w", d, err))
			}
			for _, h := range found {
				key := string(kind)
				if h.Record.Revision != nil {
					key = h.Record.Revision.Document
				}
				if held, ok := newest[key]; !ok || h.Record.At > held.Record.At {
					newest[key] = h
				}
			}
		}
	}
	var out []radio.Heard
	for _, h := range newest {
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b radio.Heard) int {
		if a.Record.At != b.Record.At {
			return int(a.Record.At - b.Record.At)
		}
		return int(a.Record.Seq) - int(b.Record.Seq)
	})
	return out, nil
}

// heard reads records of a part of a journal; more arguments begin at $5.
func (s *Store) heard(ctx context.Context, d radio.DeviceID, p journalPart, where string, more ...any) ([]radio.Heard, error) {
	args := append([]any{string(d), string(p.journal), int64(p.from), int64(p.to)}, more...)
	return collect(ctx, s.read, func(rows *sql.Rows) (radio.Heard, error) {
		h := radio.Heard{Device: d, Journal: p.journal}
		var bytes []byte
		if err := rows.Scan(&h.Received, &bytes); err != nil {
			return h, err
		}
		var err error
		h.Record, err = radio.ParseRecord(bytes)
		return h, err
	}, `SELECT received, bytes FROM journal_record WHERE device = $1 AND journal = $2 AND seq >= $3 AND seq < $4 AND bytes IS NOT NULL AND `+where+
		fmt.Sprintf(" LIMIT %d", eventsAtMost), args...)
}

// IssuedAt gives the newest revision of a document of a device that was issued by an
// instant; ErrNotFound when there was none, or it is kept no more.
func (s *Store) IssuedAt(ctx context.Context, d radio.DeviceID, document string, at radio.Millis) (radio.Issued, error) {
	i, err := scanIssued(s.read.QueryRowContext(ctx,
		`SELECT `+issuedColumns+` FROM issued WHERE device = $1 AND document = $2 AND issued_at <= $3 ORDER BY revision DESC LIMIT 1`, d, document, int64(at)))
	if err != nil {
		return radio.Issued{}, s.kind(fmt.Errorf("%s of device %s as of %d: %w", document, d, at, err))
	}
	return i, nil
}
