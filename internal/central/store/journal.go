package store

import (
	"context"
	"database/sql"
	"fmt"

	"loaxa/internal/radio"
)

// JournalHeads gives how far the journals are held; those never heard of are absent.
func (t *LogTx) JournalHeads(ctx context.Context, refs []radio.JournalRef) (map[radio.JournalRef]radio.JournalHead, error) {
	keys := make([][]any, len(refs))
	for i, r := range refs {
		keys[i] = []any{string(r.Device), string(r.Journal)}
	}
	heads, err := pick(ctx, t, `h.device, h.journal, h.upto, h.link, h.linked`, `journal_head h`,
		[]string{"h.device text", "h.journal text"}, keys, scanHead)
	if err != nil {
		return nil, fmt.Errorf("read journal heads: %w", err)
	}
	out := make(map[radio.JournalRef]radio.JournalHead, len(heads))
	for _, h := range heads {
		out[h.JournalRef] = h
	}
	return out, nil
}

func scanHead(rows *sql.Rows) (radio.JournalHead, error) {
	var h radio.JournalHead
	var link []byte
	var linked int64
	err := rows.Scan(&h.Device, &h.Journal, &h.Upto, &link, &linked)
	copy(h.Link[:], link)
	h.Linked = linked != 0
	return h, err
}

// JournalLinks gives the links held from seq from to seq to.
func (t *LogTx) JournalLinks(ctx context.Context, ref radio.JournalRef, from, to uint64) (map[uint64][32]byte, error) {
	out := map[uint64][32]byte{}
	_, err := collect(ctx, t.q, func(rows *sql.Rows) (struct{}, error) {
		var seq uint64
		var link []byte
		err := rows.Scan(&seq, &link)
		if len(link) == 32 {
			out[seq] = [32]byte(link)
		}
		return struct{}{}, err
	}, `SELECT seq, link FROM journal_record WHERE device = $1 AND journal = $2 AND seq BETWEEN $3 AND $4`,
		string(ref.Device), string(ref.Journal), int64(from), int64(to))
	if err != nil {
		return nil, fmt.Errorf("read links of journal %s: %w", ref.Journal, err)
	}
	return out, nil
}

var (
	journalRecords = bulk{table: "journal_record",
		columns: []string{"device text", "journal text", "seq bigint", "link bytea", "kind text", "at bigint", "received bigint", "bytes bytea"}}
	journalQuarantine = bulk{table: "journal_quarantine",
		columns: []string{"device text", "journal text", "seq bigint", "reason text", "received bigint", "bytes bytea"}}
	journalBatches = bulk{table: "journal_batch",
		columns: []string{"device text", "journal text", "new_seq bigint", "first_seq bigint", "last_seq bigint", "prev bytea", "received bigint", "signatures bytea", "payload bytea"}}
	journalConflicts = bulk{table: "journal_conflict",
		columns: []string{"device text", "journal text", "kind text", "seq bigint", "last_seq bigint", "held bytea", "claimed bytea", "received bigint", "bytes bytea", "envelope bytea"},
		// The device says it again until it is acknowledged; once told is enough.
		conflict: "ON CONFLICT DO NOTHING"}
	journalHeads = bulk{table: "journal_head",
		columns:  []string{"device text", "journal text", "upto bigint", "link bytea", "linked bigint"},
		conflict: "ON CONFLICT (device, journal) DO UPDATE SET upto = excluded.upto, link = excluded.link, linked = excluded.linked"}
)

