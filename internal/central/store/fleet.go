package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// What is read again and again about every device at once: for lists and for judging.

// Pulses is DeviceStates without the documents in them.
func (s *Store) Pulses(ctx context.Context) ([]radio.DeviceState, error) {
	out, err := collect(ctx, s.read, func(rows *sql.Rows) (radio.DeviceState, error) {
		var d radio.DeviceState
		var alive int64
		err := rows.Scan(&d.Device, &alive, &d.Connection, &d.At, &d.LastSeen, &d.HelloAt, &d.ReportedAt, &d.JournalAt)
		d.Alive = alive != 0
		return d, err
	}, `SELECT device, alive, connection, presence_at, last_seen, hello_at, reported_at, journal_at FROM device_status`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("pulses of devices: %w", err))
	}
	return out, nil
}

// ReportsSince lists the reports that came at or after an instant.
func (s *Store) ReportsSince(ctx context.Context, since radio.Millis) ([]radio.DeviceState, error) {
	out, err := collect(ctx, s.read, func(rows *sql.Rows) (d radio.DeviceState, err error) {
		return d, rows.Scan(&d.Device, &d.ReportedAt, &d.Reported)
	}, `SELECT device, reported_at, reported FROM device_status WHERE reported_at >= $1 AND reported IS NOT NULL`, int64(since))
	if err != nil {
		return nil, s.kind(fmt.Errorf("reports of devices: %w", err))
	}
	return out, nil
}

// IssuedSince lists the documents issued at or after an instant, without what stands in
// them.
func (s *Store) IssuedSince(ctx context.Context, since radio.Millis) ([]radio.Issued, error) {
	out, err := collect(ctx, s.read, func(rows *sql.Rows) (i radio.Issued, err error) {
		return i, rows.Scan(&i.Device, &i.Document, &i.Revision, &i.IssuedAt, &i.NotAfter)
	}, `SELECT device, document, revision, issued_at, not_after FROM issued WHERE issued_at >= $1`, int64(since))
	if err != nil {
		return nil, s.kind(fmt.Errorf("documents issued: %w", err))
	}
	return out, nil
}

// CertificateEnds gives when each device's certificate ends; one that it has not shown
// yet may never have reached it.
func (s *Store) CertificateEnds(ctx context.Context) (map[radio.DeviceID]radio.Millis, error) {
	out := map[radio.DeviceID]radio.Millis{}
	_, err := collect(ctx, s.read, func(rows *sql.Rows) (struct{}, error) {
		var device radio.DeviceID
		var end radio.Millis
		err := rows.Scan(&device, &end)
		out[device] = end
		return struct{}{}, err
	}, `SELECT device, MAX(not_after) FROM device_certificate WHERE revoked_at = 0 AND used_at > 0 GROUP BY device`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("certificates of devices: %w", err))
	}
	return out, nil
}

// ComingAirings lists what starts after from and not after to and has no word yet, by
// device and audio.
func (s *Store) ComingAirings(ctx context.Context, from, to radio.Millis) ([]radio.ComingAirings, error) {
	type row struct {
		radio.ComingAirings
		item string
	}
	rows, err := collect(ctx, s.read, func(rows *sql.Rows) (r row, err error) {
		return r, rows.Scan(&r.Device, &r.item, &r.Start, &r.Count)
	}, `SELECT device, item, MIN(start), COUNT(*) FROM airing
		WHERE start > $1 AND start <= $2 AND outcome = 'pending' AND origin = 'schedule' AND frozen_at > 0 GROUP BY device, item`,
		int64(from), int64(to))
	if err != nil {
		return nil, s.kind(fmt.Errorf("coming airings: %w", err))
	}
	items := map[string]itemCaption{}
	out := make([]radio.ComingAirings, len(rows))
	for i, r := range rows {
		c, ok := items[r.item]
		if !ok {
			if c, err = s.item(ctx, r.item); err != nil {
				return nil, s.kind(fmt.Errorf("coming airings: %w", err))
			}
			items[r.item] = c
		}
		out[i] = r.ComingAirings
		out[i].Title, out[i].SHA256 = c.Title, c.SHA256
	}
	return out, nil
}

