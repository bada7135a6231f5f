package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/radio"
)

const archivedColumns = `month, file, sha256, bytes, verified_at, done_at`

func scanArchived(r *sql.Rows) (a radio.ArchivedMonth, err error) {
	return a, r.Scan(&a.Month, &a.File, &a.SHA256, &a.Bytes, &a.VerifiedAt, &a.DoneAt)
}

// ArchivedMonths lists the months that have left the database, or are about to, the
// oldest first.
func (s *Store) ArchivedMonths(ctx context.Context) ([]radio.ArchivedMonth, error) {
	out, err := collect(ctx, s.read, scanArchived, `SELECT `+archivedColumns+` FROM month_archived ORDER BY month`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("archived months: %w", err))
	}
	return out, nil
}

// BeginArchive notes that a month's file was read back and holds: from here on its rows
// may go.
func (s *Store) BeginArchive(ctx context.Context, a radio.ArchivedMonth) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO month_archived (`+archivedColumns+`) VALUES ($1, $2, $3, $4, $5, 0)`,
			a.Month, a.File, a.SHA256, a.Bytes, int64(a.VerifiedAt))
		if err != nil {
			return fmt.Errorf("archive month %s: %w", a.Month, err)
		}
		return nil
	})
}

// FinishArchive notes that all of the month has gone.
func (s *Store) FinishArchive(ctx context.Context, a radio.ArchivedMonth) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE month_archived SET done_at = $1 WHERE month = $2 AND done_at = 0`, int64(a.DoneAt), a.Month)
		if err != nil {
			return fmt.Errorf("archive month %s: %w", a.Month, err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("archive month %s: %w (%v)", a.Month, radio.ErrConflict, err)
		}
		return audit(ctx, tx, a.DoneAt, "centre", "log.archive", a.Month, radio.AuditFacts{Code: a.Month, File: a.File, Key: a.SHA256})
	})
}

// ForgetJournal drops the records of a journal up to seq upto, whose link is given, which
// stand in an archive. payloads are what was signed in batches that reach back over them,
// by the first seq that each brought: they could not be built again. What was dropped
// before stays so.
func (s *Store) ForgetJournal(ctx context.Context, ref radio.JournalRef, upto uint64, link [32]byte, payloads map[uint64][]byte) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		device, journal := string(ref.Device), string(ref.Journal)
		do := func(query string, args ...any) error {
			_, err := tx.ExecContext(ctx, query, args...)
			if err != nil {
				return fmt.Errorf("forget records of journal %s: %w", journal, err)
			}
			return nil
		}
		var errs []error
		for seq, payload := range payloads {
			errs = append(errs, do(`UPDATE journal_batch SET payload = $1 WHERE device = $2 AND journal = $3 AND new_seq = $4 AND payload IS NULL`, payload, device, journal, int64(seq)))
		}
		errs = append(errs,
			do(`INSERT INTO journal_archived (device, journal, upto, link) VALUES ($1, $2, $3, $4)
				ON CONFLICT (device, journal) DO UPDATE SET upto = excluded.upto, link = excluded.link WHERE excluded.upto > journal_archived.upto`, device, journal, int64(upto), link[:]),
			do(`DELETE FROM journal_quarantine WHERE device = $1 AND journal = $2 AND seq <= $3`, device, journal, int64(upto)),
			do(`DELETE FROM journal_batch WHERE device = $1 AND journal = $2 AND last_seq <= $3`, device, journal, int64(upto)),
			do(`DELETE FROM journal_record WHERE device = $1 AND journal = $2 AND seq <= $3`, device, journal, int64(upto)))
		return errors.Join(errs...)
	})
}

// ForgetRows drops a device's rows of a local month, with all that was said about them.
// The sums of reports stay, and in the book of days that there was such a day.
func (s *Store) ForgetRows(ctx context.Context, month string, device radio.DeviceID) error {
	first, err := time.Parse("2006-01", month)
	if err != nil {
		return fmt.Errorf("%w: month %.16q", radio.ErrInvalid, month)
	}
	from, to := radio.DateOf(first), radio.DateOf(first.AddDate(0, 1, -1))
	return s.Log(ctx, func(t *LogTx) error {
		if _, err := t.q.ExecContext(ctx, `UPDATE settled_day SET body = NULL WHERE device = $1 AND day >= $2 AND day <= $3`, string(device), string(from), string(to)); err != nil {
			return fmt.Errorf("forget settled days of %s: %w", month, err)
		}
		for i := -1; i <= 1; i++ {
			part := monthOf(radio.At(first.AddDate(0, i, 0)))
			if _, err := t.q.ExecContext(ctx, `DELETE FROM airing_word WHERE month = $1 AND device = $2 AND airing IN
				(SELECT a.airing FROM airing a WHERE a.month = $1 AND a.device = $2 AND a.day >= $3 AND a.day <= $4)`, part, string(device), string(from), string(to)); err != nil {
				return fmt.Errorf("forget words of %s: %w", month, err)
			}
			if _, err := t.q.ExecContext(ctx, `DELETE FROM airing WHERE month = $1 AND device = $2 AND day >= $3 AND day <= $4`,
				part, string(device), string(from), string(to)); err != nil {
				return fmt.Errorf("forget rows of %s: %w", month, err)
			}
		}
		return nil
	})
}

// MonthDevices lists the devices with rows of a local month.
func (s *Store) MonthDevices(ctx context.Context, month string) ([]radio.DeviceID, error) {
	first, err := time.Parse("2006-01", month)
	if err != nil {
		return nil, fmt.Errorf("%w: month %.16q", radio.ErrInvalid, month)
	}
	return s.monthDevices(ctx, monthParts(first))
}
