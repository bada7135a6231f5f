package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"loaxa/internal/radio"
)

// JournalDevices lists every device of which there is a journal, or was one at the newest
// checkpoint, or a row in the log.
func (s *Store) JournalDevices(ctx context.Context) ([]radio.DeviceID, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (d radio.DeviceID, err error) { return d, r.Scan(&d) }, `
		SELECT DISTINCT device FROM journal_head
		UNION SELECT device FROM checkpoint_leaf WHERE number = (SELECT MAX(number) FROM checkpoint_leaf) ORDER BY device`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("devices with journals: %w", err))
	}
	planned, err := s.LogDevices(ctx, 0)
	if err != nil {
		return nil, err
	}
	out = append(out, planned...)
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Journals lists a device's journals, also those that only the newest checkpoint or a
// record knows of.
func (s *Store) Journals(ctx context.Context, device radio.DeviceID) ([]radio.KeptJournal, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.KeptJournal, error) {
		j := radio.KeptJournal{JournalHead: radio.JournalHead{JournalRef: radio.JournalRef{Device: device}}}
		var link, before []byte
		var linked int64
		err := r.Scan(&j.Journal, &j.Upto, &link, &linked, &j.From, &before)
		copy(j.Link[:], link)
		copy(j.Before[:], before)
		j.Linked = linked != 0
		return j, err
	}, `SELECT k.journal, COALESCE(h.upto, 0), h.link, COALESCE(h.linked, 0), COALESCE(a.upto, 0) + 1, a.link
		FROM (SELECT journal FROM journal_head WHERE device = $1 UNION SELECT DISTINCT journal FROM journal_record WHERE device = $1
			UNION SELECT journal FROM checkpoint_leaf WHERE device = $1 AND journal <> '' AND number = (SELECT MAX(number) FROM checkpoint_leaf)) k
		LEFT JOIN journal_head h ON h.device = $1 AND h.journal = k.journal
		LEFT JOIN journal_archived a ON a.device = $1 AND a.journal = k.journal ORDER BY k.journal`, string(device))
	if err != nil {
		return nil, s.kind(fmt.Errorf("journals of device %s: %w", device, err))
	}
	return out, nil
}

// JournalRecords gives at most limit records of a journal behind seq after, as they are
// kept.
func (s *Store) JournalRecords(ctx context.Context, ref radio.JournalRef, after uint64, limit int) ([]radio.KeptRecord, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.KeptRecord, error) {
		var k radio.KeptRecord
		var link []byte
		err := r.Scan(&k.Seq, &link, &k.Kind, &k.At, &k.Received, &k.Bytes, &k.Poison)
		copy(k.Link[:], link)
		return k, err
	}, `SELECT r.seq, r.link, r.kind, r.at, r.received, COALESCE(r.bytes, q.bytes), COALESCE(q.reason, '') FROM journal_record r
		LEFT JOIN journal_quarantine q ON q.device = r.device AND q.journal = r.journal AND q.seq = r.seq
		WHERE r.device = $1 AND r.journal = $2 AND r.seq > $3 ORDER BY r.seq LIMIT $4`, string(ref.Device), string(ref.Journal), int64(after), limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("records of journal %s: %w", ref.Journal, err))
	}
	return out, nil
}

// JournalBatches gives at most limit batches of a journal that brought records from seq
// from on.
func (s *Store) JournalBatches(ctx context.Context, ref radio.JournalRef, from uint64, limit int) ([]radio.KeptBatch, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.KeptBatch, error) {
		b := radio.KeptBatch{JournalProof: radio.JournalProof{JournalRef: ref}}
		var prev []byte
		err := r.Scan(&b.New, &b.First, &b.Last, &prev, &b.Received, &b.Signatures, &b.Payload)
		copy(b.Prev[:], prev)
		return b, err
	}, `SELECT new_seq, first_seq, last_seq, prev, received, signatures, payload FROM journal_batch
		WHERE device = $1 AND journal = $2 AND new_seq >= $3 ORDER BY new_seq LIMIT $4`, string(ref.Device), string(ref.Journal), int64(from), limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("batches of journal %s: %w", ref.Journal, err))
	}
	return out, nil
}

// JournalEvents gives at most limit security events of a journal, in its order.
func (s *Store) JournalEvents(ctx context.Context, ref radio.JournalRef, limit int) ([]radio.JournalDispute, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (radio.JournalDispute, error) {
		d := radio.JournalDispute{JournalRef: ref}
		var held, claimed []byte
		err := r.Scan(&d.Kind, &d.Seq, &d.Last, &held, &claimed, &d.Bytes, &d.Envelope)
		copy(d.Held[:], held)
		copy(d.Claimed[:], claimed)
		return d, err
	}, `SELECT kind, seq, last_seq, held, claimed, bytes, envelope FROM journal_conflict
		WHERE device = $1 AND journal = $2 ORDER BY seq, kind, claimed LIMIT $3`, string(ref.Device), string(ref.Journal), limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("events of journal %s: %w", ref.Journal, err))
	}
	return out, nil
}

