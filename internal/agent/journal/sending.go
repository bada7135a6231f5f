package journal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"loaxa/internal/clock"
	"loaxa/internal/radio"
	"loaxa/internal/wire"
)

// keepFor is how long acknowledged records and the marks of airings stay: a centre
// restored from a backup gets them again (design §7).
const keepFor = 90 * 24 * time.Hour

// Batch gives the next records without acknowledgement, at most max and as many as
// fit a message; ok is false when all are acknowledged. Nothing is removed.
func (s *Store) Batch(max int) (batch wire.JournalPayload, ok bool, err error) {
	max = min(max, wire.MaxBatch)
	err = s.view(func(t *tx) error {
		st := t.state
		batch = wire.JournalPayload{Journal: st.Journal, First: st.Acked + 1, Prev: st.BaseHash}
		if st.Acked > st.Base {
			hash, _, _, err := t.record(st.Acked)
			if err != nil {
				return err
			}
			batch.Prev = hash
		}
		// The payload's other members take well under 512 bytes.
		room := wire.Journal.MaxPayload() - 512
		for seq := batch.First; seq <= st.Head && len(batch.Records) < max; seq++ {
			_, _, b, err := t.record(seq)
			if err != nil {
				return err
			}
			room -= base64.RawURLEncoding.EncodedLen(len(b)) + len(`"",`)
			if room < 0 {
				break
			}
			batch.Records = append(batch.Records, b)
		}
		return nil
	})
	if err != nil {
		return wire.JournalPayload{}, false, fmt.Errorf("read a batch: %w", err)
	}
	return batch, len(batch.Records) > 0, nil
}

// Quarantined is a record the centre could not use.
type Quarantined struct {
	Journal radio.JournalID `json:"journal"`
	Seq     uint64          `json:"seq"`
	Reason  string          `json:"reason"`
	At      radio.Millis    `json:"at"`
	Record  wire.Raw        `json:"record"`
}

// Ack takes the centre's receipt: everything up to upto is stored there, and the
// rejected ones are kept apart under their reason. It is cumulative and may come
// twice or late; one for another journal is ignored, one beyond the head is an error
// of kind ErrInvalid.
func (s *Store) Ack(_ context.Context, journal radio.JournalID, upto uint64, rejected []wire.Rejected) error {
	news := false
	err := s.view(func(t *tx) error {
		news = t.saysNews(journal, upto, rejected)
		return nil
	})
	if err != nil {
		return fmt.Errorf("acknowledge records: %w", err)
	}
	if !news {
		return nil // without a write: a hostile broker can repeat it for ever
	}
	now, _ := s.now()
	err = s.update(func(t *tx) error {
		st := t.state
		if journal != st.Journal {
			return nil
		}
		if upto > st.Head {
			return fmt.Errorf("%w: seq %d is acknowledged, %d is the last written", radio.ErrInvalid, upto, st.Head)
		}
		for _, r := range rejected {
			if r.Seq == 0 || r.Seq > upto || r.Seq <= st.Base {
				continue
			}
			if err := t.quarantine(r, max(now, st.Seen)); err != nil {
				return err
			}
			s.log.Error("the centre cannot use a record", "seq", r.Seq, "reason", r.Reason)
		}
		st.Acked = max(st.Acked, upto)
		return nil
	})
	if err != nil {
		return fmt.Errorf("acknowledge records: %w", err)
	}
	s.signal()
	return nil
}

// saysNews says whether an acknowledgement changes anything, or is wrong.
func (t *tx) saysNews(journal radio.JournalID, upto uint64, rejected []wire.Rejected) bool {
	st := t.state
	if journal != st.Journal || upto > st.Acked {
		return journal == st.Journal
	}
	for _, r := range rejected {
		if r.Seq > st.Base && r.Seq <= upto && !t.has(t.quarantineKey(r.Seq)) {
			return true
		}
	}
	return false
}

func (s *Store) now() (radio.Millis, clock.Reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reading()
}

func (t *tx) quarantineKey(seq uint64) []byte {
	return append(key(keyQuarantine, string(t.state.Journal)), seqKey(0, seq)[1:]...)
}

func (t *tx) quarantine(r wire.Rejected, now radio.Millis) error {
	k := t.quarantineKey(r.Seq)
	if t.has(k) {
		return nil
	}
	_, _, b, err := t.record(r.Seq)
	if err != nil {
		return err
	}
	if len(r.Reason) > 500 {
		r.Reason = r.Reason[:500]
	}
	return t.storeJSON(k, Quarantined{Journal: t.state.Journal, Seq: r.Seq, Reason: r.Reason, At: now, Record: b})
}

