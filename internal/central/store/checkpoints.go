package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"loaxa/internal/radio"
)

// Checkpoint adds a checkpoint over the end of every journal whose chain is held, with the
// months that were closed since the last and the head of the audit, in one transaction:
// sign gets them, the marks in the order of the tree, and gives the checkpoint.
func (s *Store) Checkpoint(ctx context.Context, sign func(over radio.Countersigned) (radio.KeptCheckpoint, error)) (radio.KeptCheckpoint, error) {
	var made radio.KeptCheckpoint
	err := s.Log(ctx, func(t *LogTx) error {
		over, err := t.countersigned(ctx)
		if err != nil {
			return err
		}
		if made, err = sign(over); err != nil {
			return err
		}
		made.Number, made.Size = over.Last.Number+1, len(over.Marks)
		for _, m := range over.Months {
			if _, err := t.q.ExecContext(ctx, `UPDATE month_closed SET told = $1 WHERE month = $2`, int64(made.Number), m.Month); err != nil {
				return fmt.Errorf("closed month %s: %w", m.Month, err)
			}
		}
		return t.putCheckpoint(ctx, made, over.Marks)
	})
	if err != nil {
		return made, fmt.Errorf("make a checkpoint: %w", err)
	}
	return made, nil
}

// maxTold bounds the months that one checkpoint names; the next names the others.
const maxTold = 100

// countersigned reads what the next checkpoint stands for.
func (t *LogTx) countersigned(ctx context.Context) (over radio.Countersigned, err error) {
	if over.Last, err = newestCheckpoint(ctx, t.q); err != nil {
		return over, err
	}
	if over.Marks, err = t.ends(ctx, over.Last.Number+1); err != nil {
		return over, err
	}
	over.Months, err = collect(ctx, t.q, scanClosed, `SELECT `+closedColumns+` FROM month_closed c WHERE c.told = 0 AND c.digest <> '' ORDER BY c.month LIMIT $1`, maxTold)
	if err != nil {
		return over, fmt.Errorf("closed months: %w", err)
	}
	heads, err := collect(ctx, t.q, func(r *sql.Rows) (h radio.AuditHead, err error) { return h, r.Scan(&h.Seq, &h.Hash) }, `SELECT seq, hash FROM audit_head`)
	if err != nil || len(heads) != 1 {
		return over, fmt.Errorf("head of the audit: %d (%w)", len(heads), err)
	}
	over.Audit = heads[0]
	return over, nil
}

// ends are the ends of all journals whose chain is held, and of all books of days, as marks
// of a checkpoint.
func (t *LogTx) ends(ctx context.Context, number uint64) ([]radio.CheckpointMark, error) {
	marks, err := collect(ctx, t.q, func(r *sql.Rows) (radio.CheckpointMark, error) {
		var m radio.CheckpointMark
		var link []byte
		err := r.Scan(&m.Device, &m.Journal, &m.Upto, &link, &m.KID)
		copy(m.Hash[:], link)
		return m, err
	}, `SELECT h.device, h.journal, h.upto, h.link, COALESCE((SELECT c.kid FROM device_certificate c WHERE c.device = h.device
			ORDER BY CASE WHEN c.revoked_at = 0 THEN 0 ELSE 1 END, c.issued_at DESC, c.serial LIMIT 1), '')
		FROM journal_head h WHERE h.linked = 1 AND h.upto > 0 ORDER BY h.device, h.journal`)
	if err != nil {
		return nil, fmt.Errorf("ends of the journals: %w", err)
	}
	gaps, err := collect(ctx, t.q, func(r *sql.Rows) (d radio.JournalDispute, err error) {
		return d, r.Scan(&d.Device, &d.Journal, &d.Seq, &d.Last)
	}, `SELECT device, journal, seq, last_seq FROM journal_conflict WHERE kind = $1 ORDER BY seq`, string(radio.DisputeGap))
	if err != nil {
		return nil, fmt.Errorf("gaps of the journals: %w", err)
	}
	// The book of days stands among a device's journals, under no name.
	books, err := bookEnds(ctx, t.q)
	if err != nil {
		return nil, err
	}
	for _, b := range books {
		marks = append(marks, radio.CheckpointMark{JournalRef: radio.JournalRef{Device: b.Device}, Upto: b.N, Hash: b.Link})
	}
	slices.SortFunc(marks, func(a, b radio.CheckpointMark) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Journal, b.Journal))
	})
	place := make(map[radio.JournalRef]int, len(marks))
	for i := range marks {
		marks[i].Number, marks[i].Place = number, i
		place[marks[i].JournalRef] = i
	}
	for _, g := range gaps {
		if i, ok := place[g.JournalRef]; ok && g.Last <= marks[i].Upto {
			marks[i].Gaps = radio.AddGap(marks[i].Gaps, g.Seq, g.Last)
		}
	}
	return marks, nil
}

func (t *LogTx) putCheckpoint(ctx context.Context, c radio.KeptCheckpoint, marks []radio.CheckpointMark) error {
	leaves := make([][]any, len(marks))
	for i, m := range marks {
		leaves[i] = []any{int64(m.Number), int64(m.Place), string(m.Device), string(m.Journal), int64(m.Upto), m.Hash[:], m.KID, orNull(m.Gaps)}
	}
	err := t.put(ctx, bulk{table: "checkpoint", columns: []string{"number bigint", "at bigint", "size bigint", "digest bytea", "envelope bytea"}},
		[][]any{{int64(c.Number), int64(c.At), int64(c.Size), c.Digest[:], c.Envelope}})
	return errors.Join(err, t.put(ctx, bulk{table: "checkpoint_leaf",
		columns: []string{"number bigint", "place bigint", "device text", "journal text", "upto bigint", "link bytea", "kid text", "gaps bytea"}}, leaves))
}

