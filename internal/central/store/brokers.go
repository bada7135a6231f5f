package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

// AdmittedDevices lists the devices that hold a certificate nobody has revoked.
func (s *Store) AdmittedDevices(ctx context.Context) ([]radio.DeviceID, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (d radio.DeviceID, err error) { return d, r.Scan(&d) },
		`SELECT DISTINCT device FROM device_certificate WHERE revoked_at = 0 ORDER BY device`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list admitted devices: %w", err))
	}
	return out, nil
}

// EndedCertificates lists, by serial number, the revoked and replaced certificates that
// have not expired at an instant: what only a list keeps out.
func (s *Store) EndedCertificates(ctx context.Context, at radio.Millis) ([]radio.Certificate, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (c radio.Certificate, err error) {
		return c, r.Scan(&c.Serial, &c.Device, &c.NotAfter, &c.RevokedAt)
	}, `SELECT serial, device, not_after, revoked_at FROM device_certificate WHERE revoked_at > 0 AND not_after > $1 ORDER BY serial`, at)
	if err != nil {
		return nil, s.kind(fmt.Errorf("list revoked certificates: %w", err))
	}
	return out, nil
}