func (s *Store) item(ctx context.Context, id string) (c itemCaption, err error) {
	var body []byte
	if err := s.read.QueryRowContext(ctx, `SELECT body FROM caption WHERE id = $1`, id).Scan(&body); err != nil {
		return c, fmt.Errorf("caption %s: %w", id, err)
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return c, fmt.Errorf("caption %s: %w", id, err)
	}
	return c, nil
}

// lastPlanned is the n-th last planned airing of device d that was over at $1. What the
// centre itself called off says nothing about the device.
const lastPlanned = `(SELECT a.outcome || ' ' || a.start || ' ' || a.item FROM airing a
	WHERE a.device = d.id AND a.start < $1 AND a.start + a.samples * 10 / 441 <= $1 AND a.origin = 'schedule' AND a.frozen_at > 0
		AND a.outcome NOT IN ('cancelled', 'declined') ORDER BY a.start DESC, a.airing DESC LIMIT 1 OFFSET `

// QuietAirings lists the enrolled devices without a word about the last one or two of
// their planned airings that were over at an instant.
func (s *Store) QuietAirings(ctx context.Context, over radio.Millis) ([]radio.QuietAirings, error) {
	type row struct {
		device       radio.DeviceID
		last, before sql.NullString
	}
	rows, err := collect(ctx, s.read, func(rows *sql.Rows) (r row, err error) {
		return r, rows.Scan(&r.device, &r.last, &r.before)
	}, `SELECT d.id, `+lastPlanned+`0), `+lastPlanned+`1) FROM device d WHERE d.enrolled_at > 0`, int64(over))
	if err != nil {
		return nil, s.kind(fmt.Errorf("quiet airings: %w", err))
	}
	var out []radio.QuietAirings
	for _, r := range rows {
		q := radio.QuietAirings{Device: r.device}
		item := ""
		for _, text := range []sql.NullString{r.last, r.before} {
			outcome, rest, _ := strings.Cut(text.String, " ")
			if o := radio.Outcome(outcome); o != radio.PendingOutcome && o != radio.Silent {
				break
			}
			start, caption, _ := strings.Cut(rest, " ")
			at, err := strconv.ParseInt(start, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("quiet airings of device %s: %w", r.device, err)
			}
			q.Quiet, q.First, item = q.Quiet+1, radio.Millis(at), caption
		}
		if q.Quiet == 0 {
			continue
		}
		c, err := s.item(ctx, item)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, s.kind(fmt.Errorf("quiet airings of device %s: %w", r.device, err))
		}
		q.Title = c.Title
		out = append(out, q)
	}
	return out, nil
}

// JournalForks counts, by device, the records that came since an instant, and since its
// enrolment, in two versions: two machines then write one journal. A break is such a place
// too, of whose other version the centre has seen only the link. A gap is not: the device
// said that it no longer has what a restored centre lacks.
func (s *Store) JournalForks(ctx context.Context, since radio.Millis) (map[radio.DeviceID]int, error) {
	out := map[radio.DeviceID]int{}
	_, err := collect(ctx, s.read, func(rows *sql.Rows) (struct{}, error) {
		var device radio.DeviceID
		var n int
		err := rows.Scan(&device, &n)
		out[device] = n
		return struct{}{}, err
	}, `SELECT j.device, COUNT(*) FROM journal_conflict j JOIN device d ON d.id = j.device
		WHERE j.kind IN ('fork', 'break') AND j.received >= $1 AND j.received >= d.enrolled_at GROUP BY j.device`, int64(since))
	if err != nil {
		return nil, s.kind(fmt.Errorf("forks of journals: %w", err))
	}
	return out, nil
}
