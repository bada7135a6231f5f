package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

var (
	deviceRevisions = bulk{table: "device_revision",
		columns: []string{"device text", "journal text", "seq bigint", "at bigint", "revision bigint"}}
	journalAts = bulk{table: "device_status", columns: []string{"device text", "journal_at bigint", "last_seen bigint"},
		conflict: `ON CONFLICT (device) DO UPDATE SET
			journal_at = CASE WHEN excluded.journal_at > device_status.journal_at THEN excluded.journal_at ELSE device_status.journal_at END,
			last_seen = CASE WHEN excluded.last_seen > device_status.last_seen THEN excluded.last_seen ELSE device_status.last_seen END`}
)

// PutHeard keeps which programmes became active, and up to which instant each device
// has told everything; at is when the centre received it.
func (t *LogTx) PutHeard(ctx context.Context, at radio.Millis, revisions []radio.DeviceRevision, told map[radio.DeviceID]radio.Millis) error {
	var rows, marks [][]any
	for _, r := range revisions {
		rows = append(rows, []any{string(r.Device), string(r.Journal), int64(r.Seq), int64(r.At), r.Revision})
	}
	for device, upto := range told {
		marks = append(marks, []any{string(device), int64(upto), int64(at)})
	}
	if err := t.put(ctx, deviceRevisions, rows); err != nil {
		return err
	}
	return t.put(ctx, journalAts, marks)
}

// Unjudged lists, of at most limit devices that have told more since they were judged,
// the planned airings without a device's word that start before what was told, and
// marks the devices as judged. slack is taken off what was told.
func (t *LogTx) Unjudged(ctx context.Context, slack radio.Millis, limit int) (map[radio.DeviceID]radio.Millis, []radio.AsRun, error) {
	type mark struct {
		device radio.DeviceID
		upto   radio.Millis
	}
	marks, err := collect(ctx, t.q, func(rows *sql.Rows) (mark, error) {
		var m mark
		err := rows.Scan(&m.device, &m.upto)
		return m, err
	}, `SELECT device, journal_at FROM device_status WHERE journal_at > judged_at ORDER BY device LIMIT $1`, limit)
	if err != nil {
		return nil, nil, fmt.Errorf("devices to judge: %w", err)
	}
	told := make(map[radio.DeviceID]radio.Millis, len(marks))
	var out []radio.AsRun
	for _, m := range marks {
		told[m.device] = m.upto - slack
		rows, err := collect(ctx, t.q, scanAsRun, `SELECT `+asRunColumns+asRunFrom+`
			WHERE a.device = $1 AND a.outcome IN ('pending', 'silent') AND a.origin = 'schedule' AND a.start < $2 ORDER BY a.start`,
			string(m.device), int64(m.upto-slack))
		if err != nil {
			return nil, nil, fmt.Errorf("airings to judge of device %s: %w", m.device, err)
		}
		t.note(rows...)
		out = append(out, rows...)
		if _, err := t.q.ExecContext(ctx, `UPDATE device_status SET judged_at = $1 WHERE device = $2`, int64(m.upto), string(m.device)); err != nil {
			return nil, nil, fmt.Errorf("mark device %s as judged: %w", m.device, err)
		}
	}
	return told, out, nil
}

// ActiveRevision gives the programme a device ran at an instant, 0 for none, by its
// journals; known is false when they do not tell. Revisions never go back, so the
// highest one noted up to the instant ran, also when a clock was wrong in between.
func (t *LogTx) ActiveRevision(ctx context.Context, device radio.DeviceID, at radio.Millis) (revision int64, known bool, err error) {
	var count int64
	err = t.q.QueryRowContext(ctx, `
		SELECT COUNT(*), COALESCE(MAX(CASE WHEN at <= $2 THEN revision END), 0) FROM device_revision WHERE device = $1`,
		string(device), int64(at)).Scan(&count, &revision)
	if err != nil {
		return 0, false, fmt.Errorf("programme of device %s: %w", device, err)
	}
	return revision, count > 0, nil
}

// IssuedRevisions gives the newest revision of a kind of document of every device
// that has one.
func (s *Store) IssuedRevisions(ctx context.Context, document string) (map[radio.DeviceID]int64, error) {
	out := map[radio.DeviceID]int64{}
	_, err := collect(ctx, s.read, func(rows *sql.Rows) (struct{}, error) {
		var device radio.DeviceID
		var revision int64
		err := rows.Scan(&device, &revision)
		out[device] = revision
		return struct{}{}, err
	}, `SELECT device, MAX(revision) FROM issued WHERE document = $1 GROUP BY device`, document)
	if err != nil {
		return nil, s.kind(fmt.Errorf("revisions of every %s: %w", document, err))
	}
	return out, nil
}
