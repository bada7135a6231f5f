package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

const batchColumns = `b.id, b.kind, b.gain_db, b.airing, b.area, b.issued_by, COALESCE(p.name, b.issued_by), b.issued_at, b.expires_at, b.devices`

const batchPerson = ` LEFT JOIN person p ON p.id = b.issued_by `

func batchFields(b *radio.CommandBatch) []any {
	return []any{&b.ID, &b.Do, &b.GainDB, &b.Airing, &b.Area, &b.By, &b.ByName, &b.IssuedAt, &b.ExpiresAt, &b.Devices}
}

var commandRows = bulk{table: "command", columns: []string{"id text", "batch text", "device text"}}

// AddCommands keeps an order with its commands; subject and facts are what the audit
// says of it.
func (s *Store) AddCommands(ctx context.Context, b radio.CommandBatch, targets []radio.CommandTarget, subject string, facts radio.AuditFacts) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO command_batch (id, kind, gain_db, airing, area, issued_by, issued_at, expires_at, devices)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			string(b.ID), string(b.Do), b.GainDB, string(b.Airing), string(b.Area), string(b.By), int64(b.IssuedAt), int64(b.ExpiresAt), len(targets))
		if err != nil {
			return fmt.Errorf("keep batch %s: %w", b.ID, err)
		}
		rows := make([][]any, len(targets))
		for i, t := range targets {
			rows[i] = []any{string(t.ID), string(b.ID), string(t.Device)}
		}
		if err := s.bulkTx(tx).put(ctx, commandRows, rows); err != nil {
			return fmt.Errorf("keep batch %s: %w", b.ID, err)
		}
		facts.Area = b.Area
		return audit(ctx, tx, b.IssuedAt, string(b.By), "command."+string(b.Do), subject, facts)
	})
}

// CommandBatch gives one order.
func (s *Store) CommandBatch(ctx context.Context, id radio.BatchID) (radio.CommandBatch, error) {
	var b radio.CommandBatch
	err := s.read.QueryRowContext(ctx, `SELECT `+batchColumns+` FROM command_batch b`+batchPerson+`WHERE b.id = $1`, string(id)).Scan(batchFields(&b)...)
	if err != nil {
		return radio.CommandBatch{}, s.kind(fmt.Errorf("command batch %s: %w", id, err))
	}
	return b, nil
}

// CommandBatches lists orders, the newest first.
func (s *Store) CommandBatches(ctx context.Context, limit int) ([]radio.CommandBatch, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (b radio.CommandBatch, err error) { return b, r.Scan(batchFields(&b)...) },
		`SELECT `+batchColumns+` FROM command_batch b`+batchPerson+`ORDER BY b.issued_at DESC, b.id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list command batches: %w", err))
	}
	return out, nil
}

const resultColumns = `c.id, c.device, d.code, d.name, COALESCE(m.id, ''), COALESCE(h.name, ''), COALESCE(m.name, ''),
	COALESCE(r.state, ''), COALESCE(r.reason, ''), COALESCE(r.at, 0), COALESCE(r.received, 0)`

// withStands gives to every area the one that stands for it today, after mergers.
const withStands = `WITH RECURSIVE stands (id, stands) AS (
		SELECT id, id FROM area WHERE valid_to = ''
		UNION ALL SELECT a.id, s.stands FROM stands s JOIN area a ON a.parent = s.id WHERE a.valid_to <> ''
	) `

const resultFrom = ` FROM command c JOIN device d ON d.id = c.device
	LEFT JOIN stands sh ON sh.id = d.hamlet LEFT JOIN area h ON h.id = sh.stands
	LEFT JOIN stands sm ON sm.id = h.parent LEFT JOIN area m ON m.id = sm.stands
	LEFT JOIN receipt r ON r.device = c.device AND r.id = c.id `

func resultFields(x *radio.CommandResult) []any {
	return []any{&x.ID, &x.Device, &x.Code, &x.Name, &x.Commune, &x.HamletName, &x.CommuneName, &x.State, &x.Reason, &x.At, &x.Heard}
}

// CommandResults lists what came of every command of a batch, by code.
func (s *Store) CommandResults(ctx context.Context, id radio.BatchID) ([]radio.CommandResult, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (x radio.CommandResult, err error) { return x, r.Scan(resultFields(&x)...) },
		withStands+`SELECT `+resultColumns+resultFrom+`WHERE c.batch = $1 ORDER BY d.code`, string(id))
	if err != nil {
		return nil, s.kind(fmt.Errorf("results of command batch %s: %w", id, err))
	}
	return out, nil
}

// DeviceCommands lists the newest commands to one device.
func (s *Store) DeviceCommands(ctx context.Context, device radio.DeviceID, limit int) ([]radio.DeviceCommand, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (x radio.DeviceCommand, err error) {
		return x, r.Scan(append(batchFields(&x.Batch), resultFields(&x.Result)...)...)
	}, withStands+`SELECT `+batchColumns+`, `+resultColumns+resultFrom+` JOIN command_batch b ON b.id = c.batch`+batchPerson+`
		WHERE c.device = $1 ORDER BY c.id DESC LIMIT $2`, string(device), limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("commands to device %s: %w", device, err))
	}
	return out, nil
}

// LiveCommands lists the commands that have not expired at now and of which their device
// has said nothing, the oldest order first; of one device, or of all ("").
func (s *Store) LiveCommands(ctx context.Context, device radio.DeviceID, now radio.Millis) ([]radio.LiveCommand, error) {
	one, args := ``, []any{int64(now)}
	if device != "" {
		one, args = ` AND c.device = $2`, append(args, string(device))
	}
	out, err := collect(ctx, s.read, func(r *sql.Rows) (x radio.LiveCommand, err error) {
		return x, r.Scan(append(batchFields(&x.Batch), &x.ID, &x.Device)...)
	}, `SELECT `+batchColumns+`, c.id, c.device FROM command_batch b JOIN command c ON c.batch = b.id
			LEFT JOIN receipt r ON r.device = c.device AND r.id = c.id`+batchPerson+`
		WHERE b.expires_at > $1 AND r.id IS NULL`+one+` ORDER BY b.issued_at, b.id, c.id`, args...)
	if err != nil {
		return nil, s.kind(fmt.Errorf("commands under way: %w", err))
	}
	return out, nil
}

// forgetAtOnce bounds the orders that go in one transaction.
const forgetAtOnce = 5

// ForgetCommands drops orders that expired before an instant, with their commands and
// what devices said of them, the oldest first; more says whether there are others.
func (s *Store) ForgetCommands(ctx context.Context, before radio.Millis) (more bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		old, err := collect(ctx, tx, func(r *sql.Rows) (id string, err error) { return id, r.Scan(&id) },
			`SELECT id FROM command_batch WHERE expires_at < $1 ORDER BY expires_at LIMIT $2`, int64(before), forgetAtOnce)
		if err != nil {
			return fmt.Errorf("list old orders: %w", err)
		}
		more = len(old) == forgetAtOnce
		for _, id := range old {
			for _, q := range []string{
				`DELETE FROM receipt_step WHERE (id, device) IN (SELECT id, device FROM command WHERE batch = $1)`,
				`DELETE FROM receipt WHERE (device, id) IN (SELECT device, id FROM command WHERE batch = $1)`,
				`DELETE FROM command WHERE batch = $1`,
				`DELETE FROM command_batch WHERE id = $1`,
			} {
				if _, err := tx.ExecContext(ctx, q, id); err != nil {
					return fmt.Errorf("forget order %s: %w", id, err)
				}
			}
		}
		return nil
	})
	return more, err
}
