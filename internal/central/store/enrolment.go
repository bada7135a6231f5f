package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

// AddEnrolmentCode keeps a code; an earlier unused code of the device ends.
func (s *Store) AddEnrolmentCode(ctx context.Context, c radio.EnrolmentCode) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM enrolment_code WHERE device = $1 AND used_at = 0`, c.Device); err != nil {
			return fmt.Errorf("end earlier codes of device %s: %w", c.Device, err)
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO enrolment_code (secret_hash, device, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			c.SecretHash, c.Device, c.CreatedBy, c.CreatedAt, c.ExpiresAt)
		if err != nil {
			return fmt.Errorf("add enrolment code of device %s: %w", c.Device, err)
		}
		facts, err := ofDevice(ctx, tx, c.Device)
		if err != nil {
			return err
		}
		return audit(ctx, tx, c.CreatedAt, c.CreatedBy, "device.code", string(c.Device), facts)
	})
}

// ofDevice is which device an audit entry is of.
func ofDevice(ctx context.Context, tx *sql.Tx, id radio.DeviceID) (f radio.AuditFacts, err error) {
	if err = tx.QueryRowContext(ctx, `SELECT code, name FROM device WHERE id = $1`, id).Scan(&f.Code, &f.Title); err != nil {
		err = fmt.Errorf("device %s: %w", id, err)
	}
	return f, err
}

// EnrolmentDevice finds the device of a code that has not expired, and whether the code
// was used already.
func (s *Store) EnrolmentDevice(ctx context.Context, secretHash string, now radio.Millis) (d radio.DeviceID, used bool, err error) {
	var usedAt radio.Millis
	err = s.read.QueryRowContext(ctx, `SELECT device, used_at FROM enrolment_code WHERE secret_hash = $1 AND expires_at > $2`,
		secretHash, now).Scan(&d, &usedAt)
	if err != nil {
		return "", false, s.kind(fmt.Errorf("enrolment code: %w", err))
	}
	return d, usedAt != 0, nil
}

// Enrol uses up the code, revokes earlier certificates of the device and keeps the
// new one, in one transaction; ErrNotFound when the code was used meanwhile.
func (s *Store) Enrol(ctx context.Context, secretHash string, c radio.Certificate) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE enrolment_code SET used_at = $1 WHERE secret_hash = $2 AND used_at = 0 AND expires_at > $1`,
			c.IssuedAt, secretHash)
		if err != nil {
			return fmt.Errorf("use enrolment code: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("use enrolment code: %w (rows %d, %v)", radio.ErrNotFound, n, err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE device_certificate SET revoked_at = $1 WHERE device = $2 AND revoked_at = 0`, c.IssuedAt, c.Device); err != nil {
			return fmt.Errorf("revoke earlier certificates of %s: %w", c.Device, err)
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO device_certificate (serial, device, kid, jwk, pem, issued_at, not_after) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			c.Serial, c.Device, c.KID, c.JWK, c.PEM, c.IssuedAt, c.NotAfter)
		if err != nil {
			return fmt.Errorf("keep certificate of %s: %w", c.Device, err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE device SET enrolled_at = $1 WHERE id = $2`, c.IssuedAt, c.Device); err != nil {
			return fmt.Errorf("mark device %s enrolled: %w", c.Device, err)
		}
		facts, err := ofDevice(ctx, tx, c.Device)
		if err != nil {
			return err
		}
		facts.Serial = c.Serial
		return audit(ctx, tx, c.IssuedAt, string(c.Device), "device.enrol", string(c.Device), facts)
	})
}

// CurrentCertificate is the device's newest unrevoked certificate.
func (s *Store) CurrentCertificate(ctx context.Context, d radio.DeviceID) (radio.Certificate, error) {
	var c radio.Certificate
	err := s.read.QueryRowContext(ctx, `
		SELECT serial, device, kid, jwk, pem, issued_at, not_after, revoked_at FROM device_certificate
		WHERE device = $1 AND revoked_at = 0 ORDER BY issued_at DESC, serial LIMIT 1`, d).
		Scan(&c.Serial, &c.Device, &c.KID, &c.JWK, &c.PEM, &c.IssuedAt, &c.NotAfter, &c.RevokedAt)
	if err != nil {
		return c, s.kind(fmt.Errorf("certificate of device %s: %w", d, err))
	}
	return c, nil
}
