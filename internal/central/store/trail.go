package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

// mostSounded bounds what is looked through for one cut.
const mostSounded = 200

// Sounded lists the rows of a device that began between two instants, the first first.
func (s *Store) Sounded(ctx context.Context, d radio.DeviceID, from, to radio.Millis) ([]radio.AsRun, error) {
	// The month is that of the slot's instant, which may lie before the start.
	out, err := collect(ctx, s.read, scanAsRun, `SELECT `+asRunColumns+asRunFrom+`
		WHERE a.month >= $1 AND a.month <= $2 AND a.device = $3 AND a.start >= $4 AND a.start < $5 ORDER BY a.start LIMIT $6`,
		monthOf(from.Add(-24*time.Hour)), monthOf(to), string(d), int64(from), int64(to), mostSounded)
	if err != nil {
		return nil, s.kind(fmt.Errorf("what sounded on device %s: %w", d, err))
	}
	return out, nil
}

// DeviceOrders lists the commands to a device that were issued between two instants, the
// first first.
func (s *Store) DeviceOrders(ctx context.Context, d radio.DeviceID, from, to radio.Millis) ([]radio.DeviceCommand, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (x radio.DeviceCommand, err error) {
		return x, r.Scan(append(batchFields(&x.Batch), resultFields(&x.Result)...)...)
	}, withStands+`SELECT `+batchColumns+`, `+resultColumns+resultFrom+` JOIN command_batch b ON b.id = c.batch`+batchPerson+`
		WHERE c.device = $1 AND b.issued_at >= $2 AND b.issued_at < $3 ORDER BY b.issued_at, c.id`, string(d), int64(from), int64(to))
	if err != nil {
		return nil, s.kind(fmt.Errorf("orders to device %s: %w", d, err))
	}
	return out, nil
}
