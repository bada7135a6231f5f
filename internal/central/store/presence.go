package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

// PutNews writes down what devices say of themselves.
//
// Presence is an unsigned hint under a connection number the device persists: a higher
// number replaces, and of the same connection a death replaces its birth but never the
// other way round, so a late or repeated message changes nothing. A hello is signed:
// its connection counts even when lower, for a device that lost its numbers.
//
// last_seen moves with hello, and with a report that differs from the one held: an
// external broker repeats retained reports of devices long gone.
func (t *LogTx) PutNews(ctx context.Context, news []radio.DeviceNews) error {
	for _, n := range news {
		if err := t.putNews(ctx, n); err != nil {
			return fmt.Errorf("news of device %s: %w", n.Device, err)
		}
	}
	return nil
}

func (t *LogTx) putNews(ctx context.Context, n radio.DeviceNews) error {
	device, at := string(n.Device), int64(n.Received)
	if p := n.Presence; p != nil {
		if _, err := t.q.ExecContext(ctx, `
			INSERT INTO device_status (device, alive, connection, presence_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (device) DO UPDATE SET alive = excluded.alive, connection = excluded.connection, presence_at = excluded.presence_at
			WHERE excluded.connection > device_status.connection
			   OR (excluded.connection = device_status.connection AND excluded.alive = 0)`,
			device, bit(p.Alive), int64(p.Connection), at); err != nil {
			return err
		}
	}
	if n.Hello != nil {
		if _, err := t.q.ExecContext(ctx, `
			INSERT INTO device_status (device, alive, connection, presence_at, last_seen, hello, hello_at) VALUES ($1, 1, $2, $3, $3, $4, $3)
			ON CONFLICT (device) DO UPDATE SET alive = 1, connection = excluded.connection, presence_at = excluded.presence_at,
				last_seen = excluded.last_seen, hello = excluded.hello, hello_at = excluded.hello_at`,
			device, int64(n.Connection), at, n.Hello); err != nil {
			return err
		}
	}
	if n.Reported != nil {
		if _, err := t.q.ExecContext(ctx, `
			INSERT INTO device_status (device, last_seen, reported, reported_at) VALUES ($1, $2, $3, $2)
			ON CONFLICT (device) DO UPDATE SET last_seen = excluded.last_seen, reported = excluded.reported, reported_at = excluded.reported_at
			WHERE device_status.reported IS NULL OR device_status.reported <> excluded.reported`,
			device, at, n.Reported); err != nil {
			return err
		}
	}
	return nil
}

// receiptRank orders states in SQL as radio.ReceiptState.Rank does.
const receiptRank = `CASE %s WHEN 'received' THEN 1 WHEN 'accepted' THEN 2 WHEN 'running' THEN 3 ELSE 4 END`

// PutReceipts keeps how far each command and alert has come on a device: states only go
// on, and a final one stays. The first word of each state is kept beside it.
func (t *LogTx) PutReceipts(ctx context.Context, receipts []radio.Receipt) error {
	later := fmt.Sprintf(receiptRank, "excluded.state") + ` > ` + fmt.Sprintf(receiptRank, "receipt.state")
	for _, r := range receipts {
		if _, err := t.q.ExecContext(ctx, `
			INSERT INTO receipt (device, id, state, reason, at, received) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (device, id) DO UPDATE SET state = excluded.state, reason = excluded.reason, at = excluded.at, received = excluded.received
			WHERE `+later,
			string(r.Device), r.ID, r.State, r.Reason, int64(r.At), int64(r.Received)); err != nil {
			return fmt.Errorf("receipt of device %s: %w", r.Device, err)
		}
		if _, err := t.q.ExecContext(ctx, `
			INSERT INTO receipt_step (device, id, state, reason, at, received) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			string(r.Device), r.ID, r.State, r.Reason, int64(r.At), int64(r.Received)); err != nil {
			return fmt.Errorf("receipt of device %s: %w", r.Device, err)
		}
	}
	return nil
}

// Receipts lists a device's latest receipts, newest first.
func (s *Store) Receipts(ctx context.Context, device radio.DeviceID, limit int) ([]radio.Receipt, error) {
	out, err := collect(ctx, s.read, func(rows *sql.Rows) (radio.Receipt, error) {
		r := radio.Receipt{Device: device}
		err := rows.Scan(&r.ID, &r.State, &r.Reason, &r.At, &r.Received)
		return r, err
	}, `SELECT id, state, reason, at, received FROM receipt WHERE device = $1 ORDER BY received DESC, id LIMIT $2`, string(device), limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("receipts of device %s: %w", device, err))
	}
	return out, nil
}

const stateColumns = `device, alive, connection, presence_at, last_seen, hello, hello_at, reported, reported_at, journal_at`

func scanState(rows *sql.Rows) (radio.DeviceState, error) {
	var d radio.DeviceState
	var alive int64
	err := rows.Scan(&d.Device, &alive, &d.Connection, &d.At, &d.LastSeen, &d.Hello, &d.HelloAt, &d.Reported, &d.ReportedAt, &d.JournalAt)
	d.Alive = alive != 0
	return d, err
}

// DeviceState gives what a device said of itself; ErrNotFound while it has said nothing.
func (s *Store) DeviceState(ctx context.Context, device radio.DeviceID) (radio.DeviceState, error) {
	states, err := collect(ctx, s.read, scanState, `SELECT `+stateColumns+` FROM device_status WHERE device = $1`, string(device))
	if err == nil && len(states) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return radio.DeviceState{}, s.kind(fmt.Errorf("state of device %s: %w", device, err))
	}
	return states[0], nil
}

// DeviceStates lists every device that ever said something.
func (s *Store) DeviceStates(ctx context.Context) ([]radio.DeviceState, error) {
	out, err := collect(ctx, s.read, scanState, `SELECT `+stateColumns+` FROM device_status ORDER BY device`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("states of devices: %w", err))
	}
	return out, nil
}

// ForgetPresence marks every device as not connected: a centre that starts with its own
// broker knows nobody connected, and the wills of those who left meanwhile never came.
func (s *Store) ForgetPresence(ctx context.Context) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE device_status SET alive = 0 WHERE alive <> 0`); err != nil {
			return fmt.Errorf("forget presence: %w", err)
		}
		return nil
	})
}