// orNull keeps no digest as NULL.
func orNull(digest [32]byte) []byte {
	if digest == ([32]byte{}) {
		return nil
	}
	return digest[:]
}

const checkpointColumns = `number, at, size, digest, envelope`

func scanCheckpoint(r *sql.Rows) (radio.KeptCheckpoint, error) {
	var c radio.KeptCheckpoint
	var digest []byte
	err := r.Scan(&c.Number, &c.At, &c.Size, &digest, &c.Envelope)
	copy(c.Digest[:], digest)
	return c, err
}

func newestCheckpoint(ctx context.Context, q querier) (radio.KeptCheckpoint, error) {
	list, err := collect(ctx, q, scanCheckpoint, `SELECT `+checkpointColumns+` FROM checkpoint ORDER BY number DESC LIMIT 1`)
	if err != nil || len(list) == 0 {
		return radio.KeptCheckpoint{}, err
	}
	return list[0], nil
}

// NewestCheckpoint is the zero one before the first.
func (s *Store) NewestCheckpoint(ctx context.Context) (radio.KeptCheckpoint, error) {
	c, err := newestCheckpoint(ctx, s.read)
	if err != nil {
		return c, s.kind(fmt.Errorf("newest checkpoint: %w", err))
	}
	return c, nil
}

// Checkpoints gives at most limit checkpoints behind a number, in their order.
func (s *Store) Checkpoints(ctx context.Context, after uint64, limit int) ([]radio.KeptCheckpoint, error) {
	out, err := collect(ctx, s.read, scanCheckpoint, `SELECT `+checkpointColumns+` FROM checkpoint WHERE number > $1 ORDER BY number LIMIT $2`, int64(after), limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("checkpoints: %w", err))
	}
	return out, nil
}

func scanMark(r *sql.Rows) (radio.CheckpointMark, error) {
	var m radio.CheckpointMark
	var link, gaps []byte
	err := r.Scan(&m.Number, &m.Place, &m.Device, &m.Journal, &m.Upto, &link, &m.KID, &gaps)
	copy(m.Hash[:], link)
	copy(m.Gaps[:], gaps)
	return m, err
}

// CheckpointMarks gives all of a checkpoint, in the order of its tree.
func (s *Store) CheckpointMarks(ctx context.Context, number uint64) ([]radio.CheckpointMark, error) {
	out, err := collect(ctx, s.read, scanMark, `SELECT number, place, device, journal, upto, link, kid, gaps FROM checkpoint_leaf WHERE number = $1 ORDER BY place`, int64(number))
	if err != nil {
		return nil, s.kind(fmt.Errorf("marks of checkpoint %d: %w", number, err))
	}
	return out, nil
}

// JournalMarks gives what the checkpoints say of one journal, in their order.
func (s *Store) JournalMarks(ctx context.Context, ref radio.JournalRef) ([]radio.CheckpointMark, error) {
	out, err := collect(ctx, s.read, scanMark, `SELECT number, place, device, journal, upto, link, kid, gaps FROM checkpoint_leaf
		WHERE device = $1 AND journal = $2 ORDER BY number`, string(ref.Device), string(ref.Journal))
	if err != nil {
		return nil, s.kind(fmt.Errorf("checkpoints of journal %s: %w", ref.Journal, err))
	}
	return out, nil
}

// ThinCheckpoints drops what checkpoints before an instant say of single journals, but for
// the last one of each month of a zone; the checkpoints themselves stay. A later one covers
// what an earlier one did.
func (s *Store) ThinCheckpoints(ctx context.Context, before radio.Millis, zone *time.Location) (int64, error) {
	month := func(c radio.KeptCheckpoint) string { return c.At.Time().In(zone).Format("2006-01") }
	var n int64
	err := s.tx(ctx, func(tx *sql.Tx) error {
		list, err := collect(ctx, tx, func(r *sql.Rows) (c radio.KeptCheckpoint, err error) { return c, r.Scan(&c.Number, &c.At) },
			`SELECT c.number, c.at FROM checkpoint c WHERE c.at < $1 AND EXISTS (SELECT 1 FROM checkpoint_leaf l WHERE l.number = c.number) ORDER BY c.number`, int64(before))
		if err != nil {
			return err
		}
		for i, c := range list {
			if i+1 == len(list) || month(list[i+1]) != month(c) {
				continue
			}
			res, err := tx.ExecContext(ctx, `DELETE FROM checkpoint_leaf WHERE number = $1`, int64(c.Number))
			if err != nil {
				return err
			}
			gone, err := res.RowsAffected()
			if err != nil {
				return err
			}
			n += gone
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("thin out checkpoints: %w", err)
	}
	return n, nil
}

// KeepKeyring keeps a keyring for whoever checks later what was signed under it.
func (s *Store) KeepKeyring(ctx context.Context, version int64, envelope []byte, at radio.Millis) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO keyring_kept (version, kept_at, envelope) VALUES ($1, $2, $3) ON CONFLICT (version) DO NOTHING`, version, int64(at), envelope)
		if err != nil {
			return fmt.Errorf("keep keyring %d: %w", version, err)
		}
		return nil
	})
}

// Keyrings lists every keyring kept, the oldest first.
func (s *Store) Keyrings(ctx context.Context) ([][]byte, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (b []byte, err error) { return b, r.Scan(&b) }, `SELECT envelope FROM keyring_kept ORDER BY version`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("keyrings: %w", err))
	}
	return out, nil
}
