package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

const machineColumns = `m.device, m.machine, m.first_at, m.last_at, m.returns, m.returned_at`

func scanMachine(r *sql.Rows) (m radio.DeviceMachine, err error) {
	return m, r.Scan(&m.Device, &m.Machine, &m.FirstAt, &m.LastAt, &m.Returns, &m.ReturnedAt)
}

// Machines gives the boards that spoke under the identities of these devices.
func (t *LogTx) Machines(ctx context.Context, devices []radio.DeviceID) (map[radio.DeviceID][]radio.DeviceMachine, error) {
	keys := make([][]any, len(devices))
	for i, d := range devices {
		keys[i] = []any{string(d)}
	}
	rows, err := pick(ctx, t, machineColumns, `device_machine m`, []string{"m.device text"}, keys, scanMachine)
	if err != nil {
		return nil, fmt.Errorf("boards of devices: %w", err)
	}
	out := map[radio.DeviceID][]radio.DeviceMachine{}
	for _, m := range rows {
		out[m.Device] = append(out[m.Device], m)
	}
	return out, nil
}

var machineRows = bulk{table: "device_machine",
	columns: []string{"device text", "machine text", "first_at bigint", "last_at bigint", "returns bigint", "returned_at bigint"},
	conflict: `ON CONFLICT (device, machine) DO UPDATE SET last_at = excluded.last_at, returns = excluded.returns,
		returned_at = excluded.returned_at`}

// PutMachines keeps boards as they stand now, and forgets those named.
func (t *LogTx) PutMachines(ctx context.Context, now, gone []radio.DeviceMachine) error {
	for _, m := range gone {
		if _, err := t.q.ExecContext(ctx, `DELETE FROM device_machine WHERE device = $1 AND machine = $2`, string(m.Device), m.Machine); err != nil {
			return fmt.Errorf("forget a board of device %s: %w", m.Device, err)
		}
	}
	rows := make([][]any, len(now))
	for i, m := range now {
		rows[i] = []any{string(m.Device), m.Machine, int64(m.FirstAt), int64(m.LastAt), int64(m.Returns), int64(m.ReturnedAt)}
	}
	return t.put(ctx, machineRows, rows)
}

// MachineReturns sums up, by device, how often boards spoke again after another one had,
// of those that did so since an instant; or journals, where that is more often.
func (s *Store) MachineReturns(ctx context.Context, since radio.Millis) (map[radio.DeviceID]int, error) {
	out := map[radio.DeviceID]int{}
	_, err := collect(ctx, s.read, func(rows *sql.Rows) (struct{}, error) {
		var device radio.DeviceID
		var n int
		err := rows.Scan(&device, &n)
		out[device] = n
		return struct{}{}, err
	}, `SELECT s.device, MAX(s.n) FROM (SELECT device, CAST(SUM(returns) AS BIGINT) AS n FROM device_machine
		WHERE returned_at >= $1 AND returns > 0 GROUP BY device, CASE WHEN machine LIKE 'journal:%' THEN 1 ELSE 0 END) s GROUP BY s.device`, int64(since))
	if err != nil {
		return nil, s.kind(fmt.Errorf("boards that share an identity: %w", err))
	}
	return out, nil
}

// DeviceMachines lists the boards that spoke under a device's identity, the latest first.
func (s *Store) DeviceMachines(ctx context.Context, d radio.DeviceID) ([]radio.DeviceMachine, error) {
	out, err := collect(ctx, s.read, scanMachine, `SELECT `+machineColumns+` FROM device_machine m WHERE m.device = $1 AND m.machine NOT LIKE 'journal:%' ORDER BY m.last_at DESC, m.machine`, string(d))
	if err != nil {
		return nil, s.kind(fmt.Errorf("boards of device %s: %w", d, err))
	}
	return out, nil
}