// DeviceCertificates lists every certificate a device has had, the first one first.
func (s *Store) DeviceCertificates(ctx context.Context, device radio.DeviceID) ([]radio.Certificate, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (c radio.Certificate, err error) {
		return c, r.Scan(&c.Serial, &c.Device, &c.KID, &c.JWK, &c.PEM, &c.IssuedAt, &c.NotAfter, &c.RevokedAt)
	}, `SELECT serial, device, kid, jwk, pem, issued_at, not_after, revoked_at FROM device_certificate WHERE device = $1 ORDER BY issued_at, serial`, string(device))
	if err != nil {
		return nil, s.kind(fmt.Errorf("certificates of device %s: %w", device, err))
	}
	return out, nil
}

// LogParts lists the months (yyyymm, UTC) the log has rows of, the first one first.
func (s *Store) LogParts(ctx context.Context) ([]int64, error) {
	out, err := collect(ctx, s.read, func(r *sql.Rows) (m int64, err error) { return m, r.Scan(&m) }, `
		WITH RECURSIVE months (month) AS (
			SELECT MIN(month) FROM airing
			UNION ALL
			SELECT (SELECT MIN(airing.month) FROM airing WHERE airing.month > months.month) FROM months WHERE months.month IS NOT NULL)
		SELECT month FROM months WHERE month IS NOT NULL ORDER BY month`)
	if err != nil {
		return nil, s.kind(fmt.Errorf("months of the log: %w", err))
	}
	return out, nil
}

// KeptRows gives at most limit rows of a device in one part of the log behind an airing,
// with all that was said about them.
func (s *Store) KeptRows(ctx context.Context, part int64, device radio.DeviceID, after radio.AiringID, limit int) ([]radio.KeptRow, error) {
	out, err := s.keptRows(ctx, s.read, part, device, after, limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("rows of device %s: %w", device, err))
	}
	return out, nil
}

// keptRow gives one row, or none.
func (s *Store) keptRow(ctx context.Context, part int64, device radio.DeviceID, airing radio.AiringID) ([]radio.KeptRow, error) {
	found, err := collect(ctx, s.read, scanFound, `SELECT `+airingColumns+`, a.place, a.item FROM airing a
		WHERE a.month = $1 AND a.device = $2 AND a.airing = $3`, part, string(device), string(airing))
	if err != nil {
		return nil, s.kind(fmt.Errorf("row %.32s: %w", airing, err))
	}
	out, err := s.withWords(ctx, s.read, part, device, found)
	return out, s.kind(err)
}

func (s *Store) keptRows(ctx context.Context, q querier, part int64, device radio.DeviceID, after radio.AiringID, limit int) ([]radio.KeptRow, error) {
	found, err := collect(ctx, q, scanFound, `SELECT `+airingColumns+`, a.place, a.item FROM airing a
		WHERE a.month = $1 AND a.device = $2 AND a.airing > $3 ORDER BY a.airing LIMIT $4`, part, string(device), string(after), limit)
	if err != nil {
		return nil, err
	}
	return s.withWords(ctx, q, part, device, found)
}

// withWords adds what was said about rows of one device and part, in the order of airing.
func (s *Store) withWords(ctx context.Context, q querier, part int64, device radio.DeviceID, found []foundAiring) ([]radio.KeptRow, error) {
	rows, err := s.describeAny(ctx, q, found)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	said, err := collect(ctx, q, scanWord, `SELECT airing, n, known_at, said, outcome, reason, started_at, consumed, expected, at_least, proof, stale, clock, journal, seq
		FROM airing_word WHERE month = $1 AND device = $2 AND airing >= $3 AND airing <= $4 ORDER BY airing, n`,
		part, string(device), string(rows[0].Airing), string(rows[len(rows)-1].Airing))
	if err != nil {
		return nil, fmt.Errorf("words about device %s: %w", device, err)
	}
	words := map[radio.AiringID][]radio.Word{}
	for _, w := range said {
		words[w.Airing] = append(words[w.Airing], w)
	}
	out := make([]radio.KeptRow, len(rows))
	for i, a := range rows {
		out[i] = radio.KeptRow{AsRun: a, Said: words[a.Airing]}
	}
	return out, nil
}

// describeAny is describe, but for rows whose captions are gone or cannot be read: these stay
// without, which verify names.
func (s *Store) describeAny(ctx context.Context, q querier, found []foundAiring) ([]radio.AsRun, error) {
	rows, err := s.describe(ctx, q, found)
	if !errors.Is(err, errCaption) {
		return rows, err
	}
	rows = make([]radio.AsRun, len(found))
	for i, f := range found {
		one, err := s.describe(ctx, q, []foundAiring{f})
		switch {
		case err == nil:
			rows[i] = one[0]
		case errors.Is(err, errCaption):
			rows[i] = f.AsRun
		default:
			return nil, err
		}
	}
	return rows, nil
}

func scanWord(r *sql.Rows) (radio.Word, error) {
	var w radio.Word
	var atLeast, stale int64
	err := r.Scan(&w.Airing, &w.N, &w.KnownAt, &w.From, &w.Outcome, &w.Reason, &w.StartedAt, &w.Consumed, &w.Expected, &atLeast, &w.Proof, &stale, &w.Clock, &w.Journal, &w.Seq)
	w.AtLeast, w.Stale = atLeast != 0, stale != 0
	return w, err
}
