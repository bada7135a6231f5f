package store

import (
	"context"
	"database/sql"
	"errors"
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
	if err = tx.QueryRowContext(ctx, `SELECT code, name, hamlet FROM device WHERE id = $1`, id).Scan(&f.Code, &f.Title, &f.Area); err != nil {
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
		if err := endCertificates(ctx, tx, c.Device, "replaced", c.IssuedAt); err != nil {
			return err
		}
		c.UsedAt = c.IssuedAt // the ones before have ended, whether it is shown or not
		if err := addCertificate(ctx, tx, c); err != nil {
			return err
		}
		// Whatever boards the identity before was copied to: this one begins anew.
		if _, err := tx.ExecContext(ctx, `DELETE FROM device_machine WHERE device = $1`, c.Device); err != nil {
			return fmt.Errorf("forget the boards of %s: %w", c.Device, err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE device SET enrolled_at = $1, revoked_at = 0, retired_at = 0 WHERE id = $2`, c.IssuedAt, c.Device); err != nil {
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

func endCertificates(ctx context.Context, tx *sql.Tx, d radio.DeviceID, how string, at radio.Millis) error {
	_, err := tx.ExecContext(ctx, `UPDATE device_certificate SET revoked_at = $1, ended = $2 WHERE device = $3 AND revoked_at = 0`, at, how, d)
	if err != nil {
		return fmt.Errorf("end the certificates of device %s: %w", d, err)
	}
	return nil
}

func addCertificate(ctx context.Context, tx *sql.Tx, c radio.Certificate) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO device_certificate (serial, device, kid, jwk, pem, issued_at, not_after, used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		c.Serial, c.Device, c.KID, c.JWK, c.PEM, c.IssuedAt, c.NotAfter, c.UsedAt)
	if err != nil {
		return fmt.Errorf("keep certificate of %s: %w", c.Device, err)
	}
	return nil
}

// Certificates lists the device's certificates that hold, the newest first: one, or two
// while a renewed one has not been shown yet.
func (s *Store) Certificates(ctx context.Context, d radio.DeviceID) ([]radio.Certificate, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (c radio.Certificate, err error) {
		return c, r.Scan(&c.Serial, &c.Device, &c.KID, &c.JWK, &c.PEM, &c.IssuedAt, &c.NotAfter, &c.RevokedAt, &c.UsedAt)
	}, `SELECT serial, device, kid, jwk, pem, issued_at, not_after, revoked_at, used_at FROM device_certificate
		WHERE device = $1 AND revoked_at = 0 ORDER BY issued_at DESC, serial`, d)
	if err != nil {
		return nil, s.kind(fmt.Errorf("certificates of device %s: %w", d, err))
	}
	return out, nil
}

// Renew keeps a certificate that continues the one of a serial; ErrForbidden when that
// has ended meanwhile.
func (s *Store) Renew(ctx context.Context, serial string, c radio.Certificate) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		// Written, so that a revocation at the same moment comes wholly before or after.
		res, err := tx.ExecContext(ctx, `UPDATE device_certificate SET ended = '' WHERE serial = $1 AND device = $2 AND revoked_at = 0`, serial, c.Device)
		if err != nil {
			return fmt.Errorf("renew certificate %s: %w", serial, err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("renew certificate %s: %w (rows %d, %v)", serial, radio.ErrForbidden, n, err)
		}
		// What was handed out before and never shown is not waited for any more.
		if _, err := tx.ExecContext(ctx, `UPDATE device_certificate SET revoked_at = $1, ended = 'replaced'
			WHERE device = $2 AND revoked_at = 0 AND used_at = 0 AND serial <> $3`, c.IssuedAt, c.Device, serial); err != nil {
			return fmt.Errorf("end certificates of device %s that were never shown: %w", c.Device, err)
		}
		if err := addCertificate(ctx, tx, c); err != nil {
			return err
		}
		facts, err := ofDevice(ctx, tx, c.Device)
		if err != nil {
			return err
		}
		facts.Serial = c.Serial
		return audit(ctx, tx, c.IssuedAt, string(c.Device), "device.renew", string(c.Device), facts)
	})
}

// UseCertificate notes that a device has shown a renewed certificate: the others of the
// device end. Nothing changes when that is known, or it has ended itself.
func (s *Store) UseCertificate(ctx context.Context, d radio.DeviceID, serial string, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE device_certificate SET used_at = $1 WHERE serial = $2 AND device = $3 AND revoked_at = 0 AND used_at = 0`, at, serial, d)
		if err != nil {
			return fmt.Errorf("first use of certificate %s: %w", serial, err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE device_certificate SET revoked_at = $1, ended = 'replaced' WHERE device = $2 AND revoked_at = 0 AND serial <> $3`,
			at, d, serial); err != nil {
			return fmt.Errorf("end the certificates before %s: %w", serial, err)
		}
		return nil
	})
}

// KnowsCertificate says whether one with this serial was ever kept.
func (s *Store) KnowsCertificate(ctx context.Context, serial string) (bool, error) {
	var n int
	if err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM device_certificate WHERE serial = $1`, serial).Scan(&n); err != nil {
		return false, s.kind(fmt.Errorf("certificate %s: %w", serial, err))
	}
	return n > 0, nil
}

// AdoptCertificate keeps a certificate in use that this store has never seen; the
// others of the device end. ErrForbidden unless one of them is for the same key.
func (s *Store) AdoptCertificate(ctx context.Context, c radio.Certificate) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE device_certificate SET revoked_at = $1, ended = 'replaced' WHERE device = $2 AND kid = $3 AND revoked_at = 0`,
			c.IssuedAt, c.Device, c.KID)
		if err != nil {
			return fmt.Errorf("adopt certificate %s: %w", c.Serial, err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return fmt.Errorf("adopt certificate %s: %w (rows %d, %v)", c.Serial, radio.ErrForbidden, n, err)
		}
		if err := addCertificate(ctx, tx, c); err != nil {
			return err
		}
		facts, err := ofDevice(ctx, tx, c.Device)
		if err != nil {
			return err
		}
		facts.Serial = c.Serial
		return audit(ctx, tx, c.IssuedAt, string(c.Device), "device.adopt", string(c.Device), facts)
	})
}

// EndDevice takes a device's identity, with the codes that would give it another one;
// ErrConflict when there is nothing to take.
func (s *Store) EndDevice(ctx context.Context, e radio.DeviceEnd) error {
	how, column := "revoked", "revoked_at"
	if e.Retire {
		how, column = "retired", "retired_at"
	}
	return s.tx(ctx, func(tx *sql.Tx) error {
		facts, err := ofDevice(ctx, tx, e.Device)
		if err != nil {
			return err
		}
		// A place may be retired whatever became of its identity; a revocation takes one.
		res, err := tx.ExecContext(ctx, `UPDATE device SET `+column+` = $1, enrolled_at = 0 WHERE id = $2 AND retired_at = 0 AND (enrolled_at <> 0 OR $3 = 1)`,
			e.At, e.Device, bit(e.Retire))
		if err != nil {
			return fmt.Errorf("end device %s: %w", facts.Code, err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			refusal := radio.Refuse(radio.ErrConflict, "Cụm loa này hiện không có danh tính nào để thu hồi.", "this device has no identity that could be taken")
			if e.Retire {
				refusal = radio.Refuse(radio.ErrConflict, "Cụm loa này đã ngừng sử dụng rồi.", "this device was retired before")
			}
			return errors.Join(err, refusal)
		}
		if err := endCertificates(ctx, tx, e.Device, how, e.At); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM enrolment_code WHERE device = $1 AND used_at = 0`, e.Device); err != nil {
			return fmt.Errorf("end codes of device %s: %w", facts.Code, err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE device_status SET alive = 0 WHERE device = $1`, e.Device); err != nil {
			return fmt.Errorf("presence of device %s: %w", facts.Code, err)
		}
		facts.Why = e.Why
		return audit(ctx, tx, e.At, e.Actor, map[bool]string{false: "device.revoke", true: "device.retire"}[e.Retire], string(e.Device), facts)
	})
}

// EndedDevice tells by whom and why a device's identity was taken last; ErrNotFound when
// it never was.
func (s *Store) EndedDevice(ctx context.Context, d radio.DeviceID) (radio.AuditEntry, error) {
	out, err := collect(ctx, s.read, scanHistory, historyQuery+`WHERE a.subject = $1 AND a.action IN ('device.revoke', 'device.retire') ORDER BY a.seq DESC LIMIT 1`, string(d))
	if err == nil && len(out) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return radio.AuditEntry{}, s.kind(fmt.Errorf("end of device %s: %w", d, err))
	}
	return out[0], nil
}