// WriteJournal adds to the journals. A record whose key is held already is an error:
// the caller has compared with JournalHeads in this transaction.
func (t *LogTx) WriteJournal(ctx context.Context, w radio.JournalWrite) error {
	at := int64(w.At)
	var records, poison, batches, conflicts, heads [][]any
	for _, e := range w.Entries {
		d, j, seq := string(e.Device), string(e.Journal), int64(e.Seq)
		bytes := e.Bytes
		if e.Poison != "" {
			poison = append(poison, []any{d, j, seq, e.Poison, at, nonNil(e.Bytes)})
			bytes = nil
		}
		records = append(records, []any{d, j, seq, e.Link[:], string(e.Kind), int64(e.At), at, bytes})
	}
	for _, p := range w.Proofs {
		batches = append(batches, []any{string(p.Device), string(p.Journal), int64(p.New), int64(p.First), int64(p.Last), p.Prev[:], at, p.Signatures, p.Payload})
	}
	for _, c := range w.Disputes {
		conflicts = append(conflicts, []any{string(c.Device), string(c.Journal), string(c.Kind), int64(c.Seq), int64(c.Last), c.Held[:], c.Claimed[:], at, c.Bytes, c.Envelope})
	}
	for _, h := range w.Heads {
		heads = append(heads, []any{string(h.Device), string(h.Journal), int64(h.Upto), h.Link[:], bit(h.Linked)})
	}
	for _, part := range []struct {
		b    bulk
		rows [][]any
	}{{journalRecords, records}, {journalQuarantine, poison}, {journalBatches, batches}, {journalConflicts, conflicts}, {journalHeads, heads}} {
		if err := t.put(ctx, part.b, part.rows); err != nil {
			return err
		}
	}
	return nil
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// JournalHead is how far the centre holds the journal; the zero head when it holds nothing.
// After a restored backup that is less than what the device was acknowledged, and the
// device sends the rest again.
func (s *Store) JournalHead(ctx context.Context, ref radio.JournalRef) (radio.JournalHead, error) {
	heads, err := collect(ctx, s.read, scanHead, `SELECT h.device, h.journal, h.upto, h.link, h.linked FROM journal_head h WHERE h.device = $1 AND h.journal = $2`,
		string(ref.Device), string(ref.Journal))
	if err != nil {
		return radio.JournalHead{}, s.kind(fmt.Errorf("head of journal %s: %w", ref.Journal, err))
	}
	if len(heads) == 0 {
		return radio.JournalHead{JournalRef: ref}, nil
	}
	return heads[0], nil
}

// JournalProof gives the batch that brought the record seq, and every record the
// batch signed, as they were sent.
func (s *Store) JournalProof(ctx context.Context, ref radio.JournalRef, seq uint64) (radio.JournalProof, [][]byte, error) {
	p := radio.JournalProof{JournalRef: ref}
	var prev []byte
	err := s.read.QueryRowContext(ctx, `
		SELECT new_seq, first_seq, last_seq, prev, signatures, payload FROM journal_batch
		WHERE device = $1 AND journal = $2 AND new_seq <= $3 AND last_seq >= $3 ORDER BY new_seq DESC LIMIT 1`,
		string(ref.Device), string(ref.Journal), int64(seq)).
		Scan(&p.New, &p.First, &p.Last, &prev, &p.Signatures, &p.Payload)
	if err != nil {
		return p, nil, s.kind(fmt.Errorf("proof of record %d of journal %s: %w", seq, ref.Journal, err))
	}
	copy(p.Prev[:], prev)
	records, err := collect(ctx, s.read, func(rows *sql.Rows) ([]byte, error) {
		var b []byte
		err := rows.Scan(&b)
		return b, err
	}, `
		SELECT COALESCE(r.bytes, q.bytes) FROM journal_record r
		LEFT JOIN journal_quarantine q ON q.device = r.device AND q.journal = r.journal AND q.seq = r.seq
		WHERE r.device = $1 AND r.journal = $2 AND r.seq BETWEEN $3 AND $4 ORDER BY r.seq`,
		string(ref.Device), string(ref.Journal), int64(p.First), int64(p.Last))
	if err != nil {
		return p, nil, s.kind(fmt.Errorf("records of a batch of journal %s: %w", ref.Journal, err))
	}
	return p, records, nil
}

// JournalDisputes lists a device's security events, newest first.
func (s *Store) JournalDisputes(ctx context.Context, device radio.DeviceID, limit int) ([]radio.JournalDispute, error) {
	out, err := collect(ctx, s.read, func(rows *sql.Rows) (radio.JournalDispute, error) {
		d := radio.JournalDispute{JournalRef: radio.JournalRef{Device: device}}
		var held, claimed []byte
		err := rows.Scan(&d.Journal, &d.Kind, &d.Seq, &d.Last, &held, &claimed, &d.Bytes, &d.Envelope)
		copy(d.Held[:], held)
		copy(d.Claimed[:], claimed)
		return d, err
	}, `SELECT journal, kind, seq, last_seq, held, claimed, bytes, envelope FROM journal_conflict
		WHERE device = $1 ORDER BY received DESC, seq DESC LIMIT $2`, string(device), limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("disputes of device %s: %w", device, err))
	}
	return out, nil
}

// JournalPoison lists a device's quarantined records, newest first.
func (s *Store) JournalPoison(ctx context.Context, device radio.DeviceID, limit int) ([]radio.JournalEntry, error) {
	out, err := collect(ctx, s.read, func(rows *sql.Rows) (radio.JournalEntry, error) {
		e := radio.JournalEntry{JournalRef: radio.JournalRef{Device: device}}
		err := rows.Scan(&e.Journal, &e.Seq, &e.Poison, &e.Bytes)
		return e, err
	}, `SELECT journal, seq, reason, bytes FROM journal_quarantine
		WHERE device = $1 ORDER BY received DESC, seq DESC LIMIT $2`, string(device), limit)
	if err != nil {
		return nil, s.kind(fmt.Errorf("quarantine of device %s: %w", device, err))
	}
	return out, nil
}