// Quarantined lists the records the centre rejected, for a person to look at.
func (s *Store) Quarantined(context.Context) ([]Quarantined, error) {
	var list []Quarantined
	err := s.view(func(t *tx) error {
		list = nil
		return t.each([]byte{keyQuarantine}, func(_, data []byte) (bool, error) {
			var q Quarantined
			if err := json.Unmarshal(data, &q); err != nil {
				return false, &damage{why: err.Error()}
			}
			list = append(list, q)
			return true, nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read rejected records: %w", err)
	}
	return list, nil
}

// Rewind moves the acknowledgement back to what the centre holds after it was
// restored from an older copy, so that what it lost is sent again, as far back as
// records are kept. A watermark that is not lower changes nothing.
func (s *Store) Rewind(_ context.Context, journal radio.JournalID, upto uint64) error {
	err := s.update(func(t *tx) error {
		st := t.state
		if journal != st.Journal || upto >= st.Acked {
			return nil
		}
		s.log.Warn("the centre lost records, sending them again", "from", upto+1, "acked", st.Acked, "kept_from", st.Base+1)
		st.Acked = max(upto, st.Base)
		return nil
	})
	if err != nil {
		return fmt.Errorf("rewind the journal: %w", err)
	}
	s.signal()
	return nil
}

// Renew begins a new journal with the records not acknowledged. It is for the case
// that the centre holds more of this journal than the device: the file is an older
// copy (an image written back), and seqs would be given twice.
func (s *Store) Renew(_ context.Context, why string) error {
	err := s.update(func(t *tx) error {
		old := *t.state
		records, err := t.unacked()
		if err != nil {
			return err
		}
		if err := t.begin(records); err != nil {
			return err
		}
		s.log.Warn("a new journal begins", "why", why, "old", string(old.Journal), "new", string(t.state.Journal), "records", len(records))
		return nil
	})
	if err != nil {
		return fmt.Errorf("begin a new journal: %w", err)
	}
	s.signal()
	return nil
}

func (t *tx) unacked() ([]radio.Record, error) {
	var list []radio.Record
	for seq := t.state.Acked + 1; seq <= t.state.Head; seq++ {
		_, _, b, err := t.record(seq)
		if err != nil {
			return nil, err
		}
		r, err := radio.ParseRecord(b)
		if err != nil {
			return nil, &damage{why: err.Error()}
		}
		list = append(list, r)
	}
	return list, nil
}

// Prune removes acknowledged records and the marks of airings older than 90 days,
// as long as the clock can be believed. It gives the number of records removed.
func (s *Store) Prune(context.Context) (int, error) {
	now, reading := s.now()
	if !reading.Usable() {
		return 0, nil
	}
	var n int
	err := s.update(func(t *tx) error {
		if hold, err := t.holdsBent(now); err != nil || hold {
			return errors.Join(err, t.pruneMarks(now.Add(-keepFor)))
		}
		upto, err := t.prunable(now.Add(-keepFor))
		if err != nil {
			return err
		}
		n = 0
		if upto > t.state.Base {
			hash, _, _, err := t.record(upto)
			if err != nil {
				return err
			}
			for seq := t.state.Base + 1; seq <= upto; seq++ {
				if err := t.Delete(seqKey(keyRecord, seq)); err != nil {
					return err
				}
				if err := t.Delete(seqKey(keyResult, seq)); err != nil {
					return err
				}
				n++
			}
			t.state.Base, t.state.BaseHash = upto, hash
		}
		return t.pruneMarks(now.Add(-keepFor))
	})
	if err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	return n, nil
}

// prunable gives the highest acknowledged seq written before cutoff by a clock that
// could be believed. What a wrong clock wrote before it is as old, or older.
func (t *tx) prunable(cutoff radio.Millis) (upto uint64, err error) {
	for seq := t.state.Base + 1; seq <= t.state.Acked; seq++ {
		_, _, b, err := t.record(seq)
		if err != nil {
			return 0, err
		}
		var r struct {
			At    radio.Millis     `json:"at"`
			Clock radio.ClockStamp `json:"clock"`
		}
		if err := json.Unmarshal(b, &r); err != nil {
			return 0, &damage{why: err.Error()}
		}
		if r.Clock.State == string(clock.Untrusted) {
			continue
		}
		if r.At >= cutoff {
			break
		}
		upto = seq
	}
	return upto, nil
}

func (t *tx) pruneMarks(cutoff radio.Millis) error {
	var old [][]byte
	err := t.each([]byte{keyAiring}, func(k, data []byte) (bool, error) {
		if len(data) == 9 && radio.Millis(bigEndian(data)) < cutoff && !t.has(key(keyOpen, string(k[1:]))) {
			old = append(old, bytes.Clone(k))
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	err = t.each([]byte{keyQuarantine}, func(k, data []byte) (bool, error) {
		var q Quarantined
		if err := json.Unmarshal(data, &q); err != nil {
			return false, &damage{why: err.Error()}
		}
		if q.At < cutoff {
			old = append(old, bytes.Clone(k))
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, k := range old {
		if err := t.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
